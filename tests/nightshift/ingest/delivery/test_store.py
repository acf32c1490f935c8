"""Deliveries in an object store: the same verdicts as for a folder."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.dates import BatchDates
from nightshift.errors import EXIT_TEMPORARY, NightshiftError, StoreUnreachableError
from nightshift.home.settings import Settings, get_settings
from nightshift.home.variables.known_variables import RESULT_FILE
from nightshift.ingest.delivery import delivered_digests, delivery_folder, is_complete, verify
from nightshift.ingest.delivery.file_store import Folder
from nightshift.job import run_job
from nightshift.job_result import failure
from tests.sent_deliveries import OneSource, lines, manifest, things

DATE = dt.date(2013, 1, 2)
CONTENT = lines("code,amount,day\n", "a,1,2013-01-02\n")
BUCKET = "deliveries"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """Address of a server that speaks S3."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with serving(port) as address:
        yield address


@contextlib.contextmanager
def serving(port: int) -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(150):
            try:
                urllib.request.urlopen(f"{address}/moto-api/", timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(params=["variable", "URL"])
def bucket(
    request: pytest.FixtureRequest, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """An empty bucket as the landing zone, its endpoint told in one of the two ways."""
    address = store.removeprefix("http://")
    url = f"s3://{BUCKET}/landing"
    variables = {
        "NIGHTSHIFT_HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if request.param == "variable":
        variables["AWS_ENDPOINT_URL"] = store
    else:
        url += f"?endpoint_override={address}&scheme=http"
    for name, value in {**variables, "NIGHTSHIFT_LANDING_URL": url}.items():
        monkeypatch.setenv(name, value)
    from nightshift.ingest.delivery import file_store

    get_settings.cache_clear()
    file_store._store.cache_clear()
    boto(store, "reset")
    yield store
    get_settings.cache_clear()
    file_store._store.cache_clear()


def boto(store: str, action: str, name: str = "", content: bytes = b"") -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=store, region_name="us-east-1")
    if action == "reset":
        request = urllib.request.Request(f"{store}/moto-api/reset", method="POST")
        urllib.request.urlopen(request, timeout=10).close()
        client.create_bucket(Bucket=BUCKET)
    else:
        client.put_object(Bucket=BUCKET, Key=f"landing/any/{DATE}/{name}", Body=content)


def test_a_delivery_in_an_object_store_is_verified_as_in_a_folder(bucket: str) -> None:
    table = things({"file": "things*.csv", "format": "csv"})
    catalog = OneSource(table)
    use_case = catalog.use_case
    file_store = delivery_folder(use_case, DATE)
    assert str(file_store) == f"s3://{BUCKET}/landing/any/2013-01-02"
    boto(bucket, "put", "things.csv", CONTENT)
    assert not is_complete(file_store, get_settings())
    with pytest.raises(NightshiftError, match=r"waited for s3://deliveries/landing/any/2013-01-02/manifest\.json"):
        verify(catalog, BatchDates.of(DATE))

    boto(bucket, "put", "manifest.json", manifest(DATE, {"things.csv": (CONTENT, 1)}).encode())
    assert is_complete(file_store, get_settings())
    assert set(delivered_digests(use_case, [DATE])) == {DATE}
    delivery = verify(catalog, BatchDates.of(DATE))
    assert delivery.faults == ()
    (file,) = delivery.files
    assert file.path.read_bytes() == CONTENT
    assert file.path.is_relative_to(get_settings().archive)
    assert file.origin == f"s3://{BUCKET}/landing/any/2013-01-02"

    boto(bucket, "put", "things.csv", CONTENT.replace(b"a,1", b"b,2"))
    boto(bucket, "put", "stray.csv", b"")
    faults = [str(fault) for fault in verify(catalog, BatchDates.of(DATE)).faults]
    assert "stray.csv: lies in the folder, but the manifest does not list it" in faults[0]
    assert "things.csv: has SHA-256" in faults[1]


def test_credentials_in_the_url_are_refused_without_being_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LANDING_URL", "s3://key:s3cret@deliveries/landing")
    get_settings.cache_clear()
    try:
        with pytest.raises(NightshiftError, match="NIGHTSHIFT_LANDING_URL holds credentials") as refusal:
            delivery_folder(OneSource(things({"file": "x", "format": "csv"})).use_case, DATE)
        assert "s3cret" not in str(refusal.value)
    finally:
        get_settings.cache_clear()


def test_the_container_of_an_azure_store_is_no_login() -> None:
    file_store = Folder("abfss://box@account.dfs.core.windows.net/landing") / "2013-01-01"
    assert file_store._opened()[1] == "box/landing/2013-01-01"
    with pytest.raises(NightshiftError, match="holds credentials"):
        Folder("abfss://box:s3cret@account.dfs.core.windows.net/landing")


def test_a_store_that_does_not_answer_says_nothing_of_a_delivery(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LANDING_URL", f"s3://{BUCKET}/landing?endpoint_override=127.0.0.1:1&scheme=http")
    get_settings.cache_clear()
    file_store = delivery_folder(OneSource(things({"file": "x", "format": "csv"})).use_case, DATE)
    with pytest.raises(StoreUnreachableError, match="Next: see that the store answers"):
        is_complete(file_store, get_settings())


@pytest.mark.long
def test_a_store_that_goes_away_is_waited_for_by_the_scheduler(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"s3://{BUCKET}/landing?endpoint_override=127.0.0.1:{port}&scheme=http"
    keys = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_DEFAULT_REGION": "us-east-1"}
    told = tmp_path / "result.json"
    for name, value in {**keys, "NIGHTSHIFT_LANDING_URL": url, RESULT_FILE: str(told)}.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    catalog, found = OneSource(things({"file": "things*.csv", "format": "csv"})), []

    def land() -> int:
        argv = ["--use-case", "flight_delays", "--dates", str(DATE)]
        return run_job("land", "A job.", lambda *_: found.append(verify(catalog, BatchDates.of(DATE))), argv=argv)

    assert land() == EXIT_TEMPORARY
    error = failure(told)
    assert isinstance(error, StoreUnreachableError)
    assert "missing" not in str(error)
    with serving(port) as address:
        boto(address, "reset")
        boto(address, "put", "things.csv", CONTENT)
        boto(address, "put", "manifest.json", manifest(DATE, {"things.csv": (CONTENT, 1)}).encode())
        assert land() == 0
    assert [file.path.read_bytes() for file in found[0].files] == [CONTENT]
