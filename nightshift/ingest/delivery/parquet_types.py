"""Which Parquet columns can be read as a declared type without loss, and which of them Spark can read at all.

Spark reads files whose columns it knows. All others, which an undeclared column is enough for, are read by Arrow
(`nightshift.ingest.landing.arrow_records`), which knows every type that a file may have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# What Spark can read as well. Arrow calls both of Parquet's kinds of LZ4 the same.
COMPRESSIONS = {"UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "LZ4", "LZ4_RAW"}
ENCODINGS = {
    *("PLAIN", "RLE", "BIT_PACKED", "PLAIN_DICTIONARY", "RLE_DICTIONARY"),
    *("DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"),
}
# Milliseconds from 1970 that are microseconds of 64 bits, as which Spark reads them.
MOST_MILLISECONDS = (2**63 - 1) // 1000
# Spark's own name for where a row came from.
METADATA = "_metadata"


def unreadable_pages(metadata: pq.FileMetaData) -> dict[str, str]:
    """Why Spark could not read pages that pyarrow can, in words that follow the file's name, by the column's path."""
    found: dict[str, str] = {}
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for place in range(row_group.num_columns):
            column = row_group.column(place)
            path = column.path_in_schema
            if column.compression not in COMPRESSIONS:
                found[path] = f"has the column {path!r} compressed by {column.compression}; use snappy or zstd"
            elif unknown := sorted(set(column.encodings) - ENCODINGS):
                words = ", ".join(unknown)
                found[path] = (
                    f"has the column {path!r} in the encoding {words}; use dictionaries, PLAIN or one of DELTA_…"
                )
    return found


def unreadable_values(batch: pa.RecordBatch) -> dict[str, str]:
    """Why Spark would end at values that pyarrow reads, by column."""
    import pyarrow.compute as pc
    from pyarrow import types

    found = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        kind = bare(column.type)
        if types.is_timestamp(kind) and kind.unit == "ms":
            ends = pc.min_max(column.cast(kind))
            if any(abs(ends[end].value or 0) > MOST_MILLISECONDS for end in ("min", "max")):
                found[name] = f"has a time in the column {name!r} that is over {MOST_MILLISECONDS} ms from 1970"
    return found


def bare(found: pa.DataType) -> pa.DataType:
    """A type as its values are, whichever way they are kept: dictionaries, views and large ones are one to a reader."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(found) or types.is_run_end_encoded(found):
        return bare(found.value_type)
    if types.is_large_string(found) or types.is_string_view(found) or isinstance(found, pa.JsonType):
        return pa.string()
    if types.is_large_binary(found) or types.is_binary_view(found):
        return pa.binary()
    return found


def fits(found: pa.DataType, declared: str) -> bool:
    """Whether a Parquet column can be read as the declared type without loss."""
    import pyarrow as pa
    from pyarrow import types

    kind = bare(found)
    if types.is_null(kind) or spark_reads(kind, declared):
        return True  # Without a type, it has no value that could be lost.
    if types.is_decimal(kind) and kind.scale == 0:
        return bool(kind.precision <= {"int": 9, "bigint": 18}.get(declared, 0))
    unusual: Mapping[str, tuple[pa.DataType, ...]] = {
        "int": (pa.uint8(), pa.uint16()),
        "bigint": (pa.uint8(), pa.uint16(), pa.uint32()),
        "double": (pa.float16(),),
        "boolean": (pa.bool8(),),
    }
    return kind in unusual.get(declared, ())


def spark_reads(found: pa.DataType, declared: str) -> bool:
    """Whether Spark can read a column as the declared type, without loss."""
    import pyarrow as pa

    kind = bare(found)
    if declared == "timestamp":
        return pa.types.is_timestamp(kind) and kind.tz is not None and kind.unit in ("ms", "us")
    fitting = {
        "string": (pa.string(),),
        "int": (pa.int8(), pa.int16(), pa.int32()),
        "bigint": (pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        "double": (pa.float32(), pa.float64()),
        "boolean": (pa.bool_(),),
        "date": (pa.date32(),),
    }
    return kind in fitting[declared]


def untyped(schema: pa.Schema) -> tuple[str, ...]:
    """Columns in which the writer saw no value, and so no type, as pandas writes them; Spark could not read them."""
    from pyarrow import types

    return tuple(field.name for field in schema if types.is_null(field.type))


def needs_arrow(schema: pa.Schema, declared: Mapping[str, str], odd: Iterable[str]) -> bool:
    """Whether Spark can't read the columns of a file, the undeclared ones among them.

    Args:
        declared: types by the names that files use.
        odd: paths of columns whose pages or values Spark can't read.
    """
    folded = [name.casefold() for name in schema.names]
    if len(set(folded)) < len(folded) or set(odd):
        return True
    return any(not _spark_has(field, declared) for field in schema)


def _spark_has(field: pa.Field, declared: Mapping[str, str]) -> bool:
    from pyarrow import types

    if types.is_null(field.type):
        return True
    if field.name in declared:
        return spark_reads(field.type, declared[field.name])
    return field.name.isidentifier() and field.name.casefold() != METADATA and _spark_knows(bare(field.type))


def _spark_knows(kind: pa.DataType) -> bool:
    from pyarrow import types

    if types.is_timestamp(kind):
        return bool(kind.unit in ("ms", "us"))
    known: Iterable[Callable[[pa.DataType], bool]] = (
        *(types.is_boolean, types.is_signed_integer, types.is_date32, types.is_decimal128),
        *(types.is_float32, types.is_float64, types.is_string, types.is_binary),
    )
    return any(is_known(kind) for is_known in known)


def is_nested(found: pa.DataType) -> bool:
    """Whether a type consists of others; no declared one does."""
    import pyarrow as pa

    return bool(pa.types.is_nested(found.storage_type if isinstance(found, pa.BaseExtensionType) else bare(found)))
