"""Refuses a stage whose inputs are not there yet: asks Delta logs and ledger, and starts no Spark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace

from nightshift.dates import BatchDates, as_ranges
from nightshift.declarations.table_inputs import derivations
from nightshift.declarations.tables import Table
from nightshift.errors import MissingError
from nightshift.job import Job
from nightshift.lake.missing_dates import unpublished
from nightshift.stages import command_to_write, later_dates, needed


def refuse_incomplete(job: Job) -> None:
    """Ask for all dates of all tables that the job's stage needs.

    Raises:
        MissingError: naming the missing dates and how to get them.
    """
    for table, window in needed(job.stage, job.use_case, job.catalog):
        refuse_missing(job, table, window.dates(job.use_case, job.dates))


def refuse_missing(job: Job, table: Table, dates: BatchDates, version: int | None = None) -> None:
    """Ask that a table has a slice of each batch date, from the one on with which its sources begin.

    Args:
        version: the Delta version that is looked at; the newest if None.

    Raises:
        MissingError: naming the missing dates and how to get them.
    """
    starts = _starts(job, table)
    missing = unpublished(table, [date for date in dates if date >= starts], version)
    if missing:
        missing_ranges = as_ranges(missing, calendar=job.use_case.calendar)
        ranges = ", ".join(str(each) for each in missing_ranges)
        raise MissingError(
            f"{job.stage} of {job.dates} needs {table.label} of {dates}, and these batch dates are missing: {ranges}\n"
            f"  next: backfill {ranges} in the Airflow UI (DAG {job.use_case.name}_nightly, Trigger, Backfill), or run "
            f"`{command_to_write(table, missing_ranges[0])}`"
            f"{' after land' if table.layer == 'silver' else ''}; then run this stage again"
        )


def refuse_unpublished(job: Job, sources: Iterable[Table]) -> None:
    """Ask that something was published to each table; before its source begins it counts as empty.

    Raises:
        MissingError: naming the table and the command that writes it.
    """
    for table in sources:
        if not table.exists() and job.dates.last >= _starts(job, table):
            raise MissingError(
                f"nothing was ever published to {table.label}, which {job.stage} reads\n"
                f"  next: run `{command_to_write(table, job.dates)}`; then run this stage again"
            )


def with_later_dates(job: Job) -> Job:
    """The job, with the later dates whose slices tell of its own, too; without them where one lacks what it needs.

    Marts of D compare the scores of the days before with the outcomes that came with D. Where D + 1 is scored already,
    because nights ran out of order or D was scored again, its marts are made again as well.
    """
    wider = later_dates(job.stage, job.use_case, job.dates)
    later = job.dates.between(job.dates.last, wider.last)
    if any(unpublished(table, later) for table, _ in needed(job.stage, job.use_case, job.catalog)):
        return job
    return replace(job, dates=wider)


def _starts(job: Job, table: Table) -> dt.date:
    """The batch date with which the first of the required sources begins that a table is made from."""
    first = job.use_case.dates.first
    names = (table.short_name,) if table.source else derivations(job.catalog)[table.short_name]
    sources = [job.catalog[name].source for name in names]
    return min((source.starts(first) for source in sources if source and source.required), default=first)
