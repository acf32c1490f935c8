"""What the log says of files, without Spark."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import Settings, get_settings
from tests.staged import publish_staged

FIRST, SECOND = dt.date(2013, 10, 1), dt.date(2013, 10, 2)
BOTH = BatchDates(FIRST, SECOND)


def publish(table: Table, *dates: dt.date) -> None:
    """A file for each of some dates, in one commit."""
    publish_staged(table, {date: pa.table({"carrier": ["UA"], "name": [f"United {date}"]}) for date in dates})


@pytest.fixture
def table(home: Settings) -> Table:
    """Two dates in one commit, then the second one again."""
    made = Catalog(UseCase.load("flight_delays", get_settings()))["bronze.airlines"]
    publish(made, FIRST, SECOND)
    publish(made, SECOND)
    return made


def names(table: Table, file) -> str:
    return pq.ParquetFile(file.path).read()["name"].to_pylist()[0]


def test_files_are_those_of_the_version(table: Table) -> None:
    before, after = (lake.files_of(table, lake.snapshot(table, version), BOTH) for version in (0, 1))
    assert {date: [names(table, file) for file in files] for date, files in before.items()} == {
        FIRST: [f"United {FIRST}"],
        SECOND: [f"United {SECOND}"],
    }
    assert after[FIRST] == before[FIRST]
    assert after[SECOND] != before[SECOND]
    assert lake.files_of(table, lake.snapshot(table), BatchDates.of(FIRST)) == {FIRST: after[FIRST]}
    assert lake.files_of(table, lake.snapshot(table), BatchDates.parse("2014-01-01")) == {}


def test_a_commit_added_the_files_that_its_dates_then_had(table: Table) -> None:
    assert lake.files_added(table, 0) == lake.files_of(table, lake.snapshot(table, 0), BOTH)
    assert lake.files_added(table, 1) == lake.files_of(table, lake.snapshot(table, 1), BatchDates.of(SECOND))
    assert lake.files_added(table, 2) == {}


def test_a_version_that_the_log_does_not_have_is_named(table: Table) -> None:
    with pytest.raises(lake.VersionGone, match=r"the log of .*airlines has no version 7: "):
        lake.snapshot(table, 7)
    command = "`.venv/bin/python -m spark_jobs.land --use-case flight_delays --dates <first>..<last>`"
    with pytest.raises(NightshiftError, match=f"nothing was ever published to bronze/.*/planes: first run {command}"):
        lake.snapshot(Catalog(UseCase.load("flight_delays", get_settings()))["bronze.planes"], 0)
