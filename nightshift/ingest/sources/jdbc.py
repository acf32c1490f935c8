"""Rows of relational databases, over JDBC: docs/landing-contract.md, "Databases".

A batch date has the rows whose date column falls on it. They are extracted as Parquet into the archive, and counted and
added up in the database before and after: an extract that is not what both say is refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nightshift.declarations.source import JdbcSource
from nightshift.home import scratch
from nightshift.ingest.delivery import Delivery, Fault, LandedFile
from nightshift.ingest.privacy.person_files import extracts
from nightshift.ingest.sources.database_connection import Connection
from nightshift.ingest.sources.extract import Extract, RefusedError, name_of
from nightshift.job import Job

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Jdbc:
    """Found by the date column, proved by bounds, counts, sums and the digest of the extract."""

    def take(self, spark: SparkSession, job: Job) -> Delivery:
        """Extract the rows of the dates from every database.

        Raises:
            NightshiftError: if a date is not over, or a database can't be reached.
        """
        files: list[LandedFile] = []
        faults: list[Fault] = []
        warnings: list[str] = []
        scratch.sweep(extracts(job.use_case))
        for table in job.catalog.sources:
            if isinstance(table.source, JdbcSource) and (dates := _due(table.source, job)):
                connection = Connection.of(table.source.connection)
                try:
                    extract = Extract(spark, job, table, table.source, connection, dates)
                    files += extract.files()
                    warnings += extract.warnings()
                except RefusedError as refusal:
                    faults += refusal.faults
        faults.extend(_without_rows(job, files, faults))
        return Delivery(job.use_case, job.dates, tuple(files), tuple(faults), tuple(warnings))


def _due(source: JdbcSource, job: Job) -> list[dt.date]:
    """The dates from which on the source has rows."""
    starts = source.starts(job.use_case.dates.first)
    return [date for date in job.dates if date >= starts]


def _without_rows(job: Job, files: Sequence[LandedFile], faults: Sequence[Fault]) -> Iterator[Fault]:
    """Sources that have nothing of a date, where that is not allowed."""
    came = {(file.table.name, file.batch_date) for file in files}
    refused = {fault.source for fault in faults}
    for table in job.catalog.sources:
        source = table.source
        if not isinstance(source, JdbcSource) or source.empty_allowed or not source.required or table.name in refused:
            continue
        for date in _due(source, job):
            if (table.name, date) not in came:
                reason = "has no row of this date, and the source is declared without `empty_allowed`"
                yield Fault(date, table.name, name_of(source), reason, "empty", tolerable=False)
