"""A lake in a folder and in an object store: one path, the same promises."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.use_case import UseCase
from nightshift.errors import ConflictError, NightshiftError, SettingsError, StoreUnreachableError
from nightshift.home.outside_errors import explained
from nightshift.home.settings import Settings, get_settings
from nightshift.job import Job
from nightshift.lake import sql_queries as sql
from nightshift.lake.audit_report import AuditError, AuditReport, Check
from nightshift.lake.publication import publish, write_and_audit
from nightshift.ledger.open_stages import open_attempts
from nightshift.storage import object_store
from tests.declaring import a_table, column
from tests.nightshift.publish_until_killed import DATES, ROWS
from tests.nightshift.publish_until_killed import TABLE as KILLED
from tests.nightshift.test_kills import Publisher
from tests.s3_server import S3Server
from tests.servers import free_port
from tests.staged import staged

FIRST, SECOND = dt.date(2013, 10, 1), dt.date(2013, 10, 2)
TABLE = a_table(column("thing", required=True), column("size", "int"), use_case="flight_delays", name="located")
ROUNDS, KILLS = 50, 6


@pytest.fixture(params=["folder", "store"])
def place(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[str]:
    """Where the lake is for these tests."""
    url = str(tmp_path / "a lake")
    if request.param == "store":
        server: S3Server = request.getfixturevalue("s3")
        url = f"s3://{server.new_bucket()}/a/lake"
    # The Spark session that tests share has no store.
    monkeypatch.setattr(write_and_audit, "_spark_session", lambda: None)
    yield from named(url, monkeypatch)


def named(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("NIGHTSHIFT_LAKE_URL", url)
    get_settings.cache_clear()
    yield url
    get_settings.cache_clear()


@pytest.fixture
def job(place: str) -> Job:
    return Job("refine", UseCase.load("flight_delays", get_settings()), None, BatchDates(FIRST, SECOND), "test")  # type: ignore[arg-type]


def rows(thing: str, size: int = 1) -> pa.Table:
    return pa.table({"thing": [thing], "size": pa.array([size], pa.int32())})


def judged(passed: bool = True):
    return lambda *_: AuditReport((Check("a_check", "blocks", "a test", passed=passed),))


def visible(table=TABLE) -> list[tuple]:
    found = lake.snapshot(table).to_pyarrow_table(columns=["batch_date", "thing", "size"]).to_pylist()
    return sorted(tuple(row.values()) for row in found)


def files() -> list[str]:
    """Staged or published Parquet files."""
    return [file.name for file in TABLE.location.walk() if file.name.endswith(".parquet")]


def test_a_slice_is_published_where_it_was_staged_and_again(place: str, job: Job) -> None:
    assert not TABLE.exists()
    folder = staged(TABLE, {FIRST: rows("a"), SECOND: rows("b")})
    before = files()
    assert publish(job, TABLE, folder, audit=judged()).version == 0
    assert files() == before, "nothing was moved"
    assert str(TABLE.location).startswith(place)
    assert publish(job, TABLE, staged(TABLE, {FIRST: rows("a", 2)}), audit=judged()).rows == {FIRST: 1, SECOND: 0}
    assert visible() == [(FIRST, "a", 2)]
    assert lake.rows_by_date(TABLE, job.dates) == {FIRST: 1, SECOND: 0}
    assert lake.published_dates(TABLE, 0) == {FIRST, SECOND}
    assert {date: len(each) for date, each in lake.files_added(TABLE, 0).items()} == {FIRST: 1, SECOND: 1}


def test_analysts_query_it(place: str, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(job, TABLE, staged(TABLE, {FIRST: rows("a"), SECOND: rows("b")}), audit=judged())
    monkeypatch.setattr(sql, "published_tables", lambda _: {TABLE.full_name: TABLE})
    found = sql.query(f"SELECT thing FROM {TABLE.full_name} WHERE batch_date = DATE '{SECOND}'", get_settings())
    assert found.to_pylist() == [{"thing": "b"}]


def test_a_refused_stage_leaves_nothing(place: str, job: Job) -> None:
    with pytest.raises(AuditError):
        publish(job, TABLE, staged(TABLE, {FIRST: rows("a")}), audit=judged(False))
    assert not TABLE.exists()
    assert files() == []


@pytest.mark.parametrize("change", ["again", "more", "gone"])
def test_a_stage_that_changed_is_refused(place: str, job: Job, change: str) -> None:
    folder = staged(TABLE, {FIRST: rows("a")})
    (file,) = lake.pin(folder, job.dates).files

    def changes(*_) -> AuditReport:
        if change == "again":
            file.location.write(bytes(file.bytes))
        elif change == "more":
            (file.location.parent / "more.parquet").write(b"")
        else:
            file.location.delete()
        return judged()()

    with pytest.raises(ConflictError, match="changed after it was written"):
        publish(job, TABLE, folder, audit=changes)
    assert not TABLE.exists()
    assert files() == []


@pytest.mark.parametrize("new", [True, False], ids=["new table", "table with rows"])
def test_of_two_commits_upon_one_version_one_is_refused(place: str, job: Job, new: bool) -> None:
    """Also where no turn kept them apart."""
    if not new:
        publish(job, TABLE, staged(TABLE, {FIRST: rows("old")}), audit=judged())
    folders = [staged(TABLE, {FIRST: rows(thing)}) for thing in ("one", "other")]
    stages = [lake.pin(folder, job.dates) for folder in folders]
    seen = [lake.snapshot(TABLE) if not new else None for _ in stages]
    lake.commit(stages[0], {"run": "one"}, seen[0])
    with pytest.raises(ConflictError, match="became version"):
        lake.commit(stages[1], {"run": "other"}, seen[1])
    for folder in folders:
        lake.discard(folder)
    assert visible() == [(FIRST, "one", 1)]
    assert len(files()) == (1 if new else 2)
    assert open_attempts(TABLE.use_case, TABLE.short_name) == []


def test_a_vacuum_leaves_what_is_named_and_what_is_being_written(place: str, job: Job) -> None:
    for size in (1, 2):
        publish(job, TABLE, staged(TABLE, {FIRST: rows("a", size)}), audit=judged())
    mine = staged(TABLE, {FIRST: rows("mine")})
    assert len(files()) == 3
    lake.vacuum(TABLE, 0)
    assert len(files()) == 2
    assert visible() == [(FIRST, "a", 2)]
    lake.discard(mine)
    assert files() == [each.relative_to(TABLE.location) for each in lake.files_added(TABLE, 1)[FIRST]]


@pytest.fixture
def publishers(place: str) -> Iterator[list[Publisher]]:
    made = [Publisher(), Publisher()]
    yield made
    for each in made:
        each.process.kill()
        each.process.wait()


def test_of_two_processes_that_publish_to_one_table_none_is_lost(place: str, publishers: list[Publisher]) -> None:
    for number in range(ROUNDS):
        for writer, each in enumerate(publishers):
            each.ask(number, days=len(DATES) * (2 * number + writer))
    assert {each.answer()["status"] for each in publishers for _ in range(ROUNDS)} == {0}
    found = visible(KILLED)
    assert len(found) == len(set(found)) == 2 * ROUNDS * len(DATES) * ROWS
    assert lake.newest_version(KILLED) == 2 * ROUNDS - 1


def test_kills_leave_no_torn_state(place: str, publishers: list[Publisher]) -> None:
    publisher = publishers[0]
    publisher.publish(0)
    lines = publisher.publish(0)["executed"]
    for number in range(KILLS):
        size = 2 * number + 1
        # The last part, around the commit.
        line = lines - 1 - number * lines // (2 * KILLS)
        assert publisher.publish(size, line=line)["status"] == -9
        sizes = {size for *_, size in visible(KILLED)}
        assert sizes in ({size}, {max(size - 1, 0)})
        assert len(visible(KILLED)) == ROWS * len(DATES)
        assert publisher.publish(size + 1)["status"] == 0
        assert {size for *_, size in visible(KILLED)} == {size + 1}
    assert open_attempts(KILLED.use_case, KILLED.short_name) == []


def said_of(work) -> NightshiftError:
    """What people are told of an error."""
    with pytest.raises(Exception) as raised:
        work()
    told = explained(raised.value)
    assert told is not None, repr(raised.value)
    return told


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "RETRIES", 1)


@pytest.mark.usefixtures("impatient", "home")
def test_a_bucket_that_is_missing_is_named(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in named("s3://no-such-bucket/lake", monkeypatch):
        for work in (TABLE.exists, lambda: opened_at(TABLE)):
            told = said_of(work)
            assert isinstance(told, SettingsError), told
            assert "no-such-bucket" in str(told)


@pytest.mark.usefixtures("impatient", "home")
def test_a_key_that_is_refused_is_a_setting(
    real_s3_server: S3Server, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3.new_bucket()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    for _ in named(f"s3://{bucket}/lake", monkeypatch):
        for work in (TABLE.exists, lambda: opened_at(TABLE), write_a_file, TABLE.location.delete_folder):
            told = said_of(work)
            assert isinstance(told, SettingsError), told
            assert bucket in str(told)
            assert s3.key not in str(told), "nor what it signs"


@pytest.mark.usefixtures("impatient", "home")
def test_a_store_that_is_away_is_waited_for_by_the_scheduler(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    for _ in named("s3://away/lake", monkeypatch):
        for work in (TABLE.exists, lambda: opened_at(TABLE)):
            told = said_of(work)
            assert isinstance(told, StoreUnreachableError), told
            assert "away/lake" in str(told)


def write_a_file() -> None:
    (TABLE.location / "file").write(b"x")


def opened_at(table):
    from deltalake import DeltaTable

    return DeltaTable(str(table.location), storage_options=table.location.options)
