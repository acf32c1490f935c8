"""What a use case's refine functions are given: bronze slices, reference data as of the date, the calendar."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.tables import PARTITION, Table
from nightshift.errors import DeclarationError
from nightshift.ingest.delivery.repeated_files import NATURAL_DIGITS
from nightshift.job import Job
from nightshift.lake.missing_dates import came_without_rows
from nightshift.lake.stage_inputs import refuse_missing
from nightshift.stages import REFINE, needed
from spark_jobs.holiday_calendar import calendar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame, SparkSession

log = logging.getLogger("nightshift")

CALENDAR = "calendar"
RANK = "_rank"
DIFFERS = "_differs"
END_OF_TIME = dt.date(9999, 12, 31)


def find_input(spark: SparkSession, job: Job, name: str, version: int | None = None) -> DataFrame:
    """The input that a refine function asks for by the name of its parameter.

    Args:
        version: the Delta version to read; the newest if None.

    Raises:
        NightshiftError: if there is no such input, or the stage before has not published it.
    """
    if name == CALENDAR:
        # All days since the delivery before: that of the outcomes is among them.
        dates = BatchDates(job.use_case.calendar.later(job.dates.first, -1), job.dates.last)
        return calendar(spark, job.use_case.country, job.use_case.subdivision, dates)
    table = job.catalog[f"bronze.{name}"]
    if table.source is None:
        raise DeclarationError(f"{table.label} does not arrive in deliveries, so no refine function can ask for it")
    windows = {each.name: window for each, window in needed(REFINE, job.use_case, job.catalog)}
    if name not in windows:
        return _reference(spark, table, job.dates, version)
    # A date that was landed without rows was landed.
    refuse_missing(job, table, windows[name].dates(job.use_case, job.dates), version)
    return _placed(lake.read(spark, table, job.dates, version), table)


def ranked(rows: DataFrame, keys: Sequence[str], label: str | None = None) -> DataFrame:
    """Number the records of each batch date and key, the newest being 1.

    Args:
        label: a column that models learn to predict; `DIFFERS` says whether that of the newest record is another one.
    """
    newest_first = Window.partitionBy(PARTITION, *keys).orderBy(F.desc("record"))
    numbered = rows.withColumn(RANK, F.row_number().over(newest_first))
    if label is None:
        return numbered
    return numbered.withColumn(DIFFERS, ~F.col(label).eqNullSafe(F.first(label).over(newest_first)))


def _placed(rows: DataFrame, table: Table) -> DataFrame:
    """Landed rows whose ``record`` says where each comes from, and how new it is; refine functions only pass it on."""
    newest_by = table.source.newest_by if table.source else None
    newest = F.col(newest_by) if newest_by else F.lit(None).cast("int")
    # Compared field by field.
    place = F.struct(newest.alias("newest"), natural_order("file").alias("order"), "file", "record", "file_sha256")
    return rows.withColumn("record", place).drop("file", "file_sha256", "extra")


def natural_order(name: str) -> Column:
    """A column of names of files, such that text sorts them as people count, as `repeated_files.natural_order` does."""
    padded = F.regexp_replace(name, "([0-9]+)", f"{'0' * NATURAL_DIGITS}$1")
    return F.regexp_replace(padded, rf"0*([0-9]{{{NATURAL_DIGITS}}})(?![0-9])", "$1")


def snapshots_for(dates: BatchDates, published: set[dt.date]) -> dict[dt.date, dt.date]:
    """The reference deliveries that the dates need, each with the date from which the next one counts."""
    known = sorted(date for date in published if date <= dates.last)
    ends = dict(zip(known, [*known, END_OF_TIME][1:], strict=True))
    return {start: end for start, end in ends.items() if end > dates.first}


def _reference(spark: SparkSession, table: Table, dates: BatchDates, version: int | None) -> DataFrame:
    """The snapshots of a reference table that the dates need, with ``valid_from`` and ``valid_until``."""
    snapshots = snapshots_for(dates, _delivered(table, dates, version))
    if not snapshots or min(snapshots) > dates.first:
        log.warning("%s: nothing was delivered up to %s; what it would tell is null", table.label, dates.first)
    validity = spark.createDataFrame(list(snapshots.items()), "valid_from date, valid_until date")
    if snapshots:
        # Not one of the snapshots before, of which there are more every month.
        rows = lake.read(spark, table, BatchDates(min(snapshots), max(snapshots)), version)
    else:
        rows = spark.createDataFrame([], table.ddl)
    newest = ranked(_placed(rows, table), table.keys).where(F.col(RANK) == 1)
    valid = newest.join(F.broadcast(validity), on=F.col(PARTITION) == F.col("valid_from"), how="inner")
    return valid.drop(PARTITION, "record", RANK)


def _delivered(table: Table, dates: BatchDates, version: int | None) -> set[dt.date]:
    """The dates of the snapshots that were delivered: those with rows and, where they matter, those without."""
    with_rows = lake.published_dates(table, version)
    first = max((date for date in with_rows if date <= dates.first), default=dates.first)
    return with_rows | came_without_rows(table, dates.between(first, dates.last), version)
