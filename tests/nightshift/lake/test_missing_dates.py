"""Which batch dates have a slice: a date without rows is told from one that is missing."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
import uuid
from collections.abc import Mapping

import pyarrow as pa
import pytest
import sqlalchemy as sa

from nightshift import ledger
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings, get_settings
from nightshift.job import Job
from nightshift.lake.audit_report import AuditReport
from nightshift.lake.missing_dates import came_without_rows, newest_published, unpublished
from nightshift.lake.publication import publish
from nightshift.ledger import SET_ASIDE, Input
from nightshift.ledger.ledger_tables import EntryRow
from nightshift.ledger.row_accounting import Accounting
from tests.declaring import a_table, column
from tests.staged import staged

FIRST, SECOND, THIRD = (dt.date(2024, 1, day) for day in (1, 2, 3))
ALL = BatchDates(FIRST, THIRD)


class World:
    """A table of a use case that no other test has."""

    def __init__(self) -> None:
        use_case = UseCase.load("flight_delays", get_settings()).model_copy(
            update={"name": f"empty_{uuid.uuid4().hex[:8]}"}
        )
        self.job = Job("land", use_case, Catalog(UseCase.load("flight_delays", get_settings())), ALL, "test")
        self.table = a_table(column("code", required=True), use_case=use_case.name)

    def publish(self, dates: BatchDates, *filled: dt.date, came: Mapping[dt.date, Input] | None = None) -> int:
        """Publish a range, of which some dates have a row each; gives the Delta version.

        Args:
            came: the file of a date, where the rows are accounted for.
        """
        folder = staged(self.table, {date: pa.table({"code": ["a"]}) for date in filled})
        job = Job("land", self.job.use_case, self.job.catalog, dates, "test")
        accounting = None if came is None else Accounting({date: [file] for date, file in came.items()})
        return publish(job, self.table, folder, audit=lambda *_: AuditReport(()), accounting=accounting).version


@pytest.fixture
def world(home: Settings) -> World:
    return World()


def test_a_date_that_was_published_without_rows_is_not_missing(world: World) -> None:
    assert unpublished(world.table, ALL) == [FIRST, SECOND, THIRD]
    world.publish(BatchDates(FIRST, SECOND), FIRST)
    assert unpublished(world.table, ALL) == [THIRD]
    assert unpublished(world.table, []) == []


def test_a_version_has_what_was_published_up_to_it(world: World) -> None:
    filled = world.publish(BatchDates.of(FIRST), FIRST)
    cleared = world.publish(BatchDates(FIRST, SECOND))
    assert unpublished(world.table, ALL, filled) == [SECOND, THIRD]
    assert unpublished(world.table, ALL, cleared) == [THIRD]
    again = world.publish(BatchDates.of(SECOND), SECOND)
    assert unpublished(world.table, ALL, cleared) == [THIRD]
    assert unpublished(world.table, ALL, again) == [THIRD]


def test_what_the_ledger_knows_of_a_lake_that_is_gone_does_not_count(world: World) -> None:
    world.publish(BatchDates.of(FIRST), FIRST)
    world.publish(BatchDates.of(SECOND))
    shutil.rmtree(world.table.location.path)
    assert unpublished(world.table, ALL) == [FIRST, SECOND, THIRD]
    world.publish(BatchDates.of(THIRD), THIRD)
    # The ledger says that the first had a row, and of the second that a later version than the newest one was empty.
    assert unpublished(world.table, ALL) == [FIRST, SECOND]


def test_rows_count_without_an_entry_in_the_ledger(world: World) -> None:
    world.publish(ALL, FIRST, THIRD)
    with ledger.engine().begin() as connection:
        connection.execute(sa.delete(EntryRow).where(EntryRow.use_case == world.table.use_case))
    assert unpublished(world.table, ALL) == [SECOND]


def test_what_a_killed_process_had_published_counts(world: World) -> None:
    world.publish(BatchDates(FIRST, SECOND), FIRST)
    # As it is between the commit and the ledger's last word.
    left_open = {"status": "running", "delta_version": None, "rows_published": None}
    mine = EntryRow.use_case == world.table.use_case
    with ledger.engine().begin() as connection:
        connection.execute(sa.update(EntryRow).where(mine).values(**left_open))
    assert unpublished(world.table, ALL) == [THIRD]


def test_the_newest_date_may_be_without_rows(world: World) -> None:
    assert newest_published(world.table, THIRD) is None
    world.publish(BatchDates(FIRST, SECOND), FIRST)
    assert newest_published(world.table, FIRST) == FIRST
    assert newest_published(world.table, THIRD) == SECOND
    world.publish(BatchDates.of(THIRD), THIRD)
    assert newest_published(world.table, SECOND) == THIRD


def test_a_file_without_rows_is_told_from_no_file_and_from_one_that_was_set_aside(world: World) -> None:
    empty, rejected = Input("file", "a.csv", "a" * 64, 0), Input("file", "a.csv", "b" * 64, 2, quarantined=2)
    assert came_without_rows(world.table, ALL) == set()
    first = world.publish(ALL, FIRST, came={FIRST: Input("file", "a.csv", "c" * 64, 1), SECOND: empty})
    assert came_without_rows(world.table, ALL) == {SECOND}
    world.publish(BatchDates(SECOND, THIRD), came={THIRD: empty})
    assert came_without_rows(world.table, ALL) == {THIRD}, "of the second, a delivery without the file came since"
    for no_sign in (rejected, dataclasses.replace(empty, origin=SET_ASIDE)):
        world.publish(BatchDates.of(THIRD), came={THIRD: no_sign})
        assert came_without_rows(world.table, ALL) == set()
    assert came_without_rows(world.table, ALL, first) == {SECOND}
