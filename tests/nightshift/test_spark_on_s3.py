"""Spark with its lake in an object store: what it writes is whole, once, read alike by all, and without its keys."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from nightshift.errors import NightshiftError
from nightshift.home.settings import PROJECT_DIR, Settings, get_settings
from nightshift.home.variables import spark_s3
from nightshift.home.variables.known_variables import OWN
from tests.jobs_on_s3 import DATES, ROWS
from tests.s3_server import S3Server

SECONDS = 300


@pytest.fixture
def bucket(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket of this test, which holds its lake."""
    name = s3.new_bucket()
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NIGHTSHIFT_LAKE_URL", f"s3://{name}/lake")
    monkeypatch.setenv("NIGHTSHIFT_SPARK_MASTER", "local[2]")
    get_settings.cache_clear()
    return name


def started(job: str, folder: Path) -> subprocess.Popen[str]:
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "tests.jobs_on_s3", job, str(folder)],
        cwd=PROJECT_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def seen(process: subprocess.Popen[str]) -> Any:
    out, error = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, error[-3000:]
    return json.loads(out.splitlines()[-1])


def unfinished_uploads(s3: S3Server, bucket: str) -> list[str]:
    return [upload["Key"] for upload in s3.client().list_multipart_uploads(Bucket=bucket).get("Uploads", ())]


