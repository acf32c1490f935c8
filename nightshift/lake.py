"""Read a slice, stage it, publish it: the only place that writes Delta.

Publishing is write, audit, publish. Spark first writes a slice as Parquet into a stage folder of its own, which is
pinned: names, sizes and digests of its files. The audit reads exactly those files. Publishing moves those very files
into the table's folder and names them in one commit, which also drops the files that the batch dates had before. So
what readers see is, file by file, what was audited; a stage that changed after it was pinned is refused.

Log and snapshot are delta-rs's business, rows are Spark's: a commit by Spark writes the rows a second time, and costs
a small job seconds that have nothing to compute (benchmarks/publish.py).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import re
import shutil
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from filelock import FileLock

from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError
from nightshift.settings import get_settings
from nightshift.tables import PARTITION, Table

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable
    from deltalake.transaction import AddAction
    from pyspark.sql import DataFrame, SparkSession

LOCK_SECONDS = 600
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
        return _parquet(spark, self.table, self.folder, [str(file.path) for file in self.files])


def read(spark: SparkSession, table: Table, dates: BatchDates | None = None, version: int | None = None) -> DataFrame:
    """The published rows of some batch dates, or of all.

    Args:
        version: the Delta version to read; the newest if None.

    Raises:
        NightshiftError: if nothing was ever published to the table.
    """
    snapshot = _snapshot(table, version)
    within = None if dates is None else _filters(dates)
    files = [unquote(uri) for uri in snapshot.file_uris(file_pruning_predicate=within)]
    return _parquet(spark, table, table.path, files)


def register(spark: SparkSession, tables: Iterable[Table], dates: BatchDates | None = None) -> None:
    """Give the slices of some tables their names in SQL (`Table.view`), for this session.

    A table to which nothing was ever published is an empty view.
    """
    for table in tables:
        rows = read(spark, table, dates) if table.exists() else spark.createDataFrame([], table.ddl)
        rows.createOrReplaceGlobalTempView(table.view.removeprefix("global_temp."))


def published_dates(table: Table) -> set[dt.date]:
    """The batch dates that have rows, from the Delta log alone; starts no Spark."""
    if not table.exists():
        return set()

    return {dt.date.fromisoformat(str(part[PARTITION])) for part in _snapshot(table).partitions()}


def rows_by_date(table: Table, dates: BatchDates) -> dict[dt.date, int]:
    """Row count per batch date as the Delta log has it, in milliseconds and without a Spark job.

    Raises:
        NightshiftError: if a file was written without its row count, so that the number is not known.
    """
    import pyarrow as pa

    counts = dict.fromkeys(dates, 0)
    for file in pa.table(_snapshot(table).get_add_actions(flatten=True)).to_pylist():
        date = dt.date.fromisoformat(str(file[f"partition.{PARTITION}"]))
        if date in dates:
            if file["num_records"] is None:
                raise NightshiftError(f"{table.label} {date}: {file['path']} has no row count: run its stage again")
            counts[date] += file["num_records"]
    return counts


def newest_version(table: Table) -> int:
    """The Delta version that readers see now, to be pinned by who reads more than once.

    Raises:
        NightshiftError: if nothing was ever published to the table.
    """
    return _snapshot(table).version()


def stage(rows: DataFrame, table: Table, dates: BatchDates) -> Stage:
    """Write a slice into a stage folder of its own and pin it."""
    folder = stage_folder(table)
    (
        rows.select(*table.column_names)
        # One file per date, or several where a date is larger than a file should be.
        .hint("rebalance", PARTITION)
        .sortWithinPartitions(PARTITION, *table.keys)
        .write.partitionBy(PARTITION)
        .parquet(str(folder))
    )
    return pin(folder, table, dates)


def stage_folder(table: Table) -> Path:
    """A new place for one slice of a table; two runs never share one."""
    return get_settings().staging / table.layer / table.identifier / uuid.uuid4().hex


def pin(folder: Path, table: Table, dates: BatchDates) -> Stage:
    """Take stock of a written stage.

    Raises:
        NightshiftError: if whoever writes it has not finished.
    """
    if not (folder / WRITTEN).is_file():
        raise NightshiftError(f"{folder} is not completely written: run the stage of {table.label} again")
    with ThreadPoolExecutor(8) as pool:
        return Stage(table, dates, folder, tuple(pool.map(_pinned, _parquet_files(folder))))


def publish(stage: Stage, metadata: Mapping[str, object]) -> int:
    """Replace the slice's batch dates with the staged files, in one commit.

    Args:
        metadata: goes into the commit beside the stage's digest; names run and code.

    Returns:
        The Delta version of the commit; the stage's folder is left to be discarded.

    Raises:
        NightshiftError: if the stage is not what was pinned; the table is then as it was.
    """
    from deltalake import CommitProperties

    note = json.dumps({**metadata, "stage_sha256": stage.digest}, default=str, sort_keys=True)
    with _writing(stage.table):
        _refuse_changed(stage)
        return _commit(stage, CommitProperties(custom_metadata={"userMetadata": note}))


def discard(stage: Stage) -> None:
    """Remove a stage that is published or refused."""
    shutil.rmtree(stage.folder, ignore_errors=True)


def _pinned(path: Path) -> StagedFile:
    import pyarrow.parquet as pq

    return StagedFile(path, path.stat().st_size, pq.read_metadata(path).num_rows, _sha256(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parquet_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def _snapshot(table: Table, version: int | None = None) -> DeltaTable:
    from deltalake import DeltaTable

    if not table.exists():
        raise NightshiftError(f"nothing was ever published to {table.label}: run the stage that writes it first")
    return DeltaTable(table.path, version=version)


def _filters(dates: BatchDates) -> list[tuple[str, str, Any]]:
    """The partitions of some batch dates."""
    return [(PARTITION, ">=", str(dates.first)), (PARTITION, "<=", str(dates.last))]


def _parquet(spark: SparkSession, table: Table, root: Path, files: Sequence[str]) -> DataFrame:
    """Files below ``root`` with the declared schema; a column that a file lacks is null."""
    if not files:
        return spark.createDataFrame([], table.ddl)
    # Spark takes these characters for a pattern.
    literal = [re.sub(r"([\[\]{}*?\\])", r"\\\1", file) for file in files]
    rows = spark.read.schema(table.ddl).option("basePath", str(root)).parquet(*literal)
    return rows.select(*table.column_names)


def _delta_schema(table: Table) -> str:
    """The declared schema in Delta's JSON form."""
    types = {"int": "integer", "bigint": "long"}
    columns = [(PARTITION, "date"), *((column.name, column.type) for column in table.data_columns)]
    fields = [{"name": name, "type": types.get(kind, kind), "nullable": True, "metadata": {}} for name, kind in columns]
    return json.dumps({"type": "struct", "fields": fields})


