"""Write, audit, publish: the one path that every table of every stage takes into the lake."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nightshift import lake, ledger
from nightshift.accounting import Accounting
from nightshift.audit import Audit, AuditError, AuditReport, describe
from nightshift.errors import NightshiftError
from nightshift.job import Job
from nightshift.recovery import recover
from nightshift.settings import get_settings
from nightshift.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger("nightshift")
# A night has a handful of sources; a range of a year has hundreds, all of them in the ledger.
SOURCES_NAMED = 20
STAGED_AT_ONCE = 2
# Name and version of a model by batch date.
Models = Mapping[dt.date, tuple[str, int]]


@dataclass(frozen=True)
class Published:
    """What a publication did: the Delta version of its commit and the rows per batch date."""

    version: int
    rows: Mapping[dt.date, int]


@dataclass(frozen=True)
class Slice:
    """What is to be published of one table.

    Attributes:
        rows: the slice; or a folder of Parquet (`lake.stage_folder`) in which it was already written; or that folder
            pinned, where something read it already that must hold of what is published.
        audit: evaluates the table's suite on the staged files.
        accounting: where the rows come from; makes the slice balance per batch date.
        models: name and version of the model that made the rows of each batch date, for the ledger.
        replaces_version: the Delta version that the rows were computed from, where a newer one must not be undone.
    """

    table: Table
    rows: DataFrame | Path | lake.Stage
    audit: Audit
    accounting: Accounting | None = None
    models: Models | None = None
    replaces_version: int | None = None


def publish(
    job: Job,
    table: Table,
    rows: DataFrame | Path | lake.Stage,
    *,
    audit: Audit,
    accounting: Accounting | None = None,
    models: Models | None = None,
    replaces_version: int | None = None,
) -> Published:
    """Stage, audit and publish the slice of ``table`` that ``job`` is about; see `Slice` for the arguments.

    Raises:
        AuditError: if a check that blocks has failed.
        NightshiftError: if the slice does not balance, or its stage changed after it was pinned. In both cases the
            published table is as it was.
    """
    return publish_all(job, [Slice(table, rows, audit, accounting, models, replaces_version)])[0]


def publish_all(job: Job, slices: Sequence[Slice]) -> list[Published]:
    """Stage and audit the slices of several tables, and publish all of them, or none where one is refused.

    While one table is audited, the next is written. All are tried, so that a log tells of every fault.

    Raises:
        AuditError, NightshiftError: as `publish` does, for the first table that was refused.
    """
    if len(slices) == 1:
        # Without a thread of its own, in which Spark would look for its session anew.
        with _prepared(job, slices[0]) as ready:
            return [ready.commit()]
    with ExitStack() as open_attempts, ThreadPoolExecutor(STAGED_AT_ONCE) as pool:
        attempts = [_prepared(job, each) for each in slices]
        entered = [pool.submit(each.__enter__) for each in attempts]
        faults = []
        for attempt, prepared in zip(attempts, entered, strict=True):
            if (fault := prepared.exception()) is None:
                open_attempts.push(attempt.__exit__)
            else:
                faults.append(fault)
        for fault in faults[1:]:
            log.error("%s", fault)
        if faults:
            raise faults[0]
        # Before the first of them is visible; each is looked at once more at its own commit.
        for prepared in entered:
            prepared.result().stage.refuse_changed()
        return [prepared.result().commit() for prepared in entered]


@dataclass(frozen=True)
class _Ready:
    """A slice that is staged and audited; ``commit`` makes it visible."""

    stage: lake.Stage
    commit: Callable[[], Published]


@contextmanager
def _prepared(job: Job, each: Slice) -> Iterator[_Ready]:
    table, accounting = each.table, each.accounting
    recover(job.use_case.name, table)
    common = {**job.entry, "table_name": table.short_name}
    inputs = accounting.inputs if accounting else None
    by_date = {date: {**_row_counts(date, accounting), **_model(date, each.models)} for date in job.dates}
    with ledger.attempt(common, by_date, inputs) as record:
        folder = _folder(each)
        try:
            stage = each.rows if isinstance(each.rows, lake.Stage) else _pinned(job, each, folder)
            counts = _counted(stage, accounting)
            report = _audited(job, stage, each.audit, accounting)
            page = str(report.page.relative_to(get_settings().data_docs)) if report.page else None
            record.audited(stage.digest, len(report.warnings), page, report.profiles)
            yield _Ready(stage, lambda: _commit(job, each, stage, counts, record))
        finally:
            lake.discard(folder)


def _folder(each: Slice) -> Path:
    if isinstance(each.rows, lake.Stage):
        return each.rows.folder
    return each.rows if isinstance(each.rows, Path) else lake.stage_folder(each.table)


def _pinned(job: Job, each: Slice, folder: Path) -> lake.Stage:
    if not isinstance(each.rows, Path | lake.Stage):
        lake.write(each.rows, each.table, folder)
    return lake.pin(folder, each.table, job.dates)


def _commit(
    job: Job, each: Slice, stage: lake.Stage, counts: Mapping[dt.date, int], record: ledger.Attempt
) -> Published:
    """Make a stage visible, unless a later attempt has done so for the same dates."""
    table = each.table
    with lake.writing(table):
        recover(job.use_case.name, table)
        if later := record.overtaken_by():
            record.status = "overtaken"
            record.message = f"run {later.run_id}, which began later, has published these batch dates already"
            log.warning("%s %s: %s", table.label, job.dates, record.message)
            return Published(later.delta_version or 0, counts)
        _refuse_newer(each)
        try:
            version = lake.commit(stage, _metadata(job, record.attempt_id, each.accounting))
        except Exception as error:
            # What follows a commit may fail, like a checkpoint; then the slice is visible all the same.
            found = lake.committed(table, record.attempt_id)
            if found is None:
                raise
            log.warning("%s is published as version %d, and then: %s", table.label, found, error)
            version = found
        record.published(version, counts)
    log.info("published %s %s: %s rows, version %s", table.label, job.dates, sum(counts.values()), version)
    return Published(version, counts)


def _refuse_newer(each: Slice) -> None:
    if each.replaces_version is not None and (newest := lake.newest_version(each.table)) != each.replaces_version:
        raise NightshiftError(
            f"{each.table.label} became version {newest} while its version {each.replaces_version} was worked on: "
            "nothing was published; run this again"
        )


def _counted(stage: lake.Stage, accounting: Accounting | None) -> dict[dt.date, int]:
    """Rows per batch date of a stage, held against what went in."""
    table, found = stage.table, stage.rows
    counts = {date: found.pop(str(date), 0) for date in stage.dates}
    if found:
        raise NightshiftError(
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
        log.warning("audit of %s %s warns\n%s", stage.table.label, job.dates, describe(warning))
    if report.blocking:
        raise AuditError(stage.table, job.dates, report, _next_step(job))
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


def _next_step(job: Job) -> str:
    return (
        f"look at the examples, mend the source or the rule, then clear this task in Airflow, or run the stage again: "
        f"--use-case {job.use_case.name} --dates {job.dates}"
    )


def _metadata(job: Job, attempt_id: object, accounting: Accounting | None) -> dict[str, object]:
    """What a commit says of itself; sources are named up to a number that keeps the log small."""
    sources = {
        f"{each.name}@{each.version}"
        for several in (accounting.inputs if accounting else {}).values()
        for each in several
    }
    return {
        "run": job.run_id,
        "stage": job.stage,
        "code": ledger.code_version(),
        "attempt": attempt_id,
        "dates": job.dates,
        "sources": sorted(sources)[:SOURCES_NAMED],
        "sources_in_all": len(sources),
    }


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
