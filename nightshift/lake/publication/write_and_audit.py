"""A slice is written to its stage, pinned, counted against what went in, and audited there."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nightshift import lake, ledger
from nightshift.errors import DataError
from nightshift.job import Job
from nightshift.lake.audit_report import Audit, AuditError, AuditReport, failure_in_words
from nightshift.lake.publication.staged_slices import Models, Ready, Slice, again
from nightshift.lake.recovery import recover
from nightshift.ledger.row_accounting import Accounting

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger("nightshift")


@contextmanager
def prepared(job: Job, each: Slice) -> Iterator[Ready]:
    """Stage, count and audit a slice, in an attempt that is open until it is visible or given up.

    Raises:
        AuditError, NightshiftError: if it is refused; the published table is then as it was.
    """
    table, accounting = each.table, each.accounting
    common = {**job.entry, "table_name": table.short_name}
    inputs = accounting.inputs if accounting else None
    by_date = {date: {**_row_counts(date, accounting), **_model(date, each.models)} for date in job.dates}
    with _stage_folder(job, each) as folder, ledger.attempt(common, by_date, inputs, folder.record) as record:
        lake.refuse_other_schema(table)
        stage = each.rows if isinstance(each.rows, lake.Stage) else _pinned(job, each, folder)
        counts = _counted(stage, accounting)
        report = _audited(job, stage, each.audit, accounting)
        page = report.page.relative_to(job.home.data_docs) if report.page else None
        record.audited(stage.digest, len(report.warnings), page, report.profiles)
        yield Ready(each, stage, counts, record)


@contextmanager
def _stage_folder(job: Job, each: Slice) -> Iterator[lake.StageFolder]:
    """Where a slice is, or will be, written; gone at the end, unless it was published."""
    folder = _folder(each.rows)
    try:
        if folder is not None:
            # Else it would be found among those of killed processes, where the database forgot who holds its lock.
            folder.record.refuse_lost()
        recover(job.use_case.name, each.table)
        folder = folder or lake.stage_folder(each.table)
        yield folder
    finally:
        if folder is not None:
            lake.discard(folder)


def _folder(rows: DataFrame | lake.StageFolder | lake.Stage) -> lake.StageFolder | None:
    """Where a slice was staged already."""
    if isinstance(rows, lake.Stage):
        return rows.folder
    return rows if isinstance(rows, lake.StageFolder) else None


def _pinned(job: Job, each: Slice, folder: lake.StageFolder) -> lake.Stage:
    if not isinstance(each.rows, lake.StageFolder | lake.Stage):
        lake.write(each.rows, folder)
    return lake.pin(folder, job.dates)


def _counted(stage: lake.Stage, accounting: Accounting | None) -> dict[dt.date, int]:
    """Rows per batch date of a stage, checked against what went in."""
    table, found = stage.table, stage.rows
    counts = {date: found.pop(str(date), 0) for date in stage.dates}
    if found:
        raise DataError(
            f"{table.label}: the slice {stage.dates} holds rows of other batch dates "
            f"({', '.join(f'{date}: {count}' for date, count in found.items())}); nothing was published"
        )
    if accounting is not None:
        accounting.refuse_imbalance(table, counts)
    return counts


def _audited(job: Job, stage: lake.Stage, audit: Audit, accounting: Accounting | None) -> AuditReport:
    """What the audit says of a stage, if nothing in it blocks."""
    exact = accounting is not None and not accounting.aggregated
    expected = sum(accounting.expected(date) for date in job.dates) if accounting is not None and exact else None
    session = _spark_session()
    with stage.watched():
        report = audit(stage.read(session) if session else None, stage.table, job.dates, expected)
    for warning in report.warnings:
        log.warning("audit of %s %s warns\n%s", stage.table.label, job.dates, failure_in_words(warning))
    if report.blocking:
        raise AuditError(
            stage.table, job.dates, report, f"look at the examples, fix the source or the rule, then {again(job)}"
        )
    return report


def _spark_session() -> SparkSession | None:
    """The session of this process; jobs that compute without Spark have none, and are not made to import it."""
    if "pyspark.sql" not in sys.modules:
        return None
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    try:
        return SparkSession.active()
    except PySparkRuntimeError:
        return None


def _model(date: dt.date, models: Models | None) -> dict[str, str | int | None]:
    name, version = models[date] if models else (None, None)
    return {"model_name": name, "model_version": version}


def _row_counts(date: dt.date, accounting: Accounting | None) -> dict[str, int | None]:
    if accounting is None or accounting.aggregated:
        return {"rows_in": None, "rows_quarantined": None, "rows_deduplicated": None}
    return {
        "rows_in": accounting.rows_in(date),
        "rows_quarantined": accounting.quarantined(date),
        "rows_deduplicated": accounting.deduplicated(date),
    }
