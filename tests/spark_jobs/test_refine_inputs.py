"""What refine functions are given: reference data as of each row's date, whatever has come since."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import SparkSession

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings, get_settings
from nightshift.ingest.delivery import repeated_files
from nightshift.job import Job
from nightshift.ledger import Input
from spark_jobs.refine import compute, newest, refinements
from spark_jobs.refine_inputs import END_OF_TIME, RANK, _placed, natural_order, ranked, snapshots_for
from tests.sent_deliveries import things
from tests.silver import write_table

FIRST, SECOND, THIRD, FOURTH = (dt.date(2013, 1, day) for day in (4, 5, 6, 7))
SNAPSHOT = dt.date(2013, 1, 1)
AIRLINES = [
    {"batch_date": SNAPSHOT, "record": 2, "carrier": "UA", "name": "Known first"},
    {"batch_date": SECOND, "record": 2, "carrier": "UA", "name": "Changed"},
    # The same airline twice in one snapshot: the later record counts.
    {"batch_date": SECOND, "record": 3, "carrier": "UA", "name": "Changed, as the same snapshot fixes it"},
    {"batch_date": THIRD, "record": 2, "carrier": "UA", "name": "Corrected"},
]
AIRPORTS = [
    {"batch_date": SNAPSHOT, "record": 2, "faa": "IAH", "name": "Houston", "tzone": "America/Chicago"},
    # The newest snapshot no longer has IAH.
    {"batch_date": THIRD, "record": 2, "faa": "LAX", "name": "Los Angeles", "tzone": "America/Los_Angeles"},
]
AS_OF = {
    FIRST: ("Known first", "Houston"),
    SECOND: ("Changed, as the same snapshot fixes it", "Houston"),
    THIRD: ("Corrected", None),
}
AS_OF_EMPTIED = {FIRST: AS_OF[FIRST], SECOND: (AS_OF[SECOND][0], None)}


@pytest.fixture
def catalog(spark: SparkSession, home: Settings) -> Catalog:
    """Three nights of one flight each, and reference data as they were when only the first snapshots had come."""
    made = Catalog(UseCase.load("flight_delays", get_settings()))
    write_table(spark, made["bronze.schedule"], [flight(date) for date in AS_OF])
    write_table(spark, made["bronze.outcomes"], [outcome(date, date - dt.timedelta(days=1)) for date in AS_OF])
    write_table(spark, made["bronze.airlines"], [row for row in AIRLINES if row["batch_date"] <= FIRST])
    write_table(spark, made["bronze.airports"], [row for row in AIRPORTS if row["batch_date"] <= FIRST])
    return made


def flight(date: dt.date) -> dict[str, object]:
    return {
        "batch_date": date,
        "record": 2,
        "flight_date": date,
        **{"carrier": "UA", "flight": 1, "origin": "EWR", "dest": "IAH"},
        **{"sched_dep_time": "0515", "sched_arr_time": "0819", "distance": 1400},
    }


def outcome(date: dt.date, flight_date: dt.date) -> dict[str, object]:
    return {**flight(date), "flight_date": flight_date, "arr_delay": 30, "cancelled": False, "diverted": False}


def refined(spark: SparkSession, catalog: Catalog, name: str, dates: BatchDates) -> list:
    job = Job("refine", catalog.use_case, catalog, dates, "test")
    wanted = [refinement for refinement in refinements(job) if refinement.table.name == name]
    [made] = compute(spark, job, wanted)
    return newest(made).collect()


def names(spark: SparkSession, catalog: Catalog, dates: BatchDates) -> dict[dt.date, tuple[str, str | None]]:
    rows = refined(spark, catalog, "flights", dates)
    assert len(rows) == len(dates), "a join as of a date gives each flight once"
    return {row.batch_date: (row.carrier_name, row.dest_name) for row in rows}


def test_a_change_shows_from_its_own_delivery_on(spark: SparkSession, catalog: Catalog) -> None:
    before = names(spark, catalog, BatchDates.of(FIRST))
    write_table(spark, catalog["bronze.airlines"], AIRLINES)
    write_table(spark, catalog["bronze.airports"], AIRPORTS)

    assert before == {FIRST: AS_OF[FIRST]}
    # Made again after later snapshots came, alone and in ranges that hold them, a slice stays what it was.
    for first, last in ((FIRST, FIRST), (SECOND, SECOND), (FIRST, SECOND), (FIRST, THIRD)):
        dates = BatchDates(first, last)
        assert names(spark, catalog, dates) == {date: AS_OF[date] for date in dates}

    # Files without a row say that there is nothing, from their delivery on.
    came_empty(catalog["bronze.airports"], SECOND)
    assert names(spark, catalog, BatchDates(FIRST, SECOND)) == AS_OF_EMPTIED


def came_empty(table: Table, date: dt.date) -> None:
    """The ledger's entry of a file with a header only; the lake has no trace of it."""
    common = {"use_case": table.use_case, "stage": "land", "run_id": "test", "table_name": table.short_name}
    taken = [Input("file", "airports.csv", "e" * 64, 0)]
    with ledger.attempt(common, {date: {"rows_in": 0}}, {date: taken}) as made:
        made.published(lake.newest_version(table), {date: 0})


