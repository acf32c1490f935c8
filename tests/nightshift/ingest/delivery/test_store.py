"""Deliveries in an object store: the same verdicts as for a folder."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.dates import BatchDates
from nightshift.errors import EXIT_TEMPORARY, NightshiftError, SettingsError, StoreUnreachableError
from nightshift.home.settings import Settings, get_settings
from nightshift.home.variables.known_variables import RESULT_FILE
from nightshift.ingest.delivery import Delivery, delivered_digests, delivery_folder, is_complete, verify
from nightshift.job import run_job
from nightshift.job_result import failure
from nightshift.storage import object_store
from tests.s3_server import S3Server, serving_s3
from tests.sent_deliveries import OneSource, lines, manifest, things

DATE = dt.date(2013, 1, 2)
CONTENT = lines("code,amount,day\n", "a,1,2013-01-02\n")


@pytest.fixture(params=["variable", "URL"])
def told(request: pytest.FixtureRequest, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket as the landing zone, its endpoint told in one of the two ways."""
    bucket = s3.new_bucket()
    url = f"s3://{bucket}/landing"
    if request.param == "URL":
        monkeypatch.delenv("AWS_ENDPOINT_URL")
        url += f"?endpoint_override={s3.endpoint.removeprefix('http://')}&scheme=http"
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path))
    settle(monkeypatch, url)
    return bucket


def settle(monkeypatch: pytest.MonkeyPatch, landing_url: str) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LANDING_URL", landing_url)
    get_settings.cache_clear()


@pytest.fixture(autouse=True)
def settings_of_the_environment() -> Iterator[None]:
    yield
    get_settings.cache_clear()


def put(s3: S3Server, bucket: str, name: str, content: bytes, **headers: str) -> None:
    s3.client().put_object(Bucket=bucket, Key=f"landing/any/{DATE}/{name}", Body=content, **headers)


def test_a_delivery_in_an_object_store_is_verified_as_in_a_folder(s3: S3Server, told: str) -> None:
    catalog = OneSource(things({"file": "things*.csv", "format": "csv"}))
    use_case = catalog.use_case
    folder = delivery_folder(use_case, DATE)
    assert str(folder) == f"s3://{told}/landing/any/2013-01-02"
    assert folder.sizes() == {}
    # Hadoop and some consoles mark folders so.
    put(s3, told, "", b"")
    # What it says of its bytes changes none of them.
    put(s3, told, "things.csv", CONTENT, ContentEncoding="gzip")
    assert not is_complete(folder, get_settings())
    with pytest.raises(NightshiftError, match=rf"waited for s3://{told}/landing/any/2013-01-02/manifest\.json"):
        verify(catalog, BatchDates.of(DATE))

    put(s3, told, "manifest.json", manifest(DATE, {"things.csv": (CONTENT, 1)}).encode())
    assert is_complete(folder, get_settings())
    assert set(delivered_digests(use_case, [DATE])) == {DATE}
    delivery = verify(catalog, BatchDates.of(DATE))
    assert delivery.faults == ()
    (file,) = delivery.files
    assert file.path.read() == CONTENT
    assert file.path.relative_to(get_settings().archive)
    assert file.origin == f"s3://{told}/landing/any/2013-01-02"

    put(s3, told, "things.csv", CONTENT.replace(b"a,1", b"b,2"))
    put(s3, told, "stray.csv", b"")
    put(s3, told, "folder/stray.csv", b"")
    faults = [str(fault) for fault in verify(catalog, BatchDates.of(DATE)).faults]
    assert len(faults) == 3
    assert "folder: lies in the folder, but the manifest does not list it" in faults[0]
    assert "stray.csv: lies in the folder, but the manifest does not list it" in faults[1]
    assert "things.csv: has SHA-256" in faults[2]


def test_credentials_in_the_url_are_refused_without_being_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LANDING_URL", "s3://key:s3cret@deliveries/landing")
    get_settings.cache_clear()
    try:
        with pytest.raises(NightshiftError, match="NIGHTSHIFT_LANDING_URL holds credentials") as refusal:
            delivery_folder(OneSource(things({"file": "x", "format": "csv"})).use_case, DATE)
        assert "s3cret" not in str(refusal.value)
    finally:
        get_settings.cache_clear()


def looked_for() -> None:
    is_complete(delivery_folder(OneSource(things({"file": "x", "format": "csv"})).use_case, DATE), get_settings())


def test_a_store_that_does_not_answer_says_nothing_of_a_delivery(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightshift.storage.object_store.RETRIES", 0)
    settle(monkeypatch, "s3://deliveries/landing?endpoint_override=127.0.0.1:1&scheme=http")
    with pytest.raises(StoreUnreachableError, match="Next: see that the store answers"):
        looked_for()


def test_a_key_that_is_refused_is_for_a_person(
    real_s3_server: S3Server, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, f"s3://{s3.new_bucket()}/landing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    monkeypatch.setattr("nightshift.storage.object_store.RETRIES", 0)
    object_store.opened.cache_clear()
    with pytest.raises(SettingsError, match=r"(?s)landing/any.* can't be read: .*fix the access") as told:
        looked_for()
    object_store.opened.cache_clear()
    assert "another" not in str(told.value)


@pytest.mark.long
def test_a_store_that_goes_away_is_waited_for_by_the_scheduler(
    home: Settings, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "result.json"
    monkeypatch.setenv(RESULT_FILE, str(told))
    monkeypatch.setattr("nightshift.storage.object_store.RETRIES", 1)
    found: list[Delivery] = []

    def land() -> int:
        argv = ["--use-case", "flight_delays", "--dates", str(DATE)]
        return run_job("land", "A job.", lambda *_: found.append(verify(catalog, BatchDates.of(DATE))), argv=argv)

    with serving_s3(s3_server.program) as server:
        for name, value in server.variables.items():
            monkeypatch.setenv(name, value)
        bucket = server.new_bucket()
        settle(monkeypatch, f"s3://{bucket}/landing")
        catalog = OneSource(things({"file": "things*.csv", "format": "csv"}))
        put(server, bucket, "things.csv", CONTENT)
        put(server, bucket, "manifest.json", manifest(DATE, {"things.csv": (CONTENT, 1)}).encode())
        server.stop()
        assert land() == EXIT_TEMPORARY
        error = failure(told)
        assert isinstance(error, StoreUnreachableError)
        assert "missing" not in str(error)
        server.start()
        if not server.is_real:  # it forgets
            server.client().create_bucket(Bucket=bucket)
            put(server, bucket, "things.csv", CONTENT)
            put(server, bucket, "manifest.json", manifest(DATE, {"things.csv": (CONTENT, 1)}).encode())
        assert land() == 0
    assert [file.path.read() for file in found[0].files] == [CONTENT]
