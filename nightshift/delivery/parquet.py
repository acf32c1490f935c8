"""Which Parquet columns can be read as a declared type without loss, and which can be kept aside at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def unreadable_pages(metadata: pq.FileMetaData) -> str | None:
    """Why Spark could not read pages that pyarrow can, by the footer; None where it can."""
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for place in range(row_group.num_columns):
            column = row_group.column(place)
            if column.compression not in COMPRESSIONS:
                return (
                    f"has the column {column.path_in_schema!r} compressed by {column.compression}; use snappy or zstd"
                )
            if unknown := sorted(set(column.encodings) - ENCODINGS):
                return (
                    f"has the column {column.path_in_schema!r} in the encoding {', '.join(unknown)}; use "
                    "dictionaries, PLAIN or one of DELTA_…"
                )
    return None


def unreadable_value(batch: pa.RecordBatch) -> str | None:
    """Why Spark would end at a value that pyarrow reads; None where it would not."""
    import pyarrow.compute as pc
    from pyarrow import types

    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        for part in _parts(column):
            if not types.is_timestamp(part.type) or part.type.unit != "ms":
                continue
            ends = pc.min_max(part)
            if any(abs(ends[end].value or 0) > MOST_MILLISECONDS for end in ("min", "max")):
                return f"has a time in the column {name!r} that is over {MOST_MILLISECONDS} ms from 1970"
    return None


def _parts(column: pa.Array) -> Iterator[pa.Array]:
    """A column, or the columns that it consists of, at any depth."""
    from pyarrow import types

    if types.is_struct(column.type):
        within = column.flatten()
    elif types.is_map(column.type):
        within = [column.keys, column.items]
    elif types.is_dictionary(column.type):
        within = [column.dictionary]
    elif types.is_nested(column.type):
        within = [column.flatten()]
    else:
        yield column
        return
    for part in within:
        yield from _parts(part)


def unreadable_name(name: str, found: pa.DataType, names: Sequence[str]) -> str | None:
    """Why Spark could not read a column because of its name, or one within it; None where it can."""
    if name.casefold() == METADATA:
        return "which is a name that Spark keeps for itself"
    if other := next((other for other in names if other != name and other.casefold() == name.casefold()), None):
        return f"which differs from {other!r} in case only"
    within = next(_clashing(found), None)
    return f"whose fields {within[0]!r} and {within[1]!r} differ in case only" if within else None


def _clashing(found: pa.DataType) -> Iterator[tuple[str, str]]:
    """Pairs of fields of one struct, at any depth, whose names are equal but for case."""
    from pyarrow import types

    if not types.is_nested(found):
        return
    first: dict[str, str] = {}
    for place in range(found.num_fields):
        field = found.field(place)
        if field.name.casefold() in first:
            yield first[field.name.casefold()], field.name
        first[field.name.casefold()] = field.name
        yield from _clashing(field.type)


def fits(found: pa.DataType, declared: str) -> bool:
    """Whether a Parquet column can be read as the declared type without loss."""
    import pyarrow as pa

    if pa.types.is_null(found):
        return True  # It has no value that could be lost.
    if declared == "timestamp":
        return pa.types.is_timestamp(found) and found.tz is not None and found.unit in ("ms", "us")
    fitting = {
        "string": (pa.string(), pa.large_string()),
        "int": (pa.int8(), pa.int16(), pa.int32()),
        "bigint": (pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        "double": (pa.float32(), pa.float64()),
        "boolean": (pa.bool_(),),
        "date": (pa.date32(),),
    }
    return found in fitting[declared]


def untyped(schema: pa.Schema) -> tuple[str, ...]:
    """Columns in which the writer saw no value, and so no type, as pandas writes them; Spark could not read them."""
    from pyarrow import types

    return tuple(field.name for field in schema if types.is_null(field.type))


def is_readable(found: pa.DataType) -> bool:
    """Whether a column of a type that nobody declared can be kept aside."""
    from pyarrow import types

    return types.is_null(found) or _spark_reads(found)


def _spark_reads(found: pa.DataType) -> bool:
    from pyarrow import types

    if types.is_nested(found):
        return all(_spark_reads(found.field(place).type) for place in range(found.num_fields))
    if types.is_timestamp(found):
        return bool(found.unit in ("ms", "us"))
    known = (
        *(types.is_boolean, types.is_signed_integer, types.is_date32, types.is_decimal128),
        *(types.is_float32, types.is_float64, types.is_string, types.is_large_string, types.is_binary),
    )
    return any(is_known(found) for is_known in known)