def test_a_late_outcome_belongs_to_the_delivery_that_brings_it(spark: SparkSession, catalog: Catalog) -> None:
    of_long_ago = dt.date(2013, 1, 1)
    nightly = [outcome(date, date - dt.timedelta(days=1)) for date in AS_OF]
    write_table(spark, catalog["bronze.outcomes"], [*nightly, outcome(SECOND, of_long_ago) | {"record": 3}])

    rows = refined(spark, catalog, "outcomes", BatchDates(FIRST, THIRD))

    assert [row.batch_date for row in rows if row.flight_date == of_long_ago] == [SECOND]


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ("2013-01-04", {SNAPSHOT: END_OF_TIME}),
        # What comes after the last date is not even looked at.
        ("2013-01-05", {SECOND: END_OF_TIME}),
        ("2013-01-04..2013-01-05", {SNAPSHOT: SECOND, SECOND: END_OF_TIME}),
        ("2013-01-06..2013-01-07", {SECOND: FOURTH, FOURTH: END_OF_TIME}),
        ("2013-01-08", {FOURTH: END_OF_TIME}),
        ("2012-12-31", {}),
        ("2012-12-31..2013-01-01", {SNAPSHOT: END_OF_TIME}),
    ],
    ids=["before the second", "on its day", "around it", "up to the third", "after all", "before all", "first of all"],
)
def test_a_snapshot_counts_until_the_next(dates: str, expected: dict[dt.date, dt.date]) -> None:
    assert snapshots_for(BatchDates.parse(dates), {SNAPSHOT, SECOND, FOURTH}) == expected


def test_the_newest_record_is_that_of_the_newest_file_or_of_the_declared_column(spark: SparkSession) -> None:
    names = ["orders.csv", "orders_9.csv", "orders_10.csv", "orders_010.csv", "a1b.csv", "a-.csv", f"n{'7' * 30}.csv"]
    padded = spark.createDataFrame([(name,) for name in names], "file string").select(natural_order("file"))
    assert [row[0] for row in padded.collect()] == [repeated_files.natural_order(name) for name in names]

    ddl = things({"file": "x", "format": "csv"}).ddl
    # As file and record, and the value by which the newest may be found.
    places = [("orders_9.csv", 5, 1), ("orders_10.csv", 2, 3), ("orders_10.csv", 3, 2), ("orders_2.csv", 9, None)]
    values = [(FIRST, "a", amount, None, file, "x", record, None) for file, record, amount in places]
    rows = spark.createDataFrame(values, ddl)

    def found(**source: str) -> tuple[str, int]:
        table = things({"file": "orders_*.csv", "format": "csv", **source})
        best = ranked(_placed(rows, table), table.keys).where(f"{RANK} = 1").first()
        return best.record.file, best.record.record

    assert found() == ("orders_10.csv", 3)
    assert found(newest_by="amount") == ("orders_10.csv", 2)
    assert found(newest_by="day") == ("orders_10.csv", 3), "where it does not tell them apart, the file does"
