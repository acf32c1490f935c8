"""Keys that must not occur on batch dates nearby (`unique_for_days`), published ones or others of the slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from expectations.masking import hidden_columns, masked_row
from nightshift import lake
from nightshift.dates import BatchDates, near
from nightshift.declarations.tables import PARTITION, Table
from nightshift.lake.audit_report import EXAMPLES, Check

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

NAME = "keys_are_unique_across_batch_dates"
WHY = "The same key on two batch dates is one event delivered twice, and counts twice in every sum over both."


def uniqueness_checks(rows: DataFrame, table: Table, dates: BatchDates) -> Iterator[Check]:
    """One check, where the table asks for it; reads the key columns of the batch dates within its reach only."""
    from pyspark.sql import functions as F

    if not table.unique_for_days:
        return
    own = rows.select(PARTITION, *table.keys)
    others = _near(own, table, dates).withColumnRenamed(PARTITION, "also_on")
    distance = F.abs(F.datediff(PARTITION, "also_on"))
    doubled = own.join(others, on=list(table.keys), how="inner").where(distance.between(1, table.unique_for_days))
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
        observed=f"compared with {table.unique_for_days} batch dates before and after",
    )


def _near(own: DataFrame, table: Table, dates: BatchDates) -> DataFrame:
    """Keys of the slice, and of the published slices around it; what it replaces does not count."""
    from pyspark.sql import functions as F

    if not table.exists():
        return own
    reach = table.unique_for_days
    around = lake.read(own.sparkSession, table, BatchDates(near(dates.first, -reach), near(dates.last, reach)))
    others = around.where(~F.col(PARTITION).between(dates.first, dates.last)).select(PARTITION, *table.keys)
    # A single batch date has none nearby within the slice.
    return others if len(dates) == 1 else others.unionByName(own)