def _commit(stage: Stage, properties: CommitProperties) -> int:
    """Move the files into the table and replace the slice's batch dates by them; returns the new version."""
    from deltalake import Schema
    from deltalake.transaction import create_table_with_add_actions

    table = stage.table
    schema = Schema.from_json(_delta_schema(table))
    if not table.exists():
        files = [_moved(file, table) for file in stage.files]
        table.path.mkdir(parents=True, exist_ok=True)
        create_table_with_add_actions(
            str(table.path),
            schema,
            files,
            mode="error",
            partition_by=[PARTITION],
            description=table.description,
            commit_properties=properties,
        )
        return 0
    target = _snapshot(table)
    _refuse_other_schema(table, target)
    target.create_write_transaction(
        [_moved(file, table) for file in stage.files],
        mode="overwrite",
        schema=schema,
        partition_by=[PARTITION],
        partition_filters=_filters(stage.dates),
        commit_properties=properties,
    )
    return newest_version(table)


def _refuse_other_schema(table: Table, target: DeltaTable) -> None:
    """New columns may come; the columns that published files have must stay as they are."""
    declared = {field["name"]: field["type"] for field in json.loads(_delta_schema(table))["fields"]}
    for field in json.loads(target.schema().to_json())["fields"]:
        if declared.get(field["name"]) != field["type"]:
            raise NightshiftError(
                f"{table.label} has the column {field['name']} of type {field['type']}, and is declared "
                f"{'with type ' + declared[field['name']] if field['name'] in declared else 'without it'}: nothing was "
                "published; declare a new column under another name, or move the old table away and backfill"
            )


def _moved(file: StagedFile, table: Table) -> AddAction:
    """Move a file into its table's folder, where nothing names it until the commit does."""
    from deltalake.transaction import AddAction

    target = table.path / file.partition / f"{uuid.uuid4().hex}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(file.path, target)
    return AddAction(
        path=f"{file.partition}/{target.name}",
        size=file.bytes,
        partition_values={PARTITION: file.partition.removeprefix(f"{PARTITION}=")},
        modification_time=int(target.stat().st_mtime * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )


def _refuse_changed(stage: Stage) -> None:
    pinned = {(file.path, file.sha256) for file in stage.files}
    paths = _parquet_files(stage.folder)
    with ThreadPoolExecutor(8) as pool:
        differences = pinned ^ set(zip(paths, pool.map(_sha256, paths), strict=True))
    if differences:
        changed = sorted({path.name for path, _ in differences})
        raise NightshiftError(
            f"the stage of {stage.table.label} {stage.dates} changed after its audit ({', '.join(changed)}): "
            "nothing was published; run the stage again"
        )


@contextlib.contextmanager
def _writing(table: Table) -> Iterator[None]:
    """Serialise the writers of one table.

    Delta refuses a commit that began before another one ended, also where the two are about different days; in turns,
    both go through.
    """
    lock = get_settings().locks / f"{table.layer}.{table.identifier}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock, timeout=LOCK_SECONDS):
        yield
