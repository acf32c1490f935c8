"""Parquet as pandas writes it, where a column without any value has no type."""

from __future__ import annotations

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightshift.dates import BatchDates
from nightshift.delivery import verify
from nightshift.settings import Settings
from nightshift.tables import Table
from spark_jobs.landing.judge import is_good, judged
from spark_jobs.landing.records import read_records
from tests.deliveries import OneSource, deliver, parquet, things

DAY = dt.date(2013, 1, 2)


@pytest.fixture
def landing(home: Settings) -> Path:
    return home.landing / "any"


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


def test_a_type_without_values_within_a_struct_can_not_be_kept_aside(landing: Path) -> None:
    table = things({"file": "things_*", "format": "parquet"})
    deliver(landing, DAY, {"things_0": (written(code=["a"], amount=[1], day=[DAY], gate=[{"no": None}]), 1)})
    (fault,) = verify(OneSource(table), BatchDates.of(DAY)).faults
    assert "the undeclared 'gate', of the type struct<no: null>, which can't be kept aside" in fault.reason
