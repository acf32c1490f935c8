"""Values of Parquet files that pyarrow reads, and at which Spark would end."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from nightshift.dates import BatchDates
from nightshift.delivery import verify
from nightshift.delivery.parquet import MOST_MILLISECONDS, unreadable_value
from tests.deliveries import OneSource, deliver, parquet, things

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
        pa.StructArray.from_arrays([pa.array(["a"]), times(BEYOND)], ["code", "at"]),
        pa.ListArray.from_arrays([0, 1, 1], times(BEYOND)),
        pa.ListArray.from_arrays([0, 1], pa.StructArray.from_arrays([times(BEYOND)], ["at"])),
        pa.MapArray.from_arrays([0, 1], pa.array(["a"]), times(BEYOND)),
        times(BEYOND, BEYOND).dictionary_encode(),
    ],
    ids=["beyond", "before", "least", "local", "struct", "list", "list of structs", "map", "dictionary"],
)
def test_milliseconds_that_are_no_microseconds_are_named_by_their_column(column: pa.Array) -> None:
    assert "in the column 'seen' that is over" in str(unreadable_value(batch(column)))


@pytest.mark.parametrize(
    "column",
    [times(MOST_MILLISECONDS, -MOST_MILLISECONDS, None), times(None), times(2**63 - 1, unit="us"), pa.array([2**62])],
    ids=["most", "none", "microseconds", "numbers"],
)
def test_other_values_are_readable(column: pa.Array) -> None:
    assert unreadable_value(batch(column)) is None


def test_a_file_with_such_a_value_is_a_fault(landing: Path) -> None:
    table = things({"file": "things", "format": "parquet"})
    columns = {"code": ["a", "b"], "amount": pa.array([1, 2], pa.int64()), "day": [DAY, DAY], "seen": times(0, BEYOND)}
    deliver(landing / "any", DAY, {"things": (parquet(pa.table(columns)), 2)})
    (fault,) = verify(OneSource(table), BatchDates.of(DAY)).faults
    assert fault.rule == "unreadable"
    assert "has a time in the column 'seen'" in fault.reason
