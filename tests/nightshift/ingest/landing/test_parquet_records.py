"""Parquet of all types: read by Spark or, where it can't, by Arrow; as pandas writes it, some columns have no type."""

from __future__ import annotations

import datetime as dt
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table
from nightshift.home.settings import Settings
from nightshift.ingest.delivery import verify
from nightshift.ingest.landing.judge_records import is_good, judged
from nightshift.ingest.landing.records import read_records
from tests.sent_deliveries import OneSource, deliver, parquet, things

DAY = dt.date(2013, 1, 2)


@pytest.fixture
def landing(home: Settings) -> Path:
    return home.landing.path / "any"


def written(**columns: list[Any]) -> bytes:
    """A file as pandas writes it."""
    sink = io.BytesIO()
    pd.DataFrame(columns, dtype=object).to_parquet(sink, index=False)
    return sink.getvalue()


def landed(spark, table: Table, landing: Path, *files: bytes) -> list[Any]:
    """The judged records of files with one row each."""
    deliver(landing, DAY, {f"things_{number}": (content, 1) for number, content in enumerate(files)})
    delivery = verify(OneSource(table), BatchDates.of(DAY))
    assert delivery.faults == ()
    found = judged(read_records(spark, table, delivery.of(table)), table)
    return found.withColumn("good", is_good()).orderBy("file").collect()


def test_a_column_without_any_value_is_one_of_nulls_in_whatever_type_is_declared(spark, landing: Path) -> None:
    columns = [
        {"name": "code", "type": "string", "description": "a code", "required": True},
        *({"name": f"a_{kind}", "type": kind, "description": kind} for kind in ("string", "int", "bigint", "double")),
        *({"name": f"a_{kind}", "type": kind, "description": kind} for kind in ("boolean", "date", "timestamp")),
    ]
    table = things({"file": "things_*", "format": "parquet"}, columns=columns)
    nothing = written(code=["a"], **{column["name"]: [None] for column in columns[1:]})
    schema = pq.read_schema(io.BytesIO(nothing))
    assert {field.type for field in schema if field.name != "code"} == {pa.null()}, "pandas gives such columns a type"
    (row,) = landed(spark, table, landing, nothing)
    assert row.good
    assert (row.code, row["_reason"]) == ("a", "")
    assert [row[column["name"]] for column in columns[1:]] == [None] * 7


def test_files_with_and_without_values_in_a_column_are_read_together(spark, landing: Path) -> None:
    table = things({"file": "things_*", "format": "parquet"})
    rows = landed(
        spark,
        table,
        landing,
        written(code=["a"], amount=[7], day=[DAY], gate=[None]),
        written(code=["b"], amount=[None], day=[None], gate=["B2"]),
        written(code=["c"], amount=[None], day=[DAY], gate=[None]),
    )
    assert [(row.code, row.amount, row.day, json.loads(row.extra)["gate"], row.good) for row in rows] == [
        ("a", 7, DAY, None, True),
        ("b", None, None, "B2", True),
        ("c", None, DAY, None, True),
    ]


def test_a_required_column_without_any_value_quarantines_its_rows(spark, landing: Path) -> None:
    table = things({"file": "things_*", "format": "parquet"})
    (row,) = landed(spark, table, landing, written(code=[None], amount=[1], day=[DAY]))
    assert not row.good
    assert json.loads(row["_raw"]) == {"code": None, "amount": 1, "day": str(DAY)}


