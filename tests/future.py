"""The future of a batch date: taken away, and delivered again so that hardly anything in it is as it was.

It starts in bronze, which is where data enters. Whatever arrives from outside may differ: a third of the rows is
gone, the others have other values, and a third comes once more under other keys, which also makes late news of them:
rows about days before the batch date. Of reference data a changed snapshot comes, and a correction of it the next day.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.tables import PARTITION, Column, Table
from tests.silver import publish

if TYPE_CHECKING:
    from pyspark.sql.window import WindowSpec

# How far a number goes within its declared range, as a share of the range.
STEP = 0.37
DAYS_BACK = 3
THIRD = "_third"


def withdraw(spark: SparkSession, table: Table, future: BatchDates) -> int:
    """Leave nothing of the future in a table.

    Returns:
        The Delta version that still has it.
    """
    version = lake.newest_version(table)
    publish(spark.createDataFrame([], table.ddl), table, future)
    return version


def deliver_changed(spark: SparkSession, table: Table, future: BatchDates, version: int) -> None:
    """Deliver the future of a table again, from the rows that a Delta version has; there must be some."""
    later = lake.read(spark, table, future, version=version)
    if not _is_nightly(table):
        later = _snapshots(spark, table, future, version)
    # By number, the first being 1: a delivery of a single row is changed and not removed.
    numbered = later.withColumn(THIRD, F.pmod(F.row_number().over(_shuffled(table)), F.lit(3)))
    kept, again = numbered.where(F.col(THIRD) >= 1), numbered.where(F.col(THIRD) == 2)
    publish(
        _changed(kept, table, {PARTITION, *table.keys}).unionByName(_changed(again, table, {PARTITION})), table, future
    )
    assert lake.published_dates(table) & set(future), f"{table.label} has nothing of {future}: nothing of it could leak"


def _shuffled(table: Table) -> WindowSpec:
    """The rows of each delivery in an order that has nothing to do with their content."""
    return Window.partitionBy(PARTITION).orderBy(F.xxhash64(*table.keys))


def _is_nightly(table: Table) -> bool:
    return table.source is not None and table.source.required


def _snapshots(spark: SparkSession, table: Table, future: BatchDates, version: int) -> DataFrame:
    """The newest snapshot, changed once on the first date of the future, twice on the second, and so on."""
    whole = lake.read(spark, table, version=version)
    newest = whole.agg(F.max(PARTITION)).first()
    assert newest is not None and newest[0] is not None, f"{table.label} was never delivered: nothing of it could leak"
    rows = whole.where(F.col(PARTITION) == newest[0])
    snapshots = []
    for date in future:
        dated = rows.withColumn(PARTITION, F.lit(date))
        snapshots.append(dated)
        rows = _changed(rows, table, {PARTITION, *table.keys})
    return functools.reduce(DataFrame.unionByName, snapshots)


def _changed(rows: DataFrame, table: Table, kept: set[str]) -> DataFrame:
    """Rows in which all that was delivered is another value, but for the columns that are kept."""
    changed = {
        column.name: _another(column, _shuffled(table)).cast(rows.schema[column.name].dataType).alias(column.name)
        for column in table.delivered_columns
        if column.name not in kept
    }
    return rows.select(*(changed.get(name, F.col(name)) for name in table.column_names))


def _another(column: Column, shuffled: WindowSpec) -> SparkColumn:
    """Another value that the column's declaration allows as well."""
    value = F.col(column.name)
    if column.type == "string":
        return _another_text(column, value, shuffled)
    if column.type == "boolean":
        return ~F.coalesce(value, F.lit(False))
    if column.type == "date":
        return F.date_sub(F.coalesce(value, F.col(PARTITION)), DAYS_BACK)
    if column.type == "timestamp":
        return F.coalesce(value, F.col(PARTITION).cast("timestamp")) - F.expr(f"interval {DAYS_BACK} days 5 hours")
    return _another_number(column, value)


def _another_text(column: Column, value: SparkColumn, shuffled: WindowSpec) -> SparkColumn:
    if column.accepted is not None:
        accepted = F.array(*[F.lit(each) for each in column.accepted])
        place = F.coalesce(F.array_position(accepted, value), F.lit(0))
        return F.element_at(accepted, (F.pmod(place, F.size(accepted)) + 1).cast("int"))
    if column.pattern is not None:
        # What matches a pattern is best taken from where it occurs: another row of the same delivery.
        return F.coalesce(F.lead(value).over(shuffled), F.first(value).over(shuffled))
    return F.concat(F.coalesce(value, F.lit("")), F.lit("~"))


def _another_number(column: Column, value: SparkColumn) -> SparkColumn:
    low, high = column.minimum, column.maximum
    is_whole = column.type != "double"
    if low is not None and high is not None:
        size = high - low + is_whole
        step = max(1, int(size * STEP)) if is_whole else size * STEP
        return F.coalesce(F.pmod(value - F.lit(low) + F.lit(step), F.lit(size)), F.lit(0)) + F.lit(low)
    bound = F.lit(0 if low is None and high is None else high if low is None else low)
    step = 97 if is_whole else 13.5
    return F.coalesce(value, bound) + F.lit(step if high is None else -step)
