"""Following a slice's rows back to the files that they were landed from."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import pytest
from click.testing import CliRunner

from nightshift import lake
from nightshift.commands.trace import trace as command
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.job import Job
from nightshift.lake.audit_report import AuditReport, Check
from nightshift.lake.publication import publish
from nightshift.ledger import BY_FILE, LOOKED_UP, Input
from nightshift.ledger.row_accounting import Accounting
from nightshift.ledger.row_origins import trace

DATE = dt.date(2013, 10, 1)
# Others may have tables of the same names.
USE_CASE = ("--use-case", "flight_delays")
FILE = Input("file", "schedule.csv", "ab" * 32, 4, quarantined=1, origin="landing/flight_delays/2013-10-01")


LOOK_UP = Input("table", "bronze.airlines", "0", 0, origin=LOOKED_UP)


def passes(*_) -> AuditReport:
    return AuditReport((Check("anything_goes", "blocks", "a test", passed=True),))


@pytest.fixture
def catalog(home) -> Catalog:
    return Catalog(UseCase.load("flight_delays", get_settings()))


def published(spark, catalog: Catalog, name: str, rows: int, *inputs: Input) -> None:
    """Publish a slice of that many rows; the rows themselves do not matter here."""
    table = catalog[name]
    job = Job("refine", catalog.use_case, catalog, BatchDates.of(DATE), "night")
    columns = ", ".join(f"cast(null as {column.type}) as {column.name}" for column in table.data_columns)
    frame = spark.sql(f"select date'{DATE}' as batch_date, {columns} from range({rows})")
    publish(job, table, frame, audit=passes, accounting=Accounting({DATE: inputs}))


@pytest.fixture
def night(spark, catalog) -> Catalog:
    """A slice of features, refined from bronze where one row was quarantined and one was doubled."""
    published(spark, catalog, "bronze.schedule", 3, FILE)
    digest = Input("file", FILE.name, FILE.version, 3, deduplicated=1)
    bronze = Input("table", "bronze.schedule", "0", 0, origin=BY_FILE)
    published(spark, catalog, "silver.flights", 2, digest, bronze, LOOK_UP)
    published(spark, catalog, "gold.features", 2, Input("table", "silver.flights", "0", 2))
    return catalog


def test_a_slice_is_followed_to_its_files(night):
    hop = trace(night, night["gold.features"], DATE)
    tables = [each.table.short_name for each in hop.walk()]
    assert tables == ["gold.features", "silver.flights", "bronze.schedule"]
    assert all(each.balances for each in hop.walk())
    landed = list(hop.walk())[-1]
    assert [taken for taken, _ in landed.sources] == [FILE]


def test_the_version_that_was_read_is_followed(spark, night):
    published(spark, night, "silver.flights", 9, Input("file", "other.csv", "cd" * 32, 9))
    hop = trace(night, night["gold.features"], DATE)
    assert [each.entry.rows_published for each in hop.walk()] == [2, 2, 3]
    assert trace(night, night["silver.flights"], DATE).entry.rows_published == 9
    assert lake.newest_version(night["silver.flights"]) == 1


def test_a_hop_that_took_in_other_rows_than_were_published_is_out_of_balance(spark, night):
    """Bronze was landed again, with a row more in quarantine, and silver was made of it without noticing."""
    published(spark, night, "bronze.schedule", 2, dataclasses.replace(FILE, quarantined=2))
    digest = Input("file", FILE.name, FILE.version, 3, deduplicated=1)
    published(spark, night, "silver.flights", 2, digest, Input("table", "bronze.schedule", "1", 0, origin=BY_FILE))
    assert not trace(night, night["silver.flights"], DATE).balances
    shown = CliRunner().invoke(command, ["silver.flights", str(DATE)])
    assert shown.exit_code == 1
    assert "out of balance" in shown.output


def test_the_command_shows_every_sum_and_the_way_to_quarantined_rows(night):
    shown = CliRunner().invoke(command, ["gold.features", str(DATE), *USE_CASE])
    assert shown.exit_code == 0, shown.output
    assert "4 in = 3 published + 1 quarantined + 0 deduplicated" in shown.output
    assert "3 in = 2 published + 0 quarantined + 1 deduplicated" in shown.output
    assert "from table bronze.airlines version 0 (looked up)" in shown.output
    assert f"from file schedule.csv sha256 {FILE.version[:12]}: 4 rows, 1 quarantined" in shown.output
    assert "nightshift quarantine show --use-case flight_delays --table bronze.schedule" in shown.output.replace(
        "\n", ""
    )

    told = json.loads(CliRunner().invoke(command, ["gold.features", str(DATE), "--json", *USE_CASE]).output)
    assert told["inputs"][0]["from"]["inputs"][0]["from"]["rows_quarantined"] == 1


def test_a_slice_that_was_never_published_says_where_to_look(catalog):
    with pytest.raises(NightshiftError, match="nightshift status --date 2013-10-01"):
        trace(catalog, catalog["gold.scores"], DATE)
    unknown = CliRunner().invoke(command, ["gold.nothing", str(DATE)])
    assert "there is no table 'gold.nothing'" in str(unknown.exception)
