"""Rows of relational databases, over JDBC: docs/landing-contract.md, "Databases".

A batch date has the rows whose date column falls on it. They are extracted as Parquet into the archive, and counted in
the database before and after: an extract that is not what both counts say is refused.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nightshift import archive, scratch
from nightshift.delivery import Delivery, Fault, LandedFile
from nightshift.delivery.drift import DriftError, Found, delivered_names, fit
from nightshift.delivery.verification import kept_aside
from nightshift.errors import NightshiftError
from nightshift.job import Job
from nightshift.privacy.person_files import extracts
from nightshift.source import JdbcSource
from nightshift.tables import Column, Table
from spark_jobs.landing.sources.connection import Connection
from spark_jobs.landing.sources.slices import Counted, Slice, counting, midnight, slices, within

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

log = logging.getLogger("nightshift")

SLICE = "_batch_date"
PATIENCE = dt.timedelta(minutes=15)
TYPES = {
    "string": ("string",),
    "int": ("tinyint", "smallint", "int"),
    "bigint": ("tinyint", "smallint", "int", "bigint"),
    "double": ("float", "double"),
    "boolean": ("boolean",),
    "date": ("date",),
    "timestamp": ("timestamp",),
}
KEPT_AS_THEY_ARE = frozenset(kind for kinds in TYPES.values() for kind in kinds)


class Jdbc:
    """Found by the date column, proved by bounds, counts and the digest of the extract."""

    def take(self, spark: SparkSession, job: Job) -> Delivery:
        """Extract the rows of the dates from every database.

        Raises:
            NightshiftError: if a date is not over, or a database can't be reached.
        """
        files: list[LandedFile] = []
        faults: list[Fault] = []
        warnings: list[str] = []
        scratch.sweep(extracts(job.use_case.name))
        for table in job.catalog.sources:
            if isinstance(table.source, JdbcSource) and (dates := _due(table.source, job)):
                connection = Connection.of(table.source.connection)
                try:
                    extract = _Extract(spark, job, table, table.source, connection, dates)
                    files += extract.files()
                    warnings += extract.warnings()
                except _RefusedError as refusal:
                    faults += refusal.faults
        faults.extend(_without_rows(job, files, faults))
        return Delivery(job.use_case, job.dates, tuple(files), tuple(faults), tuple(warnings))


class _RefusedError(Exception):
    """An extract that can't be used."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(*faults)
        self.faults = faults


def _due(source: JdbcSource, job: Job) -> list[dt.date]:
    """The dates from which on the source has rows."""
    starts = job.use_case.dates.first + dt.timedelta(days=source.first_batch_date_offset)
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
                yield Fault(date, table.name, _name(source), reason, "empty", tolerable=False)


def _name(source: JdbcSource, part: int = 1) -> str:
    """What an extract is called where files have their names; no file can have this one."""
    return f"jdbc:{source.connection}.{source.relation}{f'#{part}' if part > 1 else ''}"


