"""How an extract lies in files: by the values of its rows alone, so that the same rows give the same files.

A database returns rows in any order, and so does a shuffle. Which of two rows with one key counts in silver follows
from their places, so that these must not depend on chance.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SLICE, PART = "_batch_date", "_part"
# Some tens of megabytes.
ROWS_PER_FILE = 1_000_000


def write(rows: DataFrame, keys: Sequence[str], counts: Mapping[dt.date, int], folder: Path) -> None:
    """Write one Parquet file per batch date, or several where it has many rows; those of equal key are in one.

    Args:
        rows: with their batch date in the column `SLICE`.
        counts: how many rows each batch date has.
    """
    from pyspark.sql import functions as F

    files = F.lit(1)
    if large := {date: math.ceil(count / ROWS_PER_FILE) for date, count in counts.items() if count > ROWS_PER_FILE}:
        by_date = F.create_map(*(F.lit(each) for pair in large.items() for each in pair))
        files = F.coalesce(by_date[F.col(SLICE)], files)
    others = [F.col(f"`{name}`") for name in rows.columns if name not in (SLICE, *keys)]
    (
        rows.withColumn(PART, F.pmod(F.xxhash64(SLICE, *keys), files))
        # Unlike a rebalance, it never splits what belongs into one file.
        .repartition(SLICE, PART)
        .sortWithinPartitions(SLICE, PART, *keys, *others)
        .write.partitionBy(SLICE, PART)
        .parquet(str(folder))
    )
    if paths := [str(path) for path in folder.rglob("*.parquet")]:
        rows.sparkSession.sparkContext.parallelize(paths, len(paths)).foreach(rewrite_file)


def rewrite_file(file: str) -> None:
    """Give a file the bytes that follow from its rows.

    Java's Parquet names the encodings of a column in an order that differs from one JVM to the next. An extract is
    known by its digest: one with the same rows must not look like a correction.
    """
    import pyarrow.parquet as pq

    path = Path(file)
    new = path.with_suffix(".new")
    with pq.ParquetFile(path) as source:
        schema = source.schema_arrow.remove_metadata()
        with pq.ParquetWriter(new, schema) as target:
            for number in range(source.num_row_groups):
                target.write_table(source.read_row_group(number).replace_schema_metadata())
    new.replace(path)
    # Hadoop's checksum of the bytes before.
    path.with_name(f".{path.name}.crc").unlink(missing_ok=True)


def written(folder: Path, date: dt.date) -> list[Path]:
    """The files of a batch date, in an order that is always the same; none where it has no rows."""
    return sorted((folder / f"{SLICE}={date}").rglob("*.parquet"))


def write_nothing(columns: Mapping[str, str], folder: Path) -> Path:
    """Write a file without rows.

    Args:
        columns: with their types, as Spark calls them.
    """
    import pyarrow.parquet as pq
    from pyspark.sql.pandas.types import to_arrow_schema
    from pyspark.sql.types import StructType

    schema = StructType.fromDDL(", ".join(f"`{name}` {kind}" for name, kind in columns.items()))
    folder.mkdir(exist_ok=True)
    path = folder / "nothing.parquet"
    pq.write_table(to_arrow_schema(schema, timezone="UTC").empty_table(), path)  # type: ignore[arg-type]
    return path
