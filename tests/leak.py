"""Does a feature see the future? Change everything that was delivered later, and look whether it notices."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from nightshift import lake
from nightshift.job import Job
from nightshift.tables import PARTITION, Table
from spark_jobs.build import dbt_variables
from spark_jobs.dbt_project import DbtProject

# How a value of each type becomes another one.
CHANGES: Mapping[str, Callable[[Column], Column]] = {
    "string": lambda column: F.concat(F.coalesce(column, F.lit("")), F.lit("~")),
    "int": lambda column: F.coalesce(column + 97, F.lit(97)),
    "bigint": lambda column: F.coalesce(column + 97, F.lit(97)),
    "double": lambda column: F.coalesce(-column - 13.5, F.lit(13.5)),
    "boolean": lambda column: ~F.coalesce(column, F.lit(False)),
    "date": lambda column: F.date_add(F.coalesce(column, F.lit("2013-01-01").cast("date")), 3),
    "timestamp": lambda column: column + F.expr("interval 5 hours"),
}


def leaking_columns(spark: SparkSession, job: Job, table: Table, dbt_folder: Path) -> set[str]:
    """The features of ``table`` that differ after everything delivered after the job's dates was changed.

    Silver tables lie in the current home, and must hold deliveries after ``job.dates``. They are changed for good.

    Returns:
        Names of columns; ``{"rows"}`` if even the rows differ.
    """
    before = built_rows(spark, job, table, dbt_folder)
    assert before, f"{table.label} has no rows of {job.dates}: nothing would be compared"
    for silver in job.catalog.layer("silver"):
        if silver.exists():
            _change_future(spark, job, silver)
    after = built_rows(spark, job, table, dbt_folder)
    if before.keys() != after.keys():
        return {"rows"}
    return {name for key, row in before.items() for name in table.column_names if row[name] != after[key][name]}


def built_rows(spark: SparkSession, job: Job, table: Table, dbt_folder: Path) -> dict[tuple[object, ...], Row]:
    """The rows that dbt builds of a table, by batch date and key; nothing is published."""
    project = DbtProject(dbt_folder)
    lake.register(spark, [each for each in job.catalog if each.full_name in project.sources_of([table.identifier])])
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / table.identifier
        project.build([table.identifier], dbt_variables(job, {table.identifier: folder}), remedy="none")
        rows = spark.read.schema(table.ddl).parquet(str(folder)).collect()
    found = {tuple(row[name] for name in (PARTITION, *table.keys)): row for row in rows}
    assert len(found) == len(rows), f"{table.label} doubles keys"
    return found


def _change_future(spark: SparkSession, job: Job, table: Table) -> None:
    """Rewrite what was delivered later: a third of the rows goes, a third changes, a third changes with its keys."""
    whole = spark.read.format("delta").load(str(table.path))
    future = whole.where(F.col(PARTITION) > F.lit(job.dates.last))
    assert not future.isEmpty(), f"{table.label} has no delivery after {job.dates}: nothing could leak"
    third = F.pmod(F.xxhash64(*table.keys), F.lit(3))
    changed = _changed(future.where(third >= 1), table, {PARTITION, *table.keys})
    added = _changed(future.where(third == 2), table, {PARTITION})
    rows = whole.where(F.col(PARTITION) <= F.lit(job.dates.last)).unionByName(changed).unionByName(added)
    # Collected before the write, which replaces what it reads.
    frame = spark.createDataFrame(rows.collect(), table.ddl)
    frame.coalesce(1).write.format("delta").partitionBy(PARTITION).mode("overwrite").save(str(table.path))
    spark.catalog.refreshByPath(str(table.path))


def _changed(rows: DataFrame, table: Table, kept: set[str]) -> DataFrame:
    columns = {column.name: CHANGES[column.type](F.col(column.name)) for column in table.data_columns}
    return rows.select(
        *(
            F.col(name) if name in kept else columns[name].cast(rows.schema[name].dataType).alias(name)
            for name in table.column_names
        )
    )
