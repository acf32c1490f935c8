"""Rows of Parquet files that have columns of which Spark can't read the type, the name or the pages: read by Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from nightshift.declarations.tables import Table
from nightshift.ingest.delivery import LandedFile
from nightshift.ingest.delivery.column_drift import columns_at, delivered_names
from nightshift.ingest.delivery.parquet_stream import parquet_stream
from nightshift.ingest.delivery.undeclared_values import objects
from nightshift.storage import Location

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TYPES: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
PART_SCHEMA = "file string, path string, group int, before bigint, left_out array<string>"


def arrow_rows(spark: SparkSession, table: Table, files: Sequence[LandedFile], row: str) -> DataFrame:
    """Rows as ``path, record, extra`` and a struct of the declared columns; each row group is a part of its own.

    Args:
        row: name of the struct.
    """
    version = files[0].version
    called = delivered_names(table, version)
    types = {called[column.name]: column.type for column in columns_at(table, version)}
    parts = [part for file in {file.path: file for file in files}.values() for part in _parts(file)]
    fields = ", ".join(f"`{name}` {kind}" for name, kind in types.items())
    schema = f"path string, record bigint, extra string, {row} struct<{fields}>"
    shared = spark.createDataFrame(parts, PART_SCHEMA).repartition(max(1, len(parts)))
    return shared.mapInArrow(reader(types, row), schema)


def _parts(file: LandedFile) -> Iterator[tuple[Any, ...]]:
    before = 0
    with file.path.open() as stream:
        metadata = pq.read_metadata(stream)
    for group in range(metadata.num_row_groups):
        yield file.path.whole, file.path.name, group, before, list(file.left_out)
        before += metadata.row_group(group).num_rows


def reader(declared: Mapping[str, str], row: str) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A function that reads parts of files.

    Args:
        declared: type by the name that files use.
    """

    def read(parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in parts:
            for part in batch.to_pylist():
                yield from _read(part, declared, row)

    return read


def _read(part: Mapping[str, Any], declared: Mapping[str, str], row: str) -> Iterator[pa.RecordBatch]:
    left_out = part["left_out"]
    with Location.of(part["file"]).open() as stream, parquet_stream(stream) as file:
        names = [name for name in file.schema_arrow.names if name not in left_out] if left_out else None
        record = part["before"]
        for batch in file.iter_batches(row_groups=[part["group"]], columns=names):
            found = dict(zip(batch.schema.names, batch.columns, strict=True))
            fields = [_typed(found[name], TYPES[kind]) for name, kind in declared.items()]
            aside = [place for place, name in enumerate(batch.schema.names) if name not in (*declared, *left_out)]
            rows = batch.num_rows
            yield pa.RecordBatch.from_arrays(
                [
                    pa.repeat(part["path"], rows),
                    pa.array(range(record + 1, record + 1 + rows), pa.int64()),
                    _extra(batch, aside),
                    pa.StructArray.from_arrays(fields, names=list(declared)),
                ],
                ["path", "record", "extra", row],
            )
            record += rows


def _extra(batch: pa.RecordBatch, places: Sequence[int]) -> pa.Array:
    if not places:
        return pa.nulls(batch.num_rows, pa.string())
    names = [batch.schema.names[place] for place in places]
    return pa.array(objects(names, [batch.column(place) for place in places]), pa.string())


def _typed(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """A declared column in its declared type; none loses anything (`nightshift.ingest.delivery.parquet_types.fits`)."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return column.cast(kind)
