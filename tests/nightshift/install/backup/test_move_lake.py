"""The lake is carried between a disk and an object store: with all that it holds, or the move says what is missing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from deltalake import DeltaTable, write_deltalake

from nightshift import ledger
from nightshift.commands.cli import cli
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import ConflictError, MissingError, SettingsError, UsageError
from nightshift.home.home_folder import prepare_home
from nightshift.home.settings import Settings, get_settings
from nightshift.install.backup import move_lake as moving
from nightshift.install.backup.move_lake import move_lake
from nightshift.storage import Location
from tests.s3_server import S3Server

FIRST, SECOND = dt.date(2013, 1, 2), dt.date(2013, 1, 3)


def airlines(settings: Settings) -> Table:
    return Catalog(UseCase.load("flight_delays", settings))["bronze.airlines"]


def publish(settings: Settings, date: dt.date, name: str = "Endeavor") -> None:
    table = airlines(settings)
    rows = pa.table({"batch_date": [date], "carrier": ["9E"], "name": [name]})
    where = {"storage_options": table.location.options, "partition_by": ["batch_date"]}
    write_deltalake(str(table.location), rows, mode="append", **where)


@pytest.fixture
def filled(home: Settings) -> Settings:
    """A lake of two versions; nothing runs."""
    settings = get_settings()
    prepare_home(settings)
    for date in (FIRST, SECOND):
        publish(settings, date)
    end_connections()
    return settings


def end_connections() -> None:
    """What earlier tests of this process left connected counts as running."""
    others = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname IS NOT NULL AND pid <> %s"
    with ledger.engine().connect() as connection:
        own = connection.scalar(sa.select(sa.func.pg_backend_pid()))
        connection.exec_driver_sql(others, (own,))
    ledger.engine().dispose()


@pytest.fixture
def store(s3: S3Server) -> str:
    return f"s3://{s3.new_bucket()}/lake"


def move(settings: Settings, source: object, target: object) -> int:
    return move_lake(settings, str(source), str(target), lambda _: None, lambda _: None)


def names(place: Location) -> dict[str, int]:
    return {file.name: file.bytes for file in place.walk()}


def test_a_lake_is_carried_to_a_store_and_back_with_all_its_versions(
    filled: Settings, store: str, tmp_path: Path
) -> None:
    before = names(filled.lake)
    assert move(filled, filled.lake, store) == 2
    assert move(filled, store, tmp_path / "again") == 2
    assert names(Location.of(tmp_path / "again")) == names(filled.lake) == before
    there = airlines(filled.model_copy(update={"lake_url": store})).location
    assert DeltaTable(str(there), version=0, storage_options=there.options).to_pyarrow_table().num_rows == 1


def test_a_move_that_was_cut_off_is_carried_out_again(
    filled: Settings, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[int] = []

    def stop(done: object) -> None:
        copied.append(done.files)  # type: ignore[attr-defined]
        if len(copied) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move_lake(filled, str(filled.lake), store, stop, lambda _: None)
    assert move(filled, filled.lake, store) == 2
    assert names(Location.of(store)) == names(filled.lake)


def test_the_command_says_how_far_it_is_and_what_to_do_next(filled: Settings, store: str) -> None:
    done = CliRunner().invoke(cli, ["lake", "move", str(filled.lake), store], catch_exceptions=False)
    assert done.exit_code == 0
    assert "MB" in done.output
    assert "2 slices of all tables have equal digests" in done.output
    assert f"set NIGHTSHIFT_LAKE_URL={store}" in done.output
    back = CliRunner().invoke(cli, ["lake", "move", store, str(filled.lake)], catch_exceptions=False)
    assert "unset NIGHTSHIFT_LAKE_URL" in back.output


def test_rows_that_differ_in_the_end_are_named(
    filled: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy_and_change(source: Location, target: Location, progress: object) -> None:
        copied(source, target)
        publish(filled.model_copy(update={"lake_url": str(target)}), SECOND, "another")

    copied = moving.copy_folder
    monkeypatch.setattr(moving, "copy_folder", copy_and_change)
    with pytest.raises(ConflictError, match=f"does not hold what .* holds: bronze.flight_delays_airlines {SECOND}"):
        move(filled, filled.lake, tmp_path / "other")


def test_what_can_not_be_moved_is_refused_before_anything_is_copied(filled: Settings, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no published table"):
        move(filled, tmp_path / "empty", tmp_path / "other")
    with pytest.raises(SettingsError, match="the lake here"):
        move(filled, "here", tmp_path / "other")
    with pytest.raises(UsageError, match="lies in the other"):
        move(filled, filled.lake, filled.lake / "within")
    with ledger.engine().connect(), pytest.raises(UsageError, match="something runs"):
        move(filled, filled.lake, tmp_path / "other")
    assert not (tmp_path / "other").exists()
