"""Slices that are written and not yet visible: each in a folder of its own within its table's, pinned as it is there.

The files stay where they are: a commit makes them visible by naming them. Nobody reads a table by listing its folder,
so what no commit names is seen by no reader, however long it lies there.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightshift.dates import BatchDates
from nightshift.declarations.tables import PARTITION, Table
from nightshift.errors import ConflictError
from nightshift.lake import delta_log
from nightshift.lake.reading import parquet
from nightshift.ledger import open_stages
from nightshift.storage import File, Location
from nightshift.storage.files import AT_ONCE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger("nightshift")
# Spark leaves this mark when a write is complete.
WRITTEN = "_SUCCESS"
# What names a stage's folder. Spark takes it for a column, so no column of a table may be named like that.
ATTEMPT = "attempt-id"


@dataclass
class StageFolder:
    """A place for one slice of a table, named by the attempt that will publish it.

    Attributes:
        is_published: whether a commit has made the files visible.
    """

    table: Table
    record: open_stages.OpenStage
    is_published: bool = False

    @property
    def location(self) -> Location:
        """Whoever writes the slice makes it."""
        return folder_of(self.table, self.record.attempt_id)

    @property
    def attempt_id(self) -> uuid.UUID:
        """Of the attempt that will publish it."""
        return self.record.attempt_id


@dataclass(frozen=True)
class StagedFile:
    """One file of a stage, as it was when it was pinned.

    Attributes:
        location: below the folder of its batch date.
        stamp: the store's, by which a file that was written again is known.
    """

    location: Location
    bytes: int
    stamp: str
    modified: dt.datetime
    rows: int
    sha256: str

    @property
    def batch_date(self) -> str:
        """The batch date of its rows, by its folder, like ``2013-10-01``."""
        return self.location.parent.name.removeprefix(f"{PARTITION}=")


@dataclass(frozen=True)
class Stage:
    """A slice written and pinned, not yet published."""

    table: Table
    dates: BatchDates
    folder: StageFolder
    files: tuple[StagedFile, ...]

    @property
    def digest(self) -> str:
        """One SHA-256 over all files' digests."""
        return hashlib.sha256("".join(sorted(file.sha256 for file in self.files)).encode()).hexdigest()

    @property
    def rows(self) -> dict[str, int]:
        """Row count per batch date, from the files' own footers."""
        counts: Counter[str] = Counter()
        for file in self.files:
            counts[file.batch_date] += file.rows
        return dict(counts)

    def read(self, spark: SparkSession) -> DataFrame:
        """Exactly the pinned files, with the declared schema."""
        return parquet(spark, self.table, [file.location for file in self.files])

    def refuse_changed(self) -> None:
        """Check the folder against what was pinned.

        Raises:
            NightshiftError: naming the files that changed, came or went.
        """
        folder = self.folder.location
        pinned = {(file.location.relative_to(folder), file.bytes, file.stamp) for file in self.files}
        if differences := pinned ^ {(file.name, file.bytes, file.stamp) for file in _parquet_files(folder)}:
            # Where this process was taken for dead, its files were removed.
            self.folder.record.refuse_lost()
            changed = sorted({name.rpartition("/")[2] for name, *_ in differences})
            raise ConflictError(
                f"the stage of {self.table.label} {self.dates} changed after it was written ({', '.join(changed)}): "
                "nothing was published; run the stage again"
            )

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While the files are read: where that fails and they changed, the change is what a person must hear of.

        Raises:
            NightshiftError: in place of any error, if the files are not those that were pinned.
        """
        try:
            yield
        except Exception:
            self.refuse_changed()
            raise


def stage(rows: DataFrame, table: Table, dates: BatchDates) -> Stage:
    """Write a slice into a stage folder of its own and pin it."""
    folder = stage_folder(table)
    write(rows, folder)
    return pin(folder, dates)


def write(rows: DataFrame, folder: StageFolder) -> None:
    """Write a slice into a stage folder."""
    table = folder.table
    # One file per date, or several where a date is larger than a file should be.
    arranged = rows.select(*table.column_names).hint("rebalance", PARTITION)
    sorted_rows = arranged.sortWithinPartitions(PARTITION, *table.keys)
    sorted_rows.write.partitionBy(PARTITION).parquet(folder.location.for_spark)


def stage_folder(table: Table) -> StageFolder:
    """A new place for one slice of a table; no two runs share one, and `sweep` spares it while this process lives."""
    return StageFolder(table, open_stages.take(table.use_case, table.short_name))


def folder_of(table: Table, attempt_id: uuid.UUID) -> Location:
    """Where the slice of an attempt lies, whether it is published or not."""
    return table.location / f"{ATTEMPT}={attempt_id}"


def pin(folder: StageFolder, dates: BatchDates) -> Stage:
    """Take stock of a written stage.

    Raises:
        NightshiftError: if whoever writes it has not finished, or somebody took this process for dead and removed
            what it had written by then.
    """
    folder.record.refuse_lost()
    if not (folder.location / WRITTEN).exists():
        raise ConflictError(f"{folder.location} is not completely written: run the stage of {folder.table.label} again")
    files = _parquet_files(folder.location)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        pinned = pool.map(lambda file: _pinned(folder.location / file.name, file), files)
        return Stage(folder.table, dates, folder, tuple(pinned))


def discard(folder: StageFolder) -> None:
    """End a stage: of one that was not published the files are removed."""
    try:
        if folder.is_published or _is_settled(folder.table, folder.attempt_id, folder.record.seen_version):
            folder.record.end()
    except Exception as error:
        # It may end for the same reason, of which people should hear first.
        log.warning("the next start will remove %s: %s", folder.location, error)
    finally:
        folder.record.lock.leave()


def sweep(table: Table) -> bool:
    """End the stages of processes that were killed before they could.

    Returns:
        Whether none is left. A commit that was on its way when its process was killed may still come, until another one
        has its place: until then its files stay.
    """
    return open_stages.settle(
        table.use_case, table.short_name, lambda attempt_id, seen: _is_settled(table, attempt_id, seen)
    )


def _is_settled(table: Table, attempt_id: uuid.UUID, seen_version: int | None) -> bool:
    """Remove the files of a stage that is not visible and never will be; false if that can't be told yet."""
    if seen_version is not None:
        is_visible = delta_log.is_made_by(table, seen_version + 1, attempt_id)
        if is_visible is None or is_visible:
            return is_visible is not None
    folder_of(table, attempt_id).delete_folder()
    return True


def _pinned(location: Location, file: File) -> StagedFile:
    import pyarrow.parquet as pq

    with location.open() as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        rows = pq.read_metadata(stream).num_rows
    return StagedFile(location, file.bytes, file.stamp, file.modified, rows, sha256)


def _parquet_files(folder: Location) -> list[File]:
    return sorted((file for file in folder.walk() if file.name.endswith(".parquet")), key=lambda file: file.name)
