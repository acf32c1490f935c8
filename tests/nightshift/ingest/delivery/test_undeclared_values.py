"""Undeclared columns of any Arrow type become text from which their values can be had back."""

from __future__ import annotations

import json
import math
import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from nightshift.ingest.delivery.undeclared_values import has_text, objects, texts, unkept

ID = uuid.UUID("0123456789abcdef0123456789abcdef")
LEAST, MOST = -(2**63), 2**63 - 1


def numbers(kind: pa.DataType, *values: int | None) -> pa.Array:
    """Values of a type that is a number beneath, those that Python has none of among them."""
    return pa.array(values, pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pa.nulls(1), "null"),
        (pa.array([True]), "true"),
        (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8())), "true"),
        (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
        (pa.array([LEAST]), "-9223372036854775808"),
        # The shortest text of each width.
        (pa.array([0.1], pa.float32()), "0.1"),
        (pa.array([-0.0]), "-0.0"),
        (pa.array([1.7976931348623157e308]), "1.7976931348623157e+308"),
        (pa.array([1.5], pa.float16()), "1.5"),
        (pa.array([math.nan]), '"NaN"'),
        (pa.array([-math.inf]), '"-Infinity"'),
        (pa.array([Decimal("1.10")], pa.decimal128(9, 2)), "1.10"),
        (pa.array([Decimal("1" * 70 + ".10")], pa.decimal256(75, 2)), "1" * 70 + ".10"),
        (pa.array([Decimal("0.0000001")], pa.decimal64(9, 7)), "0.0000001"),
        *[
            (pa.array(['ü"\n\0'], kind), '"ü\\"\\n\\u0000"')
            for kind in (pa.string(), pa.large_string(), pa.string_view())
        ],
        (pa.array([b"\xffa"]).view(pa.string()), '"\ufffda"'),
        *[(pa.array([b"\xff"], kind), '"/w=="') for kind in (pa.binary(), pa.large_binary(), pa.binary_view())],
        (pa.array([b"\xff"], pa.binary(1)), '"/w=="'),
        (pa.array([ID.bytes], pa.uuid()), f'"{ID}"'),
        (pa.array(['{"a":1.10}'], pa.json_()), r'"{\"a\":1.10}"'),
        (pa.ExtensionArray.from_storage(pa.opaque(pa.int32(), "t", "v"), pa.array([1], pa.int32())), "1"),
        (numbers(pa.date32(), -719162), '"0001-01-01"'),
        (numbers(pa.date32(), 2**31 - 1), '"2147483647 days from 1970-01-01"'),
        (numbers(pa.date64(), 86_400_000), '"1970-01-02"'),
        (numbers(pa.time32("s"), 86_399), '"23:59:59"'),
        (numbers(pa.time32("ms"), 1), '"00:00:00.001"'),
        (numbers(pa.time64("ns"), 1), '"00:00:00.000000001"'),
        (numbers(pa.timestamp("s"), 1), '"1970-01-01T00:00:01.000000"'),
        (numbers(pa.timestamp("ms", "UTC"), -1), '"1969-12-31T23:59:59.999000Z"'),
        (numbers(pa.timestamp("us", "Europe/Berlin"), 1), '"1970-01-01T00:00:00.000001Z"'),
        (numbers(pa.timestamp("ns"), MOST), '"2262-04-11T23:47:16.854775807"'),
        (numbers(pa.timestamp("us", "UTC"), MOST), f'"{MOST} us from 1970-01-01"'),
        (numbers(pa.duration("us"), 90), '"90 us"'),
        (pa.array(["a"]).dictionary_encode(), '"a"'),
        (pa.RunEndEncodedArray.from_arrays([1], ["a"]), '"a"'),
        *[
            (pa.array([[1, None]], kind(pa.int8())), "[1,null]")
            for kind in (pa.list_, pa.large_list, pa.list_view, pa.large_list_view)
        ],
        (pa.array([[1, 2]], pa.list_(pa.int8(), 2)), "[1,2]"),
        (pa.array([{"a": [{"b": Decimal("1.10")}]}]), '{"a":[{"b":1.10}]}'),
        (pa.array([{}], pa.struct([])), "{}"),
        (pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), '{"a":1,"a":2}'),
        (pa.array([[("k", 1), ("l", None)]], pa.map_(pa.string(), pa.int8())), '{"k":1,"l":null}'),
        (pa.array([[(1, "a")]], pa.map_(pa.int8(), pa.string())), '{"1":"a"}'),
        (pa.array([[({"x": 1}, 2)]], pa.map_(pa.struct([("x", pa.int8())]), pa.int8())), '[{"key":{"x":1},"value":2}]'),
    ],
    ids=lambda each: str(each.type) if isinstance(each, pa.Array) else "",
)
def test_every_value_has_a_text_that_loses_nothing(column: pa.Array, text: str) -> None:
    assert texts(column) == [text]
    assert has_text(column.type)
    json.loads(text)
    if not pa.types.is_run_end_encoded(column.type):
        # Nulls before it, and a part of an array, as batches of files are.
        longer = pa.concat_arrays([pa.nulls(2, column.type), column, column])
        assert texts(longer[1:]) == ["null", text, text]


def test_columns_of_any_name_are_an_object_of_each_row() -> None:
    names = ["", "a.b", 'q"u', "line\nbreak", "a", "a"]
    found = objects(names, [pa.array([place, None]) for place in range(6)])
    assert found[0] == r'{"":0,"a.b":1,"q\"u":2,"line\nbreak":3,"a":4,"a":5}'
    assert json.loads(found[1]) == dict.fromkeys(names)


def test_what_has_no_text_is_left_out_unless_it_is_declared() -> None:
    union = pa.sparse_union([pa.field("x", pa.int8())])
    fields: list[tuple[str, Any]] = [("a", pa.int8()), ("b", pa.list_(union)), ("c", pa.month_day_nano_interval())]
    schema = pa.schema([*fields, ("d", pa.list_(pa.int8(), 2))])
    assert unkept(schema, ["a"], ["d"]) == ("b", "c", "d")
    assert unkept(schema, ["a", "c"], []) == ("b",)
