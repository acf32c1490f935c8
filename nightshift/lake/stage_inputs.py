"""Refuses a stage whose inputs are not there yet: asks Delta logs and ledger, and starts no Spark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from nightshift.dates import BatchDates, as_ranges
from nightshift.declarations.table_inputs import derivations
from nightshift.declarations.tables import Table
from nightshift.declarations.writing_stage import command_to_write
from nightshift.errors import MissingError
from nightshift.job import Job
from nightshift.lake.published_dates import unpublished


def refuse_missing(job: Job, table: Table, needed: BatchDates) -> None:
    """Ask that a table has a slice of each batch date, from the one on with which its sources begin.

    Raises:
        MissingError: naming the missing dates and how to get them.
    """
    starts = _starts(job, table)
    missing = unpublished(table, [date for date in needed if date >= starts])
    if missing:
        ranges = ", ".join(str(dates) for dates in as_ranges(missing))
        raise MissingError(
            f"{job.stage} of {job.dates} need {table.label} of {needed}, and these batch dates are missing: {ranges}\n"
            f"  next: backfill {ranges} in the Airflow UI (DAG {job.use_case.name}_nightly, Trigger, Backfill), or run "
            f"`{command_to_write(table, as_ranges(missing)[0])}`"
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
                f"nothing was ever published to {table.label}, which {job.stage} read\n"
                f"  next: run `{command_to_write(table, job.dates)}`; then run this stage again"
            )


def _starts(job: Job, table: Table) -> dt.date:
    """The batch date with which the first of the required sources begins that a table is made from."""
    first = job.use_case.dates.first
    sources = [job.catalog[name].source for name in derivations(job.catalog)[table.short_name]]
    return min((source.starts(first) for source in sources if source and source.required), default=first)
