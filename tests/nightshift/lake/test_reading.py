"""Readers get the values of older columns under their newest name: with Spark, and with `nightshift sql`."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from nightshift import lake
from nightshift.home.settings import Settings
from nightshift.lake import sql_queries as sql
from tests.declaring import a_table, column

FIRST, SECOND, THIRD = (dt.date(2013, 1, day) for day in (1, 2, 3))

TABLE = a_table(
    column("gate", "int"),
    column("dest", until=2),
    column("destination", since=2, until=3, was="dest"),
    column("order", since=3, was="destination"),
    column("code", until=2),
    column("code_no", "int", since=2, was="code"),
    column("width", "double", until=2),
    column("metres", "bigint", since=2, was="width"),
    column("day", "int", until=2),
    column("opened", "date", since=2, was="day"),
    use_case="gates",
    layer="bronze",
    name="gates",
    version=3,
)


def publish(date: dt.date, **columns: list[Any]) -> None:
    number = len(next(iter(columns.values())))
    rows = pa.table({"batch_date": [date] * number, **columns, "gate": pa.array(range(number), pa.int32())})
    write_deltalake(TABLE.location.path, rows, mode="append", partition_by=["batch_date"], schema_mode="merge")


def asked(*columns: str) -> list[tuple]:
    names = ", ".join(f'"{name}"' for name in columns)
    return [
        tuple(row.values())
        for row in sql.query(f"SELECT {names} FROM {TABLE.full_name} ORDER BY ALL", TABLE.home).to_pylist()
    ]


def test_older_values_are_read_under_the_newest_name(spark, home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "published_tables", lambda _: {TABLE.full_name: TABLE})
    codes = ["007", "A1", "5.7", " 5 ", "1e3", None]
    days = pa.array([20131001] * 6, pa.int32())
    publish(FIRST, dest=["IAH", None, *"CDEF"], code=codes, width=[1.0, 1.5, -2.7, 1e300, None, 4.0], day=days)
    columns = ("batch_date", "gate", "order", "code_no", "metres", "opened")
    of_first = [
        (FIRST, 0, "IAH", 7, 1, None),
        (FIRST, 1, None, None, 1, None),
        (FIRST, 2, "C", None, -2, None),
        (FIRST, 3, "D", 5, None, None),
        (FIRST, 4, "E", None, None, None),
        (FIRST, 5, "F", None, 4, None),
    ]
    assert asked(*columns) == of_first, "before anything was published in the newest form"

    publish(SECOND, destination=["MIA"], code_no=pa.array([8], pa.int32()), metres=[2], opened=[FIRST])
    publish(THIRD, order=["BOS"], code_no=pa.array([9], pa.int32()), metres=[3], opened=[SECOND])
    expected = [*of_first, (SECOND, 0, "MIA", 8, 2, FIRST), (THIRD, 0, "BOS", 9, 3, SECOND)]
    assert sorted(tuple(row) for row in lake.read(spark, TABLE).select(*columns).collect()) == expected
    assert asked(*columns) == expected
