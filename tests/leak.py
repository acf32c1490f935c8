"""Does anything of a batch date see the future? Let the deliveries after it come in another form, and look.

What a night of D would have made while nothing later was there is computed first. Then the future comes, changed as
far as it may, and the slice of D is made again by the product's own code: in a range that begins with D, in a range
around D, and in a single night again. It must come out as it was known then.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from pathlib import Path

from pyspark.sql import DataFrame, Row, SparkSession

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.dbt_project.build_models import DbtProject
from nightshift.dbt_project.publish_models import dbt_variables
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import PARTITION, Table
from nightshift.job import Job
from nightshift.storage import Location
from spark_jobs.refine import compute, newest, refinements
from tests.future import deliver_changed, withdraw
from tests.silver import publish

FUTURE_DELIVERIES = 2
FROM, AROUND, AGAIN = "a range from it", "a range around it", "a night again"

# By batch date and key.
Rows = dict[tuple[object, ...], Row]


def deliveries_for(catalog: Catalog) -> BatchDates:
    """The deliveries that the check of a use case needs: from the first of all until some after `checked_date`."""
    use_case = catalog.use_case
    return use_case.between(use_case.dates.first, use_case.calendar.later(checked_date(catalog), FUTURE_DELIVERIES))


def checked_date(catalog: Catalog) -> dt.date:
    """An early batch date before which every source has come at least twice."""
    first, calendar = catalog.use_case.dates.first, catalog.use_case.calendar
    starts = [calendar.next(table.source.starts(first)) for table in catalog.sources if table.source is not None]
    return calendar.later(max(starts, default=first), 2)


def feature_tables(catalog: Catalog) -> list[Table]:
    """What models are trained on: the tables that have features."""
    return [table for table in catalog.layer("gold") if table.features]


def leaks(spark: SparkSession, catalog: Catalog) -> dict[str, set[str]]:
    """The columns of silver and of all features that see what is delivered later, by how their slice is computed.

    Bronze tables lie in the current home with `deliveries_for` the use case. They are changed for good.

    Returns:
        Names like ``gold.features.distance``, and ``gold.features.rows`` if even the rows differ.
    """
    date, whole = checked_date(catalog), deliveries_for(catalog)
    before, after = (whole.calendar.later(date, step) for step in (-1, 1))
    future = whole.between(after, whole.last)
    versions = {table: withdraw(spark, table, future) for table in catalog.sources}
    night = whole.between(date, date)
    refine_into_silver(spark, catalog, whole.between(whole.first, before))
    then = _made(spark, catalog, night, date)
    for name, rows in then.items():
        assert rows, f"{name} has no rows of {date}: nothing of it would be compared"
    for table, version in versions.items():
        deliver_changed(spark, table, future, version)
    ways = {
        FROM: whole.between(date, whole.last),
        AROUND: whole.between(before, whole.last),
        # The last, when silver holds the future already.
        AGAIN: night,
    }
    return {way: _differences(then, _made(spark, catalog, dates, date)) for way, dates in ways.items()}


def refine_into_silver(spark: SparkSession, catalog: Catalog, dates: BatchDates) -> None:
    """Publish the silver slices of some batch dates, without their audits."""
    job = Job("refine", catalog.use_case, catalog, dates, "test")
    for refined in compute(spark, job, refinements(job)):
        publish(newest(refined), refined.table, dates)
    spark.catalog.clearCache()


def built_rows(spark: SparkSession, job: Job, table: Table) -> Rows:
    """The rows that dbt builds of a table; nothing is published.

    Models may read all that was ever published, not only what the job would let them see. Their data tests don't run:
    they would stop the build where a leak gives a value that they refuse.
    """
    project = DbtProject.of(job.use_case)
    sources = project.sources_of([table.identifier])
    lake.register(spark, [each for each in job.catalog if each.full_name in sources])
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / table.identifier
        variables = json.dumps(dbt_variables(job, {table.identifier: Location.of(folder)}))
        results = project.invoke("run", "--select", table.identifier, "--vars", variables)
        failed = {result.node.name: result.message for result in results if result.status != "success"}
        assert not failed, failed
        return _by_key(spark.read.schema(table.ddl).parquet(str(folder)), table)


def _made(spark: SparkSession, catalog: Catalog, dates: BatchDates, date: dt.date) -> dict[str, Rows]:
    """Refine and build some batch dates; returns the rows that one of them has in every table."""
    refine_into_silver(spark, catalog, dates)
    job = Job("features", catalog.use_case, catalog, dates, "test")
    silver = {table.short_name: _silver_rows(spark, table, date) for table in catalog.layer("silver")}
    features = {table.short_name: built_rows(spark, job, table) for table in feature_tables(catalog)}
    return silver | {
        name: {key: row for key, row in rows.items() if row[PARTITION] == date} for name, rows in features.items()
    }


def _silver_rows(spark: SparkSession, table: Table, date: dt.date) -> Rows:
    return _by_key(lake.read(spark, table, BatchDates.of(date)), table)


def _by_key(rows: DataFrame, table: Table) -> Rows:
    """Rows by batch date and key; few enough to be held in memory."""
    found = rows.collect()
    by_key = {tuple(row[name] for name in (PARTITION, *table.keys)): row for row in found}
    assert len(by_key) == len(found), f"{table.label} doubles keys"
    return by_key


def _differences(then: dict[str, Rows], now: dict[str, Rows]) -> set[str]:
    """Columns that differ; ``<table>.rows`` where other rows are there."""
    found = set()
    for name, rows in then.items():
        if rows.keys() != now[name].keys():
            found.add(f"{name}.rows")
        for key in rows.keys() & now[name].keys():
            before, after = rows[key].asDict(), now[name][key].asDict()
            found |= {f"{name}.{column}" for column, value in before.items() if value != after[column]}
    return found
