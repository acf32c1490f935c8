"""Write, audit, publish: the one path that every table of every stage takes into the lake."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nightshift import lake, ledger
from nightshift.audit import Audit, AuditError, describe
from nightshift.errors import NightshiftError
from nightshift.job import Job
from nightshift.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger("nightshift")


@dataclass(frozen=True)
class Accounting:
    """Where the rows of each batch date went, apart from those that are published.

    Attributes:
        rows_in: rows that entered the stage.
        quarantined: rows set aside with a reason.
        deduplicated: older rows of the same key.
    """

    rows_in: Mapping[dt.date, int]
    quarantined: Mapping[dt.date, int] = field(default_factory=dict)
    deduplicated: Mapping[dt.date, int] = field(default_factory=dict)

    def expected(self, date: dt.date) -> int:
        """Rows that must be published for a date so that nothing is lost or doubled."""
        return self.rows_in.get(date, 0) - self.quarantined.get(date, 0) - self.deduplicated.get(date, 0)


@dataclass(frozen=True)
class Published:
    """What a publication did: the Delta version of its commit and the rows per batch date."""

    version: int
    rows: Mapping[dt.date, int]


def publish(
    job: Job,
    table: Table,
    rows: DataFrame | Path,
    *,
    audit: Audit,
    accounting: Accounting | None = None,
    model: tuple[str, int] | None = None,
) -> Published:
    """Stage, audit and publish the slice of ``table`` that ``job`` is about.

    Args:
        rows: the slice, or a folder of Parquet in which it was already written.
        audit: evaluates the table's suite on the staged files.
        accounting: makes the slice balance per batch date; None for tables that aggregate.
        model: name and version of the model that made the rows, for the ledger.

    Raises:
        AuditError: if a check that blocks has failed.
        NightshiftError: if the slice does not balance. In both cases the published table is as it was.
    """
    from pyspark.sql import SparkSession

    spark = SparkSession.active()
    common = {
        **job.entry,
        "table_name": f"{table.layer}.{table.name}",
        "model_name": model[0] if model else None,
        "model_version": model[1] if model else None,
    }
    with ledger.attempt(common, {date: _row_counts(date, accounting) for date in job.dates}) as record:
        stage = lake.pin(rows, table, job.dates) if isinstance(rows, Path) else lake.stage(rows, table, job.dates)
        metadata = {"run": job.run_id, "stage": job.stage, "code": ledger.code_version(), "attempt": record.attempt_id}
        try:
            counts = _examined(spark, job, stage, audit, accounting)
            version = lake.publish(stage, metadata)
        finally:
            lake.discard(stage)
        record.rows_published, record.delta_version = counts, version
    log.info("published %s %s: %s rows, version %s", table.label, job.dates, sum(counts.values()), version)
    return Published(version, counts)


def _examined(
    spark: SparkSession, job: Job, stage: lake.Stage, audit: Audit, accounting: Accounting | None
) -> dict[dt.date, int]:
    """Audit a stage and hold it against its accounting; returns its rows per batch date."""
    table = stage.table
    found = stage.rows
    counts = {date: found.pop(str(date), 0) for date in job.dates}
    if found:
        raise NightshiftError(
            f"{table.label}: the slice {job.dates} holds rows of other batch dates "
            f"({', '.join(f'{date}: {count}' for date, count in found.items())}); nothing was published"
        )
    if accounting is not None:
        _refuse_imbalance(table, counts, accounting)
    expected = None if accounting is None else sum(accounting.expected(date) for date in job.dates)
    report = audit(stage.read(spark), table, job.dates, expected)
    for warning in report.warnings:
        log.warning("audit of %s %s warns\n%s", table.label, job.dates, describe(warning))
    if report.blocking:
        raise AuditError(table, job.dates, report, _next_step(job))
    return counts


def _refuse_imbalance(table: Table, counts: Mapping[dt.date, int], accounting: Accounting) -> None:
    wrong = [
        f"  {date}: {accounting.rows_in.get(date, 0)} in, {count} to publish, "
        f"{accounting.quarantined.get(date, 0)} quarantined, {accounting.deduplicated.get(date, 0)} deduplicated"
        for date, count in counts.items()
        if count != accounting.expected(date)
    ]
    if wrong:
        raise NightshiftError(
            f"{table.label} does not balance, nothing was published; rows in must equal rows published "
            "+ quarantined + deduplicated:\n" + "\n".join(wrong)
        )


def _next_step(job: Job) -> str:
    return (
        f"look at the examples, mend the source or the rule, then clear this task in Airflow, or run the stage again: "
        f"--use-case {job.use_case.name} --dates {job.dates}"
    )


def _row_counts(date: dt.date, accounting: Accounting | None) -> dict[str, int | None]:
    if accounting is None:
        return {"rows_in": None, "rows_quarantined": None, "rows_deduplicated": None}
    return {
        "rows_in": accounting.rows_in.get(date, 0),
        "rows_quarantined": accounting.quarantined.get(date, 0),
        "rows_deduplicated": accounting.deduplicated.get(date, 0),
    }