def test_what_is_written_in_place_and_committed_is_read_alike_by_all(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    found = seen(started("round_trip", tmp_path / "job"))
    rows = [ROWS, sum(range(ROWS)), dict.fromkeys(DATES, ROWS // 3)]
    assert found == dict.fromkeys(("Parquet", "Delta", "delta-rs", "DuckDB"), rows)
    # A key that ends with a slash is Hadoop's mark of a folder.
    files = [key for key in s3.keys(bucket, "lake/table/attempt=a/") if not key.endswith("/")]
    # What pins a stage by these files needs the mark, and finds nothing of the committer's own.
    assert files[0] == "lake/table/attempt=a/_SUCCESS"
    assert [key.split("/")[3] for key in files[1:]] == [f"batch_date={date}" for date in DATES for _ in range(4)]
    assert not unfinished_uploads(s3, bucket)


def test_slices_are_published_replaced_and_given_up(
    home: Settings, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LAKE_URL", f"s3://{s3.new_bucket()}/lake")
    found = seen(started("publication", tmp_path / "job"))
    days = dict.fromkeys(DATES, ROWS // 3)
    assert found == {
        "versions": [[ROWS, number * sum(range(ROWS)), days] for number in (1, 2)],
        "given up": [],
    }


def test_no_key_is_in_what_spark_shows_or_sends(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    assert seen(started("secrets", tmp_path / "job")) == []


def test_a_task_that_fails_when_it_has_written_leaves_none_of_its_rows(
    s3: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SPARK_MASTER", "local[2,4]")
    assert seen(started("failed_tasks", tmp_path / "job")) == {"rows": ROWS, "ids": ROWS, "failed": 4}
    assert len(s3.keys(bucket, "lake/attempt=a/batch_date=")) == 12
    assert not unfinished_uploads(s3, bucket)


@pytest.mark.long
def test_nor_does_one_whose_executor_is_killed(
    s3: S3Server, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SPARK_MASTER", "local-cluster[2,1,1024]")
    found = seen(started("killed_executors", tmp_path / "job"))
    assert (found["rows"], found["ids"], found["killed"]) == (ROWS, ROWS, True)
    assert found["failed"] > 0
    assert len(s3.keys(bucket, "lake/attempt=a/batch_date=")) == 12
    assert not unfinished_uploads(s3, bucket)


def test_before_a_job_ends_and_after_its_driver_was_killed_none_of_its_files_is_there(
    s3: S3Server, bucket: str, tmp_path: Path
) -> None:
    process = started("slow", tmp_path / "job")
    wait(process, (tmp_path / "job" / "written").exists)
    descendants = psutil.Process(process.pid).children(recursive=True)
    for each in (*descendants, process):
        each.send_signal(signal.SIGKILL)
    process.communicate()
    left = [key.removeprefix("lake/attempt=a/") for key in s3.keys(bucket, "lake/attempt=a/")]
    # The committer's own records of uploads that nobody completes, and Hadoop's mark of the folder.
    assert [key for key in left if not key.startswith("__magic_job-")] == [""]


@pytest.mark.long
def test_a_store_that_is_away_for_a_minute_is_waited_for(
    real_s3_server: S3Server, s3: S3Server, bucket: str, tmp_path: Path
) -> None:
    process = started("slow", tmp_path / "job")
    wait(process, (tmp_path / "job" / "written").exists)
    s3.stop()
    try:
        (tmp_path / "job" / "continue").touch()
        time.sleep(60)
        assert process.poll() is None
    finally:
        s3.start()
    assert seen(process) == {"rows": ROWS, "ids": ROWS, "failed": 0}


def wait(process: subprocess.Popen[str], until: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not until():
        assert process.poll() is None, process.communicate()[1][-3000:]
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, {}),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, {"endpoint.region": "eu-west-1"}),
        (
            {"AWS_ENDPOINT_URL": "https://s3.company", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "x"},
            {
                "endpoint": "https://s3.company",
                "endpoint.region": "eu-west-1",
                "path.style.access": "true",
                "connection.ssl.enabled": "true",
            },
        ),
        (
            {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:7070", "AWS_ENDPOINT_URL": "https://all.company"},
            {
                "endpoint": "http://127.0.0.1:7070",
                "endpoint.region": "us-east-1",
                "path.style.access": "true",
                "connection.ssl.enabled": "false",
            },
        ),
    ],
    ids=["Amazon's", "a region", "another store", "of S3 alone"],
)
def test_the_variables_of_the_store_say_where_it_is(
    variables: dict[str, str], expected: dict[str, str], s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in s3.variables.keys() - {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    prefix = "spark.hadoop.fs.s3a."
    found = spark_s3.pairs()
    names = ("endpoint", "endpoint.region", "path.style.access", "connection.ssl.enabled")
    assert {name: found[prefix + name] for name in names if prefix + name in found} == expected
    assert s3.key not in str(found)
    assert s3.secret not in str(found)


@pytest.mark.parametrize("name", ["LAKE_URL", "ARCHIVE_URL", "LANDING_URL", None])
def test_only_a_session_with_a_store_has_its_jars(
    name: str | None, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nightshift import spark_session

    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(home.home))
    if name:
        monkeypatch.setenv(f"{OWN}{name}", "s3://bucket/x")
    get_settings.cache_clear()
    settings = get_settings()
    with spark_session._jars_behind_all_others(settings):
        behind = os.environ.get("SPARK_DIST_CLASSPATH", "")
    assert ("hadoop-aws" in behind) == bool(name)
    found = spark_session._configuration(settings.model_copy(update={"spark_master": "spark://master:7077"}), {})
    # In front of the driver's own it would void the class-data archive; executors have none.
    assert "hadoop-aws" not in found["spark.driver.extraClassPath"]
    assert ("hadoop-aws" in found["spark.executor.extraClassPath"]) == bool(name)
    assert ("spark.hadoop.fs.s3a.committer.name" in found) == bool(name)


def test_a_checkout_that_was_set_up_before_says_what_to_do(home: Settings, tmp_path: Path) -> None:
    from nightshift import spark_session

    (tmp_path / "toolchain.json").write_text('{"java_home": "/x", "jars": [], "driver_java_options": ""}')
    asked = home.model_copy(update={"lake_url": "s3://bucket/lake", "toolchain_dir": tmp_path})
    with pytest.raises(NightshiftError, match="make setup"):
        spark_session._s3_jars(asked)
