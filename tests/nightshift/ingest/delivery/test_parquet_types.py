"""Values of Parquet files that pyarrow reads, and at which Spark would end."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pyarrow as pa
import pytest

from nightshift.dates import BatchDates
from nightshift.ingest.delivery import verify
from nightshift.ingest.delivery.parquet_types import MOST_MILLISECONDS, unreadable_values
from tests.sent_deliveries import OneSource, deliver, parquet, things

DAY = dt.date(2013, 1, 2)
BEYOND = MOST_MILLISECONDS + 1


def times(*numbers: int | None, unit: str = "ms", zone: str | None = "UTC") -> pa.Array:
    return pa.array(numbers, pa.int64()).cast(pa.timestamp(unit, tz=zone))


def batch(column: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(["a"] * len(column)), column], ["code", "seen"])


@pytest.mark.parametrize(
    "column",
    [
        times(0, None, BEYOND),
        times(-BEYOND),
        times(-(2**63)),
        times(2**62, zone=None),
        times(BEYOND, BEYOND).dictionary_encode(),
    ],
    ids=["beyond", "before", "least", "local", "dictionary"],
)
def test_milliseconds_that_are_no_microseconds_are_named_by_their_column(column: pa.Array) -> None:
    assert "in the column 'seen' that is over" in unreadable_values(batch(column))["seen"]


@pytest.mark.parametrize(
    "column",
    [times(MOST_MILLISECONDS, -MOST_MILLISECONDS, None), times(None), times(2**63 - 1, unit="us"), pa.array([2**62])],
    ids=["most", "none", "microseconds", "numbers"],
)
def test_other_values_are_readable(column: pa.Array) -> None:
    assert unreadable_values(batch(column)) == {}


def test_a_file_with_such_a_value_is_a_fault_where_it_is_declared(landing: Path) -> None:
    seen = {"name": "seen", "type": "timestamp", "description": "an instant"}
    code = {"name": "code", "type": "string", "description": "a code"}
    declared = things({"file": "things", "format": "parquet"}, columns=[code, seen])
    undeclared = things({"file": "things", "format": "parquet"}, columns=[code])
    deliver(landing / "any", DAY, {"things": (parquet(pa.table({"code": ["a", "b"], "seen": times(0, BEYOND)})), 2)})
    (fault,) = verify(OneSource(declared), BatchDates.of(DAY)).faults
    assert fault.rule == "unreadable"
    assert "has a time in the column 'seen'" in fault.reason
    delivery = verify(OneSource(undeclared), BatchDates.of(DAY))
    assert delivery.faults == ()
    assert [file.by_arrow for file in delivery.files] == [True], "Spark would end at it"


@pytest.mark.parametrize(
    ("declared", "column", "reads"),
    [
        # Text, whichever way it is kept.
        *[("string", pa.array(["a"], kind), "spark") for kind in (pa.string(), pa.large_string(), pa.string_view())],
        ("string", pa.array(["a"]).dictionary_encode(), "spark"),
        ("string", pa.array(['{"a":1.10}'], pa.json_()), "spark"),
        # Whole numbers that fit, unsigned ones and decimals without a fraction among them.
        *[("int", pa.array([1], kind), "spark") for kind in (pa.int8(), pa.int16(), pa.int32())],
        *[("int", pa.array([1], kind), "arrow") for kind in (pa.uint8(), pa.uint16(), pa.decimal128(9, 0))],
        *[("bigint", pa.array([1], kind), "arrow") for kind in (pa.uint32(), pa.decimal128(18, 0), pa.decimal64(9, 0))],
        *[("double", pa.array([1.5], kind), "spark") for kind in (pa.float32(), pa.float64())],
        ("double", pa.array([1.5], pa.float16()), "arrow"),
        ("boolean", pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8())), "arrow"),
        ("timestamp", times(1, unit="us", zone="Europe/Berlin"), "spark"),
        # What would lose something, or may.
        *[("int", pa.array([1], kind), None) for kind in (pa.int64(), pa.uint32(), pa.decimal128(10, 0))],
        *[("bigint", pa.array([1], kind), None) for kind in (pa.uint64(), pa.decimal128(19, 0), pa.decimal128(9, 2))],
        *[("timestamp", times(1, unit=unit, zone=zone), None) for unit, zone in (("ns", "UTC"), ("us", None))],
        ("double", pa.array([1]), None),
        ("string", pa.array([b"a"]), None),
        ("string", pa.array([["a"]], pa.list_view(pa.string())), None),
        ("date", times(1, unit="us"), None),
    ],
    ids=lambda each: str(each.type) if isinstance(each, pa.Array) else str(each),
)
def test_a_declared_column_of_another_type_is_converted_or_refused_by_name(
    landing: Path, declared: str, column: pa.Array, reads: str | None
) -> None:
    columns = [{"name": "value", "type": declared, "description": "a value"}]
    table = things({"file": "things", "format": "parquet"}, columns=columns, keys=["value"])
    deliver(landing / "any", DAY, {"things": (parquet(pa.table({"value": column})), 1)})
    delivery = verify(OneSource(table), BatchDates.of(DAY))
    if reads is None:
        (fault,) = delivery.faults
        kind = str(column.type).partition("<")[0]
        assert re.search(rf"'value' is {re.escape(kind)}.*, declared is {declared}", fault.reason)
    else:
        assert delivery.faults == ()
        assert [file.by_arrow for file in delivery.files] == [reads == "arrow"]
