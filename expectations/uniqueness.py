"""Keys that must not occur on batch dates nearby (`unique_for_…`), published ones or others of the slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from expectations.masking import hidden_columns, masked_row
from nightshift import lake
from nightshift.dates import DAILY, BatchDates, Length, near
from nightshift.declarations.tables import PARTITION, Table
from nightshift.lake.audit_report import EXAMPLES, Check

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NAME = "keys_are_unique_across_batch_dates"
WHY = "The same key on two batch dates is one event delivered twice, and counts twice in every sum over both."


def uniqueness_checks(rows: DataFrame, table: Table, dates: BatchDates) -> Iterator[Check]:
    """One check, where the table asks for it; reads the key columns of the batch dates within its reach only."""
    from pyspark.sql import functions as F

    if not (reach := table.unique_for).count:
        return
    own = rows.select(PARTITION, *table.keys)
    others = _near(own, table, dates, reach).withColumnRenamed(PARTITION, "also_on")
    numbers = dates.calendar if reach.unit == "deliveries" else DAILY
    distance = F.abs(F.expr(f"({numbers.number_sql(PARTITION)}) - ({numbers.number_sql('also_on')})"))
    doubled = own.join(others, on=list(table.keys), how="inner").where(distance.between(1, reach.count))
    hidden = hidden_columns(table)
    examples: list[Mapping[str, Any]] = [masked_row(row.asDict(), hidden) for row in doubled.limit(EXAMPLES).collect()]
    yield Check(
        NAME,
        "blocks",
        WHY,
        passed=not examples,
        # Counted only where there are any: a second job.
        failed_rows=doubled.select(PARTITION, *table.keys).distinct().count() if examples else None,
        examples=examples,
        observed=f"compared with {reach} before and after",
    )


def _near(own: DataFrame, table: Table, dates: BatchDates, reach: Length) -> DataFrame:
    """Keys of the slice, and of the published slices around it; what it replaces does not count."""
    from pyspark.sql import functions as F

    if not table.exists():
        return own
    days = dates.calendar.days(reach)
    around = lake.read(own.sparkSession, table, BatchDates(near(dates.first, -days), near(dates.last, days)))
    others = around.where(~F.col(PARTITION).between(dates.first, dates.last)).select(PARTITION, *table.keys)
    # A single batch date has none nearby within the slice.
    return others if len(dates) == 1 else others.unionByName(own)
