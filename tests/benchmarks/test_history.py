"""The history that the benchmark makes is one of single nights, with all that the ledger keeps of each."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from benchmarks.history import nights_one_by_one, repeat
from nightshift import lake, ledger
from nightshift.dates import BatchDates, shifted
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift.job import Job
from nightshift.lake.audit_report import AuditReport
from nightshift.lake.publication import publish
from nightshift.ledger import Input
from nightshift.ledger.row_accounting import Accounting
from tests.staged import staged

HISTORY = BatchDates(dt.date(2043, 6, 1), dt.date(2043, 6, 2))
ROWS = {HISTORY.first: 2, HISTORY.last: 3}


@pytest.fixture
def catalog(home) -> Catalog:
    """Airlines of two dates, published as one range by a landing that the ledger knows, too."""
    catalog = Catalog(UseCase.load("flight_delays", get_settings()))
    table = catalog["bronze.airlines"]
    carriers = {date: pa.table({"carrier": [f"C{number}" for number in range(count)]}) for date, count in ROWS.items()}
    folder = staged(table, carriers)
    job = Job("land", catalog.use_case, catalog, HISTORY, "range")
    taken = {date: [Input("file", "airlines.csv", f"sha256 of {date}", count)] for date, count in ROWS.items()}
    with ledger.attempt({**job.entry, "table_name": "land"}, {date: {} for date in HISTORY}):
        publish(
            job,
            table,
            folder,
            audit=lambda *_: AuditReport((), profiles={date: {"rows": count} for date, count in ROWS.items()}),
            accounting=Accounting(taken),
        )
    return catalog


def test_each_night_is_a_commit_with_its_inputs_and_its_profile(catalog):
    table = catalog["bronze.airlines"]
    nights = nights_one_by_one(catalog, HISTORY)
    assert lake.newest_version(table) >= len(HISTORY), "the range was one commit"
    before = lake.newest_version(table)
    earlier = shifted(HISTORY, -2)
    repeat(catalog, nights, earlier)
    assert lake.newest_version(table) == before + len(HISTORY)
    assert lake.rows_by_date(table, HISTORY) == ROWS
    assert list(lake.rows_by_date(table, earlier).values()) == list(ROWS.values())
    assert len(list(table.location.path.rglob("*.parquet"))) == 2 * len(HISTORY), "files that the range left are gone"
    profiles = ledger.profiles("flight_delays", table.short_name, earlier)
    assert [profiles[date]["rows"] for date in earlier] == list(ROWS.values())
    entries = ledger.latest("flight_delays", earlier.first)
    assert sorted(entry.table_name for entry in entries) == ["bronze.airlines", "land"]
    (landed,) = [entry for entry in entries if entry.table_name != "land"]
    assert (landed.rows_in, landed.rows_published, landed.status) == (2, 2, "published")
    (taken,) = ledger.inputs(landed)
    assert (taken.name, taken.rows) == ("airlines.csv", 2)
    assert taken.version != f"sha256 of {HISTORY.first}", "another date's file would be a delivery that came twice"


def test_all_benchmarks_are_run_by_make_bench():
    recipe = (PROJECT_DIR / "Makefile").read_text().partition("\nbench:  ## ")[2]
    runnable = [path.stem for path in (PROJECT_DIR / "benchmarks").glob("*.py") if "__main__" in path.read_text()]
    assert runnable
    assert [name for name in runnable if f"-m benchmarks.{name}" not in recipe] == []
