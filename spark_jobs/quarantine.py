"""What was not accepted: counting it, keeping it, and saying when it is too much."""

from __future__ import annotations

import datetime as dt
import functools
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from nightshift.dates import BatchDates
from nightshift.delivery import Delivery
from nightshift.errors import NightshiftError
from nightshift.publish import Accounting
from nightshift.tables import Table
from nightshift.use_case import UseCase
from spark_jobs.judge import is_good

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger("nightshift")

COLUMNS = "batch_date date, source string, file string, file_sha256 string, record bigint, reason string, raw string"
TOP_REASONS = 3
RAW_SHOWN = 200


@dataclass(frozen=True)
class Judged:
    """The judged records of one source, and where they go per batch date."""

    table: Table
    rows: DataFrame
    accounting: Accounting


def counted(rows: Mapping[Table, DataFrame], delivery: Delivery) -> list[Judged]:
    """Count rejected records per source and batch date, in one Spark job for all."""
    counts: dict[str, dict[dt.date, int]] = {table.name: {} for table in rows}
    if rows:
        bad = [
            judged.groupBy("batch_date")
            .agg(F.count_if(~is_good()).alias("bad"))
            .withColumn("source", F.lit(table.name))
            for table, judged in rows.items()
        ]
        for row in _union(bad).collect():
            counts[row.source][row.batch_date] = row.bad
    return [
        Judged(table, judged, Accounting(rows_in=delivery.rows_in(table), quarantined=counts[table.name]))
        for table, judged in rows.items()
    ]


def rejected(delivery: Delivery, sources: Iterable[Judged]) -> dict[dt.date, int]:
    """Rows of the quarantine per batch date: rejected records, and one for each faulty file."""
    counts = Counter(dict.fromkeys(delivery.dates, 0))
    counts.update(Counter(fault.batch_date for fault in delivery.faults))
    for source in sources:
        counts.update(dict(source.accounting.quarantined))
    return dict(counts)


def quarantine_rows(spark: SparkSession, delivery: Delivery, sources: Iterable[Judged]) -> DataFrame:
    """Rejected records and faulty files, in the columns of the quarantine."""
    digests = spark.createDataFrame(
        [(file.batch_date, file.path.name, file.sha256) for file in delivery.files],
        "batch_date date, file string, file_sha256 string",
    )
    faults = spark.createDataFrame(
        [
            (fault.batch_date, fault.source, fault.file, fault.sha256, 0, f"the file {fault.reason}", None)
            for fault in delivery.faults
        ],
        COLUMNS,
    )
    names = faults.columns
    bad = [
        source.rows.where(~is_good())
        .join(F.broadcast(digests), on=["batch_date", "file"], how="left")
        .withColumn("source", F.lit(source.table.name))
        .select(*names)
        for source in sources
        if any(source.accounting.quarantined.values())
    ]
    return _union([faults, *bad])


def refuse_excess(use_case: UseCase, dates: BatchDates, sources: Iterable[Judged]) -> None:
    """Block the run where too large a share of a source's rows was rejected.

    Raises:
        NightshiftError: naming source, date, share, the most frequent reasons with an example, and what to do.
    """
    tolerated = use_case.delivery.tolerated_quarantine_share
    excess = []
    for source in sources:
        accounting = source.accounting
        total = sum(accounting.quarantined.values())
        if not total:
            continue
        reasons = _top_reasons(source)
        log.warning("quarantined %s of %s\n%s", total, source.table.label, "\n".join(reasons))
        worst = [
            f"  {source.table.name} of {date}: {bad} of {accounting.rows_in[date]} rows ({share:.1%})"
            for date, bad in sorted(accounting.quarantined.items())
            if (share := bad / max(accounting.rows_in[date], 1)) > tolerated
        ]
        if worst:
            excess += [*worst[:5], *([f"  and {len(worst) - 5} more dates"] if len(worst) > 5 else []), *reasons]
    if excess:
        raise NightshiftError(
            f"more rows of {use_case.name} were quarantined than the tolerated {tolerated:.1%} "
            "(`delivery.tolerated_quarantine_share` in use_case.yaml); nothing of these dates was published to the "
            "source tables:\n" + "\n".join(excess) + "\nNext: see all of them with "
            f'`nightshift sql "select * from bronze.{use_case.name}_quarantine where {_condition(dates)}"`; '
            "ask the sender to deliver again, or mend the rule in tables.yaml; then run the stage again"
        )


def _top_reasons(source: Judged) -> list[str]:
    """The most frequent reasons, values left out, each with an example."""
    bad = source.rows.where(~is_good())
    kind = F.regexp_replace("reason", "'[^']*'", "…")
    example = F.min_by(F.struct("batch_date", "file", "record", "reason", "raw"), F.struct("batch_date", "record"))
    top = bad.groupBy(kind.alias("kind")).agg(F.count("*").alias("rows"), example.alias("first"))
    lines = []
    for row in top.orderBy(F.desc("rows"), "kind").limit(TOP_REASONS).collect():
        first = row["first"]
        lines.append(f"    {row.rows} rows: {first.reason}")
        lines.append(f"      like {first.batch_date}/{first.file} record {first.record}: {first.raw[:RAW_SHOWN]}")
    return lines


def _condition(dates: BatchDates) -> str:
    return dates.sql().replace("DATE", "date ")


def _union(frames: list[DataFrame]) -> DataFrame:
    return functools.reduce(DataFrame.unionByName, frames)
