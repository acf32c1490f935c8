"""Reading published slices with Spark: the Parquet files that the Delta log names."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table
from nightshift.lake import delta_log
from nightshift.storage import Location

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


def read(spark: SparkSession, table: Table, dates: BatchDates | None = None, version: int | None = None) -> DataFrame:
    """The published rows of some batch dates, or of all.

    Args:
        version: the Delta version to read; the newest if None.

    Raises:
        NightshiftError: if nothing was ever published to the table.
    """
    return parquet(spark, table, delta_log.paths_of(table, delta_log.snapshot(table, version), dates))


def register(
    spark: SparkSession,
    tables: Iterable[Table],
    dates: BatchDates | None = None,
    versions: Mapping[str, int] | None = None,
) -> None:
    """Give the slices of some tables their names in SQL (`Table.view`), for this session.

    A table to which nothing was ever published is an empty view.

    Args:
        versions: the Delta versions to read, by ``layer.table``; of others the newest.
    """
    for table in tables:
        version = (versions or {}).get(table.short_name)
        rows = read(spark, table, dates, version) if table.exists() else spark.createDataFrame([], table.ddl)
        rows.createOrReplaceGlobalTempView(table.view.removeprefix("global_temp."))


def parquet(spark: SparkSession, table: Table, files: Sequence[Location]) -> DataFrame:
    """Files of a table's folder with the declared schema.

    A column that a file lacks is null, or has the values of the column that it `was` when the file was written.
    """
    if not files:
        return spark.createDataFrame([], table.ddl)
    # Spark reads names of folders as columns. Older publications moved their files out of the folder of their attempt,
    # and of files with different columns in their paths it makes no table.
    by_depth: dict[int, list[str]] = defaultdict(list)
    for file in files:
        by_depth[file.relative_to(table.location).count("/")].append(file.spark_pattern)
    reader = spark.read.schema(table.ddl).option("basePath", table.location.for_spark)
    several = [reader.parquet(*some).select(*table.column_names) for some in by_depth.values()]
    return functools.reduce(lambda some, more: some.unionByName(more), several).withColumns(inherited(table))


def inherited(table: Table) -> dict[str, Column]:
    """Each column that `was` another one: its values, or where it has none those of its older forms.

    Older values are cast to its type, and null where they can't be.
    """
    from pyspark.sql import functions as F

    return {
        column.name: F.coalesce(*[F.col(form.name).try_cast(column.type) for form in table.readable_forms_of(column)])
        for column in table.data_columns
        if column.was is not None
    }
