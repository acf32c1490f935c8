"""The rows of some batch dates, out of a database into the archive, with proof that nothing changed on the way."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nightshift.declarations.source import JdbcSource
from nightshift.declarations.tables import Table
from nightshift.errors import ConflictError, DeliveryError
from nightshift.home import scratch
from nightshift.ingest import archive
from nightshift.ingest.delivery import Fault, LandedFile
from nightshift.ingest.delivery.column_drift import DriftError, delivered_names
from nightshift.ingest.delivery.verify_delivery import kept_aside
from nightshift.ingest.privacy.person_files import ASIDE, extracts
from nightshift.ingest.privacy.tokens import personal_columns
from nightshift.ingest.sources import extract_layout
from nightshift.ingest.sources.database_connection import Connection
from nightshift.ingest.sources.database_reading import Reading
from nightshift.ingest.sources.database_refusal import DatabaseError, told, without_log, without_values
from nightshift.ingest.sources.date_bounds import BoundedSlice, midnight, slices
from nightshift.ingest.sources.extract_proof import Counted, Counting, Proof
from nightshift.ingest.sources.relation import Relation, relation
from nightshift.ingest.sources.relation_columns import Fitting, fitting
from nightshift.job import Job

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger("nightshift")

RETRY_FOR = dt.timedelta(minutes=15)
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
        self.is_personal = bool(personal_columns(self.table))
        with self._asking():
            there = relation(self.spark, self.connection, self.source.relation)
            found = self._fitted(there)
        # Columns that nobody declared and that can't be read, with the reason.
        self.left_out = dict.fromkeys(found.hidden, "the user may not read it")
        self.counting = self._counting(there, found)
        self.reading = Reading(self.spark, self.connection, self.counting, found.declared, found.added)

    def files(self) -> list[LandedFile]:
        """The extract in the archive, one file per batch date, or several where it is large.

        A day that may be empty and is has a file without rows: the proof that it was asked for.

        Raises:
            ConflictError: if the database changed meanwhile.
            RefusedError: if something else was read than it has.
        """
        before = self._once_settled()
        # Rows in clear: what a killed run leaves of them is swept.
        folder = scratch.take(extracts(self.job.use_case))
        try:
            paths = self._extracted(before, folder) if before.rows else {}
            if self.source.required and self.source.empty_allowed:
                for each in self.counting.slices:
                    types = {column.name: column.type for column in self.reading.declared}
                    paths[each] = paths.get(each) or [extract_layout.write_nothing({**types, ASIDE: "string"}, folder)]
            return [file for each in paths for file in self._kept(each, paths[each], before.proofs[each.batch_date])]
        finally:
            scratch.discard(folder)

    def warnings(self) -> Iterator[str]:
        """What is taken as it is, and deserves a look."""
        if added := [each.name for each in self.reading.added]:
            yield kept_aside(name_of(self.source), self.table, added)
        for name, reason in self.left_out.items():
            yield f"{name_of(self.source)} has the undeclared {name!r}, which is left out: {reason}"

    def _fitted(self, there: Relation) -> Fitting:
        """Compare the relation's columns with the declaration."""
        try:
            return fitting(self.table, self.source, there)
        except DriftError as error:
            fault = Fault(self.dates[0], self.table.name, name_of(self.source), str(error), "columns", tolerable=False)
            raise RefusedError([fault]) from None

    def _counting(self, there: Relation, found: Fitting) -> Counting:
        # Sums and bounds of personal data would stand in messages and the ledger.
        names = delivered_names(self.table, self.table.version)
        shown = {names[each.name]: each.type for each in self.table.delivered_columns if each.pii is None}
        open_ones = [each for each in found.declared if each.name in shown]
        moments = [each.name for each in open_ones if each.source == found.date_column]
        dated, part = found.date_column, found.partition_column
        return Counting(
            there.sql,
            f"CAST({dated.sql} AS {'date' if found.is_date else 'timestamptz'})",
            next((name for name in moments if shown[name] in ("date", "timestamp")), None),
            found.is_date,
            slices(
                self.dates,
                None if found.is_date else self.job.use_case.zone,
                self.source.days_before,
                self.job.use_case.calendar,
            ),
            part.sql if part is not None else None,
            {each.name: each.sql for each in open_ones if each.type in WHOLE_NUMBERS},
            [each.source.sql for each in found.declared],
        )

    @contextlib.contextmanager
    def _asking(self, reading: Reading | None = None) -> Iterator[None]:
        """Turn what the database refuses into a message for people, which quotes no personal data."""
        try:
            yield
        except DatabaseError as error:
            column, cause = reading.culprit(error) if reading else (None, error)
            raise told(self.connection.name, self.source.relation, cause, column, self.is_personal) from None

    def _counted(self) -> Counted:
        with self._asking(self.reading):
            return self.reading.counted()

    def _once_settled(self) -> Counted:
        """The counts, as soon as no more rows of the dates come, by the database's own clock.

        Raises:
            NightshiftError: if that is not soon, naming the date, and when it will be ready.
        """
        source, day = self.source, self.dates[-1] - dt.timedelta(days=self.source.days_before)
        ready = midnight(day, self.job.use_case.zone) + dt.timedelta(hours=source.settled_after_hours)
        counted = self._counted()
        # A night begins with the day, and clocks differ.
        if dt.timedelta(0) < ready - counted.clock < RETRY_FOR:
            log.info("waiting until %s has passed midnight by its own clock", name_of(source))
            time.sleep((ready - counted.clock).total_seconds() + 1)
            counted = self._counted()
        if counted.clock < ready:
            raise DeliveryError(
                f"{name_of(source)} may still get rows of {day}: they are settled {source.settled_after_hours} hours "
                f"after the day begins (`settled_after_hours` in tables.yaml), at {ready:%Y-%m-%dT%H:%MZ}, and the "
                f"database's clock says {counted.clock:%Y-%m-%dT%H:%MZ}. Next: run the stage after that, or ask for "
                "earlier dates"
            )
        return counted

    def _extracted(self, before: Counted, folder: Path) -> dict[BoundedSlice, list[Path]]:
        """Write the rows as Parquet files, and see that they are those that the database had, and has.

        Raises:
            RefusedError: if not.
        """
        written = self._written(before, folder)
        paths = {each: extract_layout.written(written, each.batch_date) for each in self.counting.slices}
        read = {each.batch_date: self.counting.of_extract(paths[each]) for each in paths}
        self._refuse_changed(before, read, self._counted())
        return paths

    def _written(self, counted: Counted, folder: Path) -> Path:
        """Write the rows; once more, without them, where columns that nobody declared can't be read."""
        with self._asking(self.reading):
            try:
                self._write(counted, folder / "rows")
                return folder / "rows"
            except DatabaseError:
                unreadable = self.reading.unreadable(self.reading.added)
                if not unreadable:
                    raise
            for name, error in unreadable.items():
                self.left_out[name] = without_values(error.said) if self.is_personal else error.said
            readable = [each for each in self.reading.added if each.name not in unreadable]
            self.reading = replace(self.reading, added=readable)
            self._write(counted, folder / "again")
        return folder / "again"

    def _write(self, counted: Counted, folder: Path) -> None:
        """Read in as many connections as are declared, and write a folder per batch date."""
        names = delivered_names(self.table, self.table.version)
        counts = {each: proof.rows for each, proof in counted.proofs.items()}
        is_quiet = without_log(self.spark) if self.is_personal else contextlib.nullcontext()
        with is_quiet, self.connection.refusals():
            extract_layout.write(self._read(counted), [names[key] for key in self.table.keys], counts, folder)

    def _read(self, counted: Counted) -> DataFrame:
        return self.reading.rows(counted, self.source.partitions)

    def _refuse_changed(self, before: Counted, read: Mapping[dt.date, Proof], after: Counted) -> None:
        said = {
            date: list(self.counting.differences(before.proofs[date], read[date], after.proofs[date]))
            for date in self.dates
        }
        found = {date: differences for date, differences in said.items() if differences}
        # Reading again heals what changed, but not what arrived otherwise than it is there.
        if found and all(before.proofs[date] != after.proofs[date] for date in found):
            raise ConflictError(
                "\n".join(
                    f"{name_of(self.source)} of {date} changed while it was read: {'; '.join(differences)}"
                    for date, differences in found.items()
                ),
                remedy="run the stage again when nothing writes to rows of this date",
            )
        faults = [
            Fault(
                date,
                self.table.name,
                name_of(self.source),
                f"arrived otherwise than it is there: {'; '.join(differences)}; run the stage again",
                "query",
                tolerable=False,
            )
            for date, differences in found.items()
        ]
        if faults:
            raise RefusedError(faults)

    def _kept(self, part: BoundedSlice, paths: Sequence[Path], proof: Proof) -> Iterator[LandedFile]:
        """Copy the files of one batch date into the archive."""
        import pyarrow.parquet as pq

        source, version = self.source, self.table.version
        place = archive.of(self.job.use_case)
        rows = [pq.read_metadata(path).num_rows for path in paths]
        with ThreadPoolExecutor(8) as pool:
            kept = list(pool.map(lambda path: archive.keep(place, path, ".parquet"), paths))
        names = delivered_names(self.table, version)
        proved = proof.told(names[key] for key in self.table.keys)
        origin = f"jdbc:{source.connection} {source.relation} {source.date_column} {part} {proved}"
        # Of a day without rows the file holds what is declared, and no more.
        held = (*names.values(), *(each.name for each in self.reading.added if sum(rows)))
        for number, ((path, sha256), count) in enumerate(zip(kept, rows, strict=True), 1):
            name = name_of(source, number)
            yield LandedFile(self.table, part.batch_date, name, path, count, sha256, held, version, origin=origin)