def test_times_that_no_reader_of_the_tables_can_hold_quarantine_their_rows(spark, landing: Path) -> None:
    columns = [
        {"name": "code", "type": "string", "description": "a code"},
        {"name": "day", "type": "date", "description": "a day"},
        {"name": "at", "type": "timestamp", "description": "an instant"},
    ]
    table = things({"file": "things_*", "format": "parquet"}, columns=columns)
    most = 253_402_300_800_000_000 - 1  # 9999-12-31T23:59:59.999999Z
    days = [None, -719_162, 2_932_896, 2**31 - 1, -719_163, 0, 0]
    instants = [None, -62_135_596_800_000_000, most, 0, 0, most + 1, -(2**63)]
    file = pa.table(
        {
            "code": list("abcdefg"),
            "day": pa.array(days, pa.int32()).cast(pa.date32()),
            "at": pa.array(instants, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        }
    )
    deliver(landing, DAY, {"things_0": (parquet(file), file.num_rows)})
    delivery = verify(OneSource(table), BatchDates.of(DAY))
    found = judged(read_records(spark, table, delivery.of(table)), table).orderBy("record")
    assert [(row["_rules"], row["_reason"]) for row in found.select("_rules", "_reason").collect()] == [
        *[("", "")] * 3,
        *[("type", "day: is no date of the years 1 to 9999")] * 2,
        *[("type", "at: is no timestamp of the years 1 to 9999")] * 2,
    ]


def test_an_instant_is_kept_aside_to_the_microsecond(spark, landing: Path) -> None:
    table = things({"file": "things_*", "format": "parquet"})
    instant = dt.datetime(2013, 1, 2, 3, 4, 5, 678901)
    seen = {"seen": pa.array([instant], pa.timestamp("us", tz="UTC")), "local": pa.array([instant], pa.timestamp("us"))}
    thing = pa.table({"code": ["a"], "amount": pa.array([1], pa.int64()), "day": [DAY], **seen})
    (row,) = landed(spark, table, landing, parquet(thing))
    assert json.loads(row.extra) == {"seen": "2013-01-02T03:04:05.678901Z", "local": "2013-01-02T03:04:05.678901"}


MOMENT = dt.datetime(2013, 1, 1, 12)
# Undeclared columns that Spark reads, and others that only Arrow does, with what is kept aside of them.
BY_SPARK: dict[str, tuple[pa.Array, Any]] = {
    "category": (pa.array(["x"]).dictionary_encode(), "x"),
    "view": (pa.array(["x"], pa.string_view()), "x"),
    "local": (pa.array([MOMENT], pa.timestamp("us")), "2013-01-01T12:00:00.000000"),
    "instant": (pa.array([MOMENT], pa.timestamp("ms", "UTC")), "2013-01-01T12:00:00.000000Z"),
    "price": (pa.array([Decimal("1.00")], pa.decimal128(9, 2)), "1.00"),
    "bytes": (pa.array([b"\xff"]), "/w=="),
    "no": (pa.nulls(1), None),
    "ratio": (pa.array([float("nan")]), "NaN"),
}
BY_ARROW: dict[str, tuple[pa.Array, Any]] = {
    "Code": (pa.array(["in other case"]), "in other case"),
    "_metadata": (pa.array([1]), "1"),
    "a.b [c]\nd": (pa.array([1]), "1"),
    "": (pa.array([1]), "1"),
    "twins": (pa.array([{"no": None, "No": 1}]), {"no": None, "No": "1"}),
    "list_view": (pa.array([[1, None]], pa.list_view(pa.int64())), ["1", None]),
    "pairs": (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), {"k": "1"}),
    "uint64": (pa.array([2**64 - 1], pa.uint64()), "18446744073709551615"),
    "half": (pa.array([1.5], pa.float16()), "1.5"),
    "nanos": (pa.array([1], pa.timestamp("ns")), "1970-01-01T00:00:00.000000001"),
    "clock": (pa.array([1], pa.time64("us")), "00:00:00.000001"),
    "lasts": (pa.array([1], pa.duration("s")), "1 s"),
    "long": (pa.array([Decimal("1" * 40)], pa.decimal256(50, 2)), f"{'1' * 40}.00"),
    "uuid": (pa.array([bytes(16)], pa.uuid()), "00000000-0000-0000-0000-000000000000"),
    "json": (pa.array(['{"a":1.10}'], pa.json_()), '{"a":1.10}'),
    "flag": (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8())), True),
}


def as_written(extra: str | None) -> Any:
    """Kept values, numbers as the text that they are."""
    return json.loads(extra or "null", parse_int=str, parse_float=str)


def test_undeclared_columns_of_all_kinds_are_kept_aside(spark, landing: Path) -> None:
    table = things({"file": "things_*", "format": "parquet"})
    plain = {"code": pa.array(["a"]).dictionary_encode(), "amount": pa.array([1], pa.uint32()), "day": pa.array([DAY])}
    # Two row groups, of which Arrow reads each by itself, and two columns of one name.
    odd = pa.table({**plain, **{name: column for name, (column, _) in {**BY_SPARK, **BY_ARROW}.items()}})
    odd = odd.append_column("category", pa.array(["again"]))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.concat_tables([odd, odd]), sink, row_group_size=1)
    usual = pa.table({**plain, "amount": [2], **{name: column for name, (column, _) in BY_SPARK.items()}})
    deliver(landing, DAY, {"things_0": (sink.getvalue().to_pybytes(), 2), "things_1": (parquet(usual), 1)})
    delivery = verify(OneSource(table), BatchDates.of(DAY))
    assert delivery.faults == ()
    assert [file.by_arrow for file in delivery.files] == [True, False]
    found = judged(read_records(spark, table, delivery.of(table)), table).orderBy("file", "record").collect()
    assert [(row.record, row.code, row.amount, row.day, row["_rules"]) for row in found] == [
        *((number, "a", 1, DAY, "") for number in (1, 2)),
        (1, "a", 2, DAY, ""),
    ]
    by_spark = {name: kept for name, (_, kept) in BY_SPARK.items()}
    assert as_written(found[2].extra) == by_spark
    for row in found[:2]:
        assert as_written(row.extra) == by_spark | {name: kept for name, (_, kept) in BY_ARROW.items()} | {
            "category": "again"
        }
        assert '"category":"x"' in row.extra, "both columns of one name are kept"


def test_what_can_not_be_kept_aside_is_left_out_with_one_warning(spark, landing: Path) -> None:
    table = things({"file": "things_*", "format": "parquet"})
    # Arrow's writer makes of this what its own reader can't read.
    unreadable = pa.array([[1, 2], None], pa.list_(pa.int64(), 2))
    rows = {"code": ["a", None], "amount": [1, 2], "day": [DAY] * 2, "gate": ["A1", "B2"], "pair": unreadable}
    deliver(landing, DAY, {"things_0": (parquet(pa.table(rows)), 2)})
    delivery = verify(OneSource(table), BatchDates.of(DAY))
    assert delivery.faults == ()
    kept, left = delivery.warnings
    assert "has the undeclared 'gate': kept aside" in kept
    assert "has the undeclared 'pair', of a type that is no text: left out of bronze.things; the archive has" in left
    found = judged(read_records(spark, table, delivery.of(table)), table).orderBy("record").collect()
    assert [(row.code, row.extra) for row in found] == [("a", '{"gate":"A1"}'), (None, '{"gate":"B2"}')]
    # What is set aside has all that is kept of it.
    assert json.loads(found[1]["_raw"]) == {"code": None, "amount": 2, "day": str(DAY), "gate": "B2"}