@dataclass
class _Extract:
    """The rows of one source and some batch dates."""

    spark: SparkSession
    job: Job
    table: Table
    source: JdbcSource
    connection: Connection
    dates: Sequence[dt.date]

    def __post_init__(self) -> None:
        with self.connection.asked_for(self.source.relation):
            nothing = f"SELECT * FROM {self.source.relation} WHERE 1 = 0"
            self.schema: StructType = self.connection.query(self.spark, nothing).schema
        self.added = self._fitted()
        is_date = self.schema[self.source.date_column].dataType.simpleString() == "date"
        self.slices = slices(self.dates, None if is_date else self.job.use_case.zone, self.source.days_before)

    def files(self) -> list[LandedFile]:
        """The extract in the archive, one file per batch date, or several where it is large."""
        before = self._once_settled()
        if not any(before.rows.values()):
            return []
        # Rows in clear: what a killed run leaves of them is swept.
        folder = scratch.take(extracts(self.job.use_case.name))
        try:
            with self.connection.asked_for(self.source.relation):
                self._write(before, folder)
            files = [file for each in self.slices for file in self._kept(each, folder)]
        finally:
            scratch.discard(folder)
        self._refuse_changed(before, files, self._counted())
        return files

    def warnings(self) -> Iterator[str]:
        """What is taken as it is, and deserves a look."""
        if self.added:
            yield kept_aside(_name(self.source), self.table, self.added)

    def _fitted(self) -> tuple[str, ...]:
        """Hold the relation's columns against the declaration; returns those that nobody declared."""
        source, types = self.source, {each.name: each.dataType.simpleString() for each in self.schema.fields}

        def other_type(name: str, column: Column) -> str | None:
            return None if types[name] in TYPES[column.type] else types[name]

        try:
            fitting = fit(self.table, Found(tuple(types), False, other_type))
            if source.date_column not in types:
                raise DriftError(f"has no column {source.date_column!r}, the date_column of its source")
            if types[source.date_column] not in ("date", "timestamp"):
                raise DriftError(
                    f"{source.date_column!r} is {types[source.date_column]}, and a date_column is a date or a "
                    "timestamp with time zone"
                )
        except DriftError as error:
            fault = Fault(self.dates[0], self.table.name, _name(source), str(error), "columns", tolerable=False)
            raise _RefusedError([fault]) from None
        return tuple(name for name in fitting.added if name not in (source.date_column, source.partition_column))

    def _counted(self) -> Counted:
        source = self.source
        sql = counting(source.relation, source.date_column, self.slices, source.partition_column)
        with self.connection.asked_for(source.relation):
            found = self.connection.query(self.spark, sql).selectExpr("unix_timestamp(clock) AS clock_seconds", "*")
            row = found.drop("clock").first()
        assert row is not None
        return Counted(
            dt.datetime.fromtimestamp(row.clock_seconds, dt.UTC),
            {each.batch_date: row[f"rows_{place}"] for place, each in enumerate(self.slices)},
            row.lowest if source.partition_column else None,
            row.highest if source.partition_column else None,
        )

    def _once_settled(self) -> Counted:
        """The counts, as soon as no more rows of the dates come, by the database's own clock.

        Raises:
            NightshiftError: if that is not soon, naming the date, and when it will be ready.
        """
        source, day = self.source, self.dates[-1] - dt.timedelta(days=self.source.days_before)
        ready = midnight(day, self.job.use_case.zone) + dt.timedelta(hours=source.settled_after_hours)
        counted = self._counted()
        # A night begins with the day, and clocks differ.
        if dt.timedelta(0) < ready - counted.clock < PATIENCE:
            log.info("waiting until %s has passed midnight by its own clock", _name(source))
            time.sleep((ready - counted.clock).total_seconds() + 1)
            counted = self._counted()
        if counted.clock < ready:
            raise NightshiftError(
                f"{_name(source)} may still get rows of {day}: they are settled {source.settled_after_hours} hours "
                f"after the day begins (`settled_after_hours` in tables.yaml), at {ready:%Y-%m-%dT%H:%MZ}, and the "
                f"database's clock says {counted.clock:%Y-%m-%dT%H:%MZ}. Next: run the stage after that, or ask for "
                "earlier dates"
            )
        return counted

    def _write(self, counted: Counted, folder: Path) -> None:
        """Read in as many connections as are declared, and write a folder per batch date."""
        from pyspark.sql import functions as F

        column = F.col(self.source.date_column)
        zone = self.job.use_case.timezone
        is_date = self.schema[self.source.date_column].dataType.simpleString() == "date"
        date = column if is_date else F.to_date(F.from_utc_timestamp(column, zone))
        names = delivered_names(self.table, self.table.version)
        declared = [F.col(names[each.name]).cast(each.type) for each in self.table.delivered_columns]
        keys = [names[key] for key in self.table.keys]
        (
            self._read(counted)
            .select(F.date_add(date, self.source.days_before).alias(SLICE), *declared, *self._kept_aside())
            # Sorted, so that the same rows give the same file; split where a date is larger than a file should be.
            .hint("rebalance", SLICE)
            .sortWithinPartitions(SLICE, *keys)
            .write.partitionBy(SLICE)
            .parquet(str(folder))
        )

    def _read(self, counted: Counted) -> DataFrame:
        source = self.source
        condition = within(source.date_column, self.slices)
        reader = self.connection.reader(self.spark).option(
            "dbtable", f"(SELECT * FROM {source.relation} WHERE {condition}) landed"
        )
        if source.partitions > 1 and source.partition_column and counted.lowest is not None:
            reader = reader.options(
                partitionColumn=source.partition_column,
                lowerBound=str(counted.lowest),
                upperBound=str((counted.highest or 0) + 1),
                numPartitions=str(source.partitions),
            )
        return reader.load()

    def _kept_aside(self) -> list[SparkColumn]:
        from pyspark.sql import functions as F

        kept = []
        for name in self.added:
            column, kind = F.col(f"`{name}`"), self.schema[name].dataType.simpleString()
            plain = F.base64(column) if kind == "binary" else column.cast("string")
            kept.append((column if kind in KEPT_AS_THEY_ARE else plain).alias(name))
        return kept

    def _kept(self, part: Slice, folder: Path) -> Iterator[LandedFile]:
        """Move the files of one batch date into the archive."""
        import pyarrow.parquet as pq

        use_case, source = self.job.use_case.name, self.source
        found = sorted((folder / f"{SLICE}={part.batch_date}").glob("*.parquet"))
        rows = [pq.read_metadata(path).num_rows for path in found]
        with ThreadPoolExecutor(8) as pool:
            kept = list(pool.map(lambda path: archive.keep(use_case, path, ".parquet"), found))
        origin = f"jdbc:{source.connection} {source.relation} {source.date_column} {part} {sum(rows)} rows"
        columns = (*delivered_names(self.table, self.table.version).values(), *self.added)
        for number, ((path, sha256), count) in enumerate(zip(kept, rows, strict=True), 1):
            name = _name(source, number)
            version = self.table.version
            yield LandedFile(self.table, part.batch_date, name, path, count, sha256, columns, version, origin=origin)

    def _refuse_changed(self, before: Counted, files: Sequence[LandedFile], after: Counted) -> None:
        read = dict.fromkeys(self.dates, 0)
        for file in files:
            read[file.batch_date] += file.rows
        faults = [
            Fault(
                date,
                self.table.name,
                _name(self.source),
                f"changed while it was read: {before.rows[date]} rows before, {read[date]} read, {after.rows[date]} "
                "after; run the stage again when nothing writes to rows of this date",
                "query",
                tolerable=False,
            )
            for date in self.dates
            if not before.rows[date] == read[date] == after.rows[date]
        ]
        if faults:
            raise _RefusedError(faults)
