"""Slices that are written and not yet visible: each in a folder of its own, pinned by the digests of its files."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nightshift.dates import BatchDates
from nightshift.declarations.tables import PARTITION, Table
from nightshift.errors import ConflictError
from nightshift.home import scratch
from nightshift.lake.reading import parquet

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Spark leaves this mark when a write is complete.
WRITTEN = "_SUCCESS"


@dataclass(frozen=True)
class StagedFile:
    """One file of a stage, as it was when it was pinned."""

    path: Path
    bytes: int
    rows: int
    sha256: str

    @property
    def partition(self) -> str:
        """Folder of the file, like ``batch_date=2013-10-01``; tells the batch date of its rows."""
        return self.path.parent.name


@dataclass(frozen=True)
class Stage:
    """A slice written and pinned, not yet published."""

    table: Table
    dates: BatchDates
    folder: Path
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
            counts[file.partition.removeprefix(f"{PARTITION}=")] += file.rows
        return dict(counts)

    def read(self, spark: SparkSession) -> DataFrame:
        """Exactly the pinned files, with the declared schema."""
        return parquet(spark, self.table, self.folder, [str(file.path) for file in self.files])

    def refuse_changed(self) -> None:
        """Check the folder against what was pinned.

        Raises:
            NightshiftError: naming the files that changed, came or went.
        """
        pinned = {(file.path, file.sha256) for file in self.files}
        paths = _parquet_files(self.folder)
        with ThreadPoolExecutor(8) as pool:
            differences = pinned ^ set(zip(paths, pool.map(_sha256, paths), strict=True))
        if differences:
            changed = sorted({path.name for path, _ in differences})
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
    write(rows, table, folder)
    return pin(folder, table, dates)


def write(rows: DataFrame, table: Table, folder: Path) -> None:
    """Write a slice into a stage folder."""
    # One file per date, or several where a date is larger than a file should be.
    arranged = rows.select(*table.column_names).hint("rebalance", PARTITION)
    arranged.sortWithinPartitions(PARTITION, *table.keys).write.partitionBy(PARTITION).parquet(str(folder))


def stage_folder(table: Table) -> Path:
    """A new place for one slice of a table; no two runs share one, and `sweep` spares it while this process lives."""
    return scratch.take(_stages(table))


def pin(folder: Path, table: Table, dates: BatchDates) -> Stage:
    """Take stock of a written stage.

    Raises:
        NightshiftError: if whoever writes it has not finished.
    """
    if not (folder / WRITTEN).is_file():
        raise ConflictError(f"{folder} is not completely written: run the stage of {table.label} again")
    with ThreadPoolExecutor(8) as pool:
        return Stage(table, dates, folder, tuple(pool.map(_pinned, _parquet_files(folder))))


def discard(folder: Path) -> None:
    """Remove a stage that is published or refused."""
    scratch.discard(folder)


def sweep(table: Table) -> list[Path]:
    """Remove the stages of processes that ended before they could; returns their folders."""
    return scratch.sweep(_stages(table))


def _stages(table: Table) -> Path:
    return table.home.staging / table.layer / table.identifier


def _pinned(path: Path) -> StagedFile:
    import pyarrow.parquet as pq

    return StagedFile(path, path.stat().st_size, pq.read_metadata(path).num_rows, _sha256(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parquet_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))
