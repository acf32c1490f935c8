"""The rows of some batch dates, out of a database into the archive, with proof that nothing changed on the way."""

from __future__ import annotations

import contextlib
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
from nightshift.delivery.drift import DriftError, delivered_names
from nightshift.delivery.verification import kept_aside
from nightshift.errors import NightshiftError
from nightshift.job import Job
from nightshift.privacy.person_files import extracts
from nightshift.privacy.tokens import personal_columns
from nightshift.source import JdbcSource
from nightshift.tables import Table
from spark_jobs.landing.sources import columns, layout
from spark_jobs.landing.sources.connection import Connection, without_log
from spark_jobs.landing.sources.proof import Counted, Counting, Proof
from spark_jobs.landing.sources.slices import Slice, midnight, slices, within

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

log = logging.getLogger("nightshift")

PATIENCE = dt.timedelta(minutes=15)
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

        A day that may be empty and is has a file without rows: the proof that it was asked for.

        Raises:
            RefusedError: if the database changed meanwhile, or something else was read than it has.
        """
        before = self._once_settled()
        # Rows in clear: what a killed run leaves of them is swept.
        folder = scratch.take(extracts(self.job.use_case.name))
        try:
            paths = self._extracted(before, folder) if before.rows else {}
            if self.source.required and self.source.empty_allowed:
                for each in self.counting.slices:
                    paths[each] = paths.get(each) or [layout.write_nothing(columns.declared(self.table), folder)]
            return [file for each in paths for file in self._kept(each, paths[each], before.proofs[each.batch_date])]
        finally:
            scratch.discard(folder)

    def warnings(self) -> Iterator[str]:
        """What is taken as it is, and deserves a look."""
        if self.added:
            yield kept_aside(name_of(self.source), self.table, self.added)

    def _fitted(self) -> tuple[str, ...]:
        """Hold the relation's columns against the declaration; returns those that nobody declared."""
        try:
            return columns.added_to(self.table, self.source, self.schema)
        except DriftError as error:
            fault = Fault(self.dates[0], self.table.name, name_of(self.source), str(error), "columns", tolerable=False)
            raise RefusedError([fault]) from None

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

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Ask for rows: what is said of them quotes no personal data."""
        is_personal = bool(personal_columns(self.table))
        with (
            without_log(self.spark) if is_personal else contextlib.nullcontext(),
            self.connection.asked_for(self.source.relation, is_personal),
        ):
            yield

    def _counted(self) -> Counted:
        with self._reading():
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

    def _extracted(self, before: Counted, folder: Path) -> dict[Slice, list[Path]]:
        """Write the rows as Parquet files, and see that they are those that the database had, and has.

        Raises:
            RefusedError: if not.
        """
        with self._reading():
            self._write(before, folder)
        paths = {each: layout.written(folder, each.batch_date) for each in self.counting.slices}
        read = {each.batch_date: self.counting.of_extract(paths[each]) for each in paths}
        self._refuse_changed(before, read, self._counted())
        return paths

    def _write(self, counted: Counted, folder: Path) -> None:
        """Read in as many connections as are declared, and write a folder per batch date."""
        from pyspark.sql import functions as F

        column = F.col(self.source.date_column)
        zone = self.job.use_case.timezone
        date = column if self.counting.is_date else F.to_date(F.from_utc_timestamp(column, zone))
        names = delivered_names(self.table, self.table.version)
        dated = F.date_add(date, self.source.days_before).alias(layout.SLICE)
        rows = self._read(counted).select(dated, *columns.selected(self.table, self.added, self.schema))
        counts = {each: proof.rows for each, proof in counted.proofs.items()}
        layout.write(rows, [names[key] for key in self.table.keys], counts, folder)

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
        """Copy the files of one batch date into the archive."""
        import pyarrow.parquet as pq

        use_case, source, version = self.job.use_case.name, self.source, self.table.version
        rows = [pq.read_metadata(path).num_rows for path in paths]
        with ThreadPoolExecutor(8) as pool:
            kept = list(pool.map(lambda path: archive.keep(use_case, path, ".parquet"), paths))
        names = delivered_names(self.table, version)
        proved = proof.told(names[key] for key in self.table.keys)
        origin = f"jdbc:{source.connection} {source.relation} {source.date_column} {part} {proved}"
        # Of a day without rows the file holds what is declared, and no more.
        held = (*names.values(), *(self.added if sum(rows) else ()))
        for number, ((path, sha256), count) in enumerate(zip(kept, rows, strict=True), 1):
            name = name_of(source, number)
            yield LandedFile(self.table, part.batch_date, name, path, count, sha256, held, version, origin=origin)
