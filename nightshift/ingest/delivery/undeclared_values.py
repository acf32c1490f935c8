"""Values of any Arrow type as JSON text: how undeclared columns of Parquet files are kept aside without a loss."""

from __future__ import annotations

import base64
import datetime as dt
import json
import uuid
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

NULL = "null"
EPOCH = dt.datetime(1970, 1, 1)
# Digits of a second's fraction, by the unit of a time.
FRACTION_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
# What the fraction of an instant has at least, as Spark writes it.
LEAST_DIGITS = 6
NOT_FINITE = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}


def unkept(schema: pa.Schema, declared: Collection[str], unread: Iterable[str]) -> tuple[str, ...]:
    """The undeclared columns that can't be kept aside: of types without a text, or whose values can't be read.

    Args:
        unread: columns whose values can't be read.
    """
    without = {field.name for field in schema if not has_text(field.type)}.union(unread)
    return tuple(dict.fromkeys(name for name in schema.names if name in without and name not in declared))


def has_text(kind: pa.DataType) -> bool:
    """Whether values of a type can be written as text from which they could be had back."""
    import pyarrow as pa
    from pyarrow import types

    if isinstance(kind, pa.BaseExtensionType):
        return has_text(kind.storage_type)
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return has_text(kind.value_type)
    if types.is_union(kind):
        return False
    if types.is_nested(kind):
        return all(has_text(kind.field(place).type) for place in range(kind.num_fields))
    return not types.is_interval(kind)


def objects(names: Iterable[str], columns: Iterable[pa.Array]) -> list[str]:
    """One JSON object per row; of two columns of one name it has both."""
    keys = [json.dumps(name, ensure_ascii=False) for name in names]
    rows = zip(*(texts(column) for column in columns), strict=True)
    return [_object(zip(keys, row, strict=True)) for row in rows]


def texts(column: pa.Array) -> list[str]:
    """Each value as JSON: numbers with all their digits, instants in ISO 8601, bytes in base64."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    kind = column.type
    if isinstance(kind, pa.UuidType):
        return [NULL if value is None else f'"{uuid.UUID(bytes=value)}"' for value in column.storage.to_pylist()]
    if isinstance(kind, pa.Bool8Type):
        return texts(column.storage.cast(pa.bool_()))
    if isinstance(kind, pa.BaseExtensionType):
        return texts(column.storage)
    if types.is_dictionary(kind):
        return texts(column.dictionary_decode())
    if types.is_run_end_encoded(kind):
        return texts(pc.run_end_decode(column))
    if types.is_map(kind):
        return _maps(column)
    if types.is_nested(kind):
        return _structs(column) if types.is_struct(kind) else _lists(column)
    return _scalars(column)


def _scalars(column: pa.Array) -> list[str]:
    import pyarrow as pa
    from pyarrow import types

    kind = column.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        # Not as text at once: some of it may be no UTF-8.
        values = column.cast(pa.large_binary()).to_pylist()
        return [NULL if value is None else _quoted(value.decode("utf-8", "replace")) for value in values]
    if types.is_boolean(kind) or types.is_integer(kind):
        return [json.dumps(value) for value in column.to_pylist()]
    if types.is_floating(kind):
        # As text by numpy, which knows the shortest one of each width.
        found = [str(value) for value in column.to_numpy(zero_copy_only=False)]
        return [
            NULL if not valid else NOT_FINITE.get(text, text)
            for valid, text in zip(column.is_valid().to_pylist(), found, strict=True)
        ]
    if types.is_decimal(kind):
        return [NULL if value is None else format(value, "f") for value in column.to_pylist()]
    if types.is_temporal(kind):
        width = pa.int32() if types.is_date32(kind) or types.is_time32(kind) else pa.int64()
        return [NULL if value is None else f'"{_moment(value, kind)}"' for value in column.cast(width).to_pylist()]
    return [NULL if value is None else f'"{base64.b64encode(value).decode()}"' for value in column.to_pylist()]


def _moment(value: int, kind: pa.DataType) -> str:
    """A date, time, instant or duration; one that the calendar does not have is a number with its unit."""
    from pyarrow import types

    if types.is_duration(kind):
        return f"{value} {kind.unit}"
    if types.is_date(kind):
        days = value if types.is_date32(kind) else value // 86_400_000
        try:
            return (EPOCH + dt.timedelta(days=days)).date().isoformat()
        except OverflowError:
            return f"{days} days from 1970-01-01"
    digits = FRACTION_DIGITS[kind.unit]
    seconds, fraction = divmod(value, 10**digits)
    if types.is_time(kind):
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"{clock}.{fraction:0{digits}}" if digits else clock
    try:
        moment = EPOCH + dt.timedelta(seconds=seconds)
    except OverflowError:
        return f"{value} {kind.unit} from 1970-01-01"
    zone = "" if kind.tz is None else "Z"
    return f"{moment.isoformat(timespec='seconds')}.{f'{fraction:0{digits}}':0<{LEAST_DIGITS}}{zone}"


def _lists(column: pa.Array) -> list[str]:
    from pyarrow import types

    if not types.is_list_view(column.type) and not types.is_large_list_view(column.type):
        return _joined(texts(column.flatten()), column.value_lengths().to_pylist())
    # pyarrow 25 loses values where it casts or flattens views that were put together.
    values = texts(column.values)
    places = zip(column.offsets.to_pylist(), column.sizes.to_pylist(), column.is_valid().to_pylist(), strict=True)
    return [f"[{','.join(values[at : at + size])}]" if valid else NULL for at, size, valid in places]


def _joined(values: Iterable[str], lengths: Iterable[int | None]) -> list[str]:
    left = iter(values)
    return [NULL if length is None else f"[{','.join(next(left) for _ in range(length))}]" for length in lengths]


def _structs(column: pa.Array) -> list[str]:
    kind = column.type
    if not kind.num_fields:
        return ["{}" if valid else NULL for valid in column.is_valid().to_pylist()]
    found = objects([kind.field(place).name for place in range(kind.num_fields)], column.flatten())
    return [text if valid else NULL for valid, text in zip(column.is_valid().to_pylist(), found, strict=True)]


def _maps(column: pa.Array) -> list[str]:
    """Objects; of keys that are no scalars, lists of keys and values."""
    import pyarrow as pa
    from pyarrow import types

    pairs_of = column.cast(pa.list_(column.type.field(0).type))
    lengths = pairs_of.value_lengths().to_pylist()
    keys, items = (texts(part) for part in pairs_of.flatten().flatten())
    if types.is_nested(column.type.key_type):
        pairs = [f'{{"key":{key},"value":{item}}}' for key, item in zip(keys, items, strict=True)]
        return _joined(pairs, lengths)
    named = iter((key if key.startswith('"') else _quoted(key), item) for key, item in zip(keys, items, strict=True))
    return [NULL if length is None else _object(next(named) for _ in range(length)) for length in lengths]


def _object(pairs: Iterable[tuple[str, str]]) -> str:
    return f"{{{','.join(f'{key}:{value}' for key, value in pairs)}}}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
