"""The rows of some batch dates, out of a database into the archive, with proof that nothing changed on the way."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nightshift import archive, scratch
from nightshift.delivery import Fault, LandedFile
from nightshift.delivery.drift import DriftError, Found, delivered_names, fit
from nightshift.delivery.verification import kept_aside
from nightshift.errors import NightshiftError
from nightshift.job import Job
from nightshift.privacy.person_files import extracts
from nightshift.source import JdbcSource
from nightshift.tables import Column, Table
from spark_jobs.landing.sources.connection import Connection
from spark_jobs.landing.sources.proof import Counted, Counting, Proof
from spark_jobs.landing.sources.slices import Slice, midnight, slices, within

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
WHOLE_NUMBERS = ("int", "bigint")


class RefusedError(Exception):
    """An extract that can't be used."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(*faults)
        self.faults = faults


def name_of(source: JdbcSource, part: int = 1) -> str:
    """What an extract is called where files have their names; no file can have this one."""
    return f"jdbc:{source.connection}.{source.relation}{f'#{part}' if part > 1 else ''}"


@dataclass
class Extract:
    """The rows of one source and some batch dates; making it raises `RefusedError` where the columns have drifted."""

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
        self.counting = self._counting()

    def files(self) -> list[LandedFile]:
        """The extract in the archive, one file per batch date, or several where it is large.

        Raises:
            RefusedError: if the database changed meanwhile, or something else was read than it has.
        """
        before = self._once_settled()
        if not before.rows:
            return []
        # Rows in clear: what a killed run leaves of them is swept.
        folder = scratch.take(extracts(self.job.use_case.name))
        try:
            with self.connection.asked_for(self.source.relation):
                self._write(before, folder)
            paths = {each: _parquet_files(folder, each.batch_date) for each in self.counting.slices}
            read = {each.batch_date: self.counting.of_extract(paths[each]) for each in paths}
            self._refuse_changed(before, read, self._counted())
            return [file for each in paths for file in self._kept(each, paths[each], read[each.batch_date])]
        finally:
            scratch.discard(folder)

    def warnings(self) -> Iterator[str]:
        """What is taken as it is, and deserves a look."""
        if self.added:
            yield kept_aside(name_of(self.source), self.table, self.added)

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
            fault = Fault(self.dates[0], self.table.name, name_of(source), str(error), "columns", tolerable=False)
            raise RefusedError([fault]) from None
        return tuple(name for name in fitting.added if name not in (source.date_column, source.partition_column))

    def _counting(self) -> Counting:
        source, names = self.source, delivered_names(self.table, self.table.version)
        quoted = {name: self.connection.quoted(self.spark, name) for name in names.values()}
        # Sums and bounds of personal data would stand in messages and the ledger.
        shown = {names[each.name]: each.type for each in self.table.delivered_columns if each.pii is None}
        is_date = self.schema[source.date_column].dataType.simpleString() == "date"
        return Counting(
            source.relation,
            source.date_column,
            is_date,
            slices(self.dates, None if is_date else self.job.use_case.zone, source.days_before),
            source.partition_column,
            {name: quoted[name] for name, kind in shown.items() if kind in WHOLE_NUMBERS},
            source.date_column in shown,
            self.connection.row_digest(list(quoted.values())),
        )

    def _counted(self) -> Counted:
        with self.connection.asked_for(self.source.relation):
            return self.counting.of_database(self.connection.query(self.spark, self.counting.sql))

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
            log.info("waiting until %s has passed midnight by its own clock", name_of(source))
            time.sleep((ready - counted.clock).total_seconds() + 1)
            counted = self._counted()
        if counted.clock < ready:
            raise NightshiftError(
                f"{name_of(source)} may still get rows of {day}: they are settled {source.settled_after_hours} hours "
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
        date = column if self.counting.is_date else F.to_date(F.from_utc_timestamp(column, zone))
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
        condition = within(source.date_column, self.counting.slices)
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

    def _refuse_changed(self, before: Counted, read: Mapping[dt.date, Proof], after: Counted) -> None:
        found = {
            date: list(self.counting.differences(before.proofs[date], read[date], after.proofs[date]))
            for date in self.dates
        }
        faults = [
            Fault(
                date,
                self.table.name,
                name_of(self.source),
                f"changed while it was read: {'; '.join(differences)}; run the stage again when nothing writes to "
                "rows of this date",
                "query",
                tolerable=False,
            )
            for date, differences in found.items()
            if differences
        ]
        if faults:
            raise RefusedError(faults)

    def _kept(self, part: Slice, paths: Sequence[Path], proof: Proof) -> Iterator[LandedFile]:
        """Move the files of one batch date into the archive."""
        import pyarrow.parquet as pq

        use_case, source, version = self.job.use_case.name, self.source, self.table.version
        rows = [pq.read_metadata(path).num_rows for path in paths]
        with ThreadPoolExecutor(8) as pool:
            kept = list(pool.map(lambda path: archive.keep(use_case, path, ".parquet"), paths))
        names = delivered_names(self.table, version)
        proved = proof.told(names[key] for key in self.table.keys)
        origin = f"jdbc:{source.connection} {source.relation} {source.date_column} {part} {proved}"
        columns = (*names.values(), *self.added)
        for number, ((path, sha256), count) in enumerate(zip(kept, rows, strict=True), 1):
            name = name_of(source, number)
            yield LandedFile(self.table, part.batch_date, name, path, count, sha256, columns, version, origin=origin)


def _parquet_files(folder: Path, date: dt.date) -> list[Path]:
    return sorted((folder / f"{SLICE}={date}").glob("*.parquet"))
