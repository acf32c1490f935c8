"""A slice that is staged in its table's folder: who sees it, what becomes of it, and of what a killed process left."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from deltalake import DeltaTable, write_deltalake

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.errors import ConflictError
from nightshift.home.settings import Settings
from nightshift.lake import delta_commit, delta_log, staging
from nightshift.ledger import open_stages
from nightshift.ledger.ledger_tables import OpenStageRow
from tests.declaring import a_table, column
from tests.nightshift.cut_connections import cut_the_locks
from tests.staged import publish_staged, staged

FIRST, SECOND, THIRD = (dt.date(2013, 10, day) for day in (1, 2, 3))
# A column may have the very name of what staged slices are told apart by.
TABLE = a_table(column("thing", required=True), column("attempt", "int"), column("attempt_id"), use_case="staged")


@pytest.fixture(autouse=True)
def no_other_stages(home: Settings) -> None:
    with ledger.engine().begin() as connection:
        connection.execute(sa.delete(OpenStageRow).where(OpenStageRow.use_case == TABLE.use_case))


def rows(thing: str, attempt: int = 1) -> pa.Table:
    return pa.table({"thing": [thing], "attempt": pa.array([attempt], pa.int32()), "attempt_id": [f"of {thing}"]})


def things(version: int | None = None) -> list[str]:
    return sorted(DeltaTable(TABLE.location.path, version=version).to_pyarrow_table()["thing"].to_pylist())


def left_by_a_killed_process(seen: int | None) -> uuid.UUID:
    """A stage whose process is gone; ``seen``: the version upon which it was about to commit."""
    folder = staged(TABLE, {FIRST: rows("killed")})
    if seen is not None:
        folder.record.commits_upon(seen)
    folder.record.lock.leave()
    return folder.attempt_id


def is_there(attempt_id: uuid.UUID) -> bool:
    return any(Path(TABLE.location.path).glob(f"attempt-id={attempt_id}/*/*.parquet"))


def test_staged_files_are_seen_by_no_reader_and_stay_where_they_are_when_published(home: Settings) -> None:
    publish_staged(TABLE, {FIRST: rows("old")})
    folder = staged(TABLE, {FIRST: rows("new")})
    pinned = lake.pin(folder, BatchDates.of(FIRST))
    assert things() == ["old"]
    lake.publish(pinned, {"run": "test"})
    lake.discard(folder)
    assert things() == ["new"]
    assert lake.files_of(TABLE, lake.snapshot(TABLE), BatchDates.of(FIRST)) == {FIRST: [pinned.files[0].location]}
    assert open_stages.open_attempts(TABLE.use_case, TABLE.short_name) == []


@pytest.mark.parametrize("name", ["rows of a day.parquet", "100%25 ü#?+=&.parquet", "[a]{b}*.parquet"])
def test_files_may_have_any_name(spark, home: Settings, name: str) -> None:
    folder = staged(TABLE, {FIRST: rows("a")}, name)
    lake.publish(lake.pin(folder, BatchDates.of(FIRST)), {"run": "test"})
    lake.discard(folder)
    (file,) = lake.files_added(TABLE, 0)[FIRST]
    assert file.name == name
    assert delta_log.paths_of(TABLE, lake.snapshot(TABLE)) == [file]
    assert file.exists()
    assert things() == ["a"]
    assert [row.thing for row in lake.read(spark, TABLE).collect()] == ["a"]
    lake.vacuum(TABLE, 0)
    assert file.exists()


def test_tables_with_files_of_older_publications_are_read_as_one(spark, home: Settings) -> None:
    """These moved their files out of the stage: straight into the folder of the batch date."""
    older = rows("older", 7).append_column("batch_date", pa.array([FIRST], pa.date32()))
    write_deltalake(TABLE.location.path, older, partition_by=["batch_date"])
    publish_staged(TABLE, {SECOND: rows("newer", 8)})
    publish_staged(TABLE, {THIRD: rows("newest", 9)})
    expected = [(FIRST, "older", 7, "of older"), (SECOND, "newer", 8, "of newer"), (THIRD, "newest", 9, "of newest")]
    columns = ("batch_date", "thing", "attempt", "attempt_id")
    assert sorted(tuple(row) for row in lake.read(spark, TABLE).select(*columns).collect()) == expected
    assert [row.thing for row in lake.read(spark, TABLE, BatchDates(FIRST, SECOND)).orderBy("thing").collect()] == [
        "newer",
        "older",
    ]
    by_delta = spark.read.format("delta").load(str(TABLE.location.path)).select(*columns).collect()
    assert sorted(tuple(row) for row in by_delta) == expected


def test_what_a_killed_process_staged_goes_with_the_next_look(home: Settings) -> None:
    killed, mine = left_by_a_killed_process(None), staged(TABLE, {FIRST: rows("mine")})
    assert lake.sweep(TABLE)
    assert not is_there(killed)
    assert is_there(mine.attempt_id), "its process lives"
    lake.discard(mine)
    assert not is_there(mine.attempt_id)


def test_a_commit_that_may_still_come_keeps_its_files_until_another_one_has_its_place(home: Settings) -> None:
    publish_staged(TABLE, {FIRST: rows("old")})
    killed = left_by_a_killed_process(0)
    assert not lake.sweep(TABLE)
    assert is_there(killed)
    lake.vacuum(TABLE, 0)
    assert is_there(killed), "a vacuum leaves it alone, too"
    publish_staged(TABLE, {FIRST: rows("new")})
    assert lake.sweep(TABLE)
    assert not is_there(killed)
    assert things() == ["new"]


def test_a_process_that_was_killed_after_its_commit_keeps_its_files(home: Settings) -> None:
    folder = staged(TABLE, {FIRST: rows("visible")})
    lake.publish(lake.pin(folder, BatchDates.of(FIRST)), {"run": "test"})
    folder.record.lock.leave()
    publish_staged(TABLE, {SECOND: rows("later")})
    assert lake.sweep(TABLE)
    assert things() == ["later", "visible"]
    assert open_stages.open_attempts(TABLE.use_case, TABLE.short_name) == []


def test_a_process_killed_while_it_removed_a_stage_is_followed_by_one_that_ends_it(home: Settings, monkeypatch) -> None:
    killed = left_by_a_killed_process(None)
    with monkeypatch.context() as patched:
        patched.setattr(staging, "_is_settled", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            lake.sweep(TABLE)
    assert lake.sweep(TABLE)
    assert not is_there(killed)


def test_who_was_taken_for_dead_while_it_wrote_can_neither_pin_nor_commit(home: Settings) -> None:
    writing, pinned = staged(TABLE, {FIRST: rows("writing")}), staged(TABLE, {FIRST: rows("pinned")})
    stage = lake.pin(pinned, BatchDates.of(FIRST))
    cut_the_locks()
    assert lake.sweep(TABLE)
    with pytest.raises(ConflictError, match="took it for dead"):
        lake.pin(writing, BatchDates.of(FIRST))
    with pytest.raises(ConflictError, match="took it for dead"):
        lake.publish(stage, {"run": "test"})
    with pytest.raises(ConflictError, match="took it for dead"):
        pinned.record.commits_upon(-1)
    assert not TABLE.exists()


def test_who_lost_its_lock_and_was_left_alone_goes_on(home: Settings) -> None:
    folder = staged(TABLE, {FIRST: rows("a")})
    cut_the_locks()
    stage = lake.pin(folder, BatchDates.of(FIRST))
    assert lake.sweep(TABLE), "it holds its lock again"
    lake.publish(stage, {"run": "test"})
    lake.discard(folder)
    assert things() == ["a"]


def test_a_vacuum_spares_what_is_being_written_and_nothing_else(home: Settings) -> None:
    publish_staged(TABLE, {FIRST: rows("old")})
    publish_staged(TABLE, {FIRST: rows("new")})
    mine = staged(TABLE, {FIRST: rows("mine")})
    nobodys = Path(TABLE.location.path, f"attempt-id={uuid.uuid4()}", "batch_date=2013-10-01", "rows.parquet")
    nobodys.parent.mkdir(parents=True)
    nobodys.write_bytes(b"")
    old = lake.files_added(TABLE, 0)[FIRST][0]
    removed = lake.vacuum(TABLE, 0)
    assert {each for each in removed if each.endswith(".parquet")} == {
        old.relative_to(TABLE.location),
        nobodys.relative_to(TABLE.location.path).as_posix(),
    }
    assert is_there(mine.attempt_id)
    assert things() == ["new"]
    lake.discard(mine)


def test_files_are_flushed_before_they_are_named(home: Settings, monkeypatch) -> None:
    order: list[str] = []
    flushed, committed = delta_commit._flush, delta_commit._commit
    monkeypatch.setattr(delta_commit, "_flush", lambda *asked: order.append("flushed") or flushed(*asked))
    monkeypatch.setattr(delta_commit, "_commit", lambda *asked: order.append("committed") or committed(*asked))
    publish_staged(TABLE, {FIRST: rows("a")})
    assert order == ["flushed", "committed"]
    assert delta_log.log_entry(TABLE, 0).exists()
