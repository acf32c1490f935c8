"""What was read is what the database has, or nothing is landed."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import ConflictError
from nightshift.home.settings import get_settings
from nightshift.ingest.sources import extract
from nightshift.ingest.sources.extract_proof import Counting, Proof, Sum
from nightshift.job import Job
from spark_jobs.land import land
from tests.nightshift.ingest.sources.orders import COLUMNS, DECLARED, FIRST, declare, order, rows, table, taken
from tests.other_database import Database

BIGGEST = 2**63 - 1


@pytest.fixture
def meanwhile(orders: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Makes the database change in the midst of the next extract: before its rows are read, or after."""

    def change(step: str, statement: str) -> None:
        real = getattr(extract.Extract, step)

        def changed(self: Any, *arguments: Any) -> Any:
            if step == "_read":
                orders.run(statement)
            found = real(self, *arguments)
            if step == "_write":
                orders.run(statement)
            return found

        monkeypatch.setattr(extract.Extract, step, changed)

    return change


BEFORE_READ, AFTER_READ = "_read", "_write"


@pytest.mark.parametrize(
    ("step", "change", "said"),
    [
        (BEFORE_READ, order(3, "2013-10-01T13:00:00Z"), "2 rows before, 3 read, 3 after"),
        (AFTER_READ, "DELETE FROM orders WHERE id = 2", "2 rows before, 2 read, 1 after"),
        (
            BEFORE_READ,
            "UPDATE orders SET id = 7 WHERE id = 2",
            "sum of id 3 of 2 values before, 8 of 2 values read, 8 of 2 values after",
        ),
        (
            AFTER_READ,
            "UPDATE orders SET id = 7 WHERE id = 2",
            "sum of id 3 of 2 values before, 3 of 2 values read, 8 of 2 values after",
        ),
        (
            BEFORE_READ,
            "UPDATE orders SET created_at = created_at + interval '1 microsecond' WHERE id = 2",
            "other bounds of created_at",
        ),
        (BEFORE_READ, "UPDATE orders SET note = 'y' WHERE id = 2", "other values in some rows after than before"),
        (AFTER_READ, "UPDATE orders SET amount = 1.5000000000000002", "other values in some rows after than before"),
    ],
    ids=["inserted", "deleted", "changed before", "changed after", "moved", "text", "a bit of a double"],
)
def test_rows_that_change_while_they_are_read_are_refused(
    spark, orders: Database, meanwhile: Callable[[str, str], None], step: str, change: str, said: str
) -> None:
    orders.run(order(1, "2013-10-01T12:00:00Z"), order(2, "2013-10-01T12:30:00Z"))
    meanwhile(step, change)
    # Reading again may heal it: the scheduler does.
    with pytest.raises(ConflictError) as refusal:
        taken(spark, table(), FIRST)
    assert f"changed while it was read: {said}" in str(refusal.value)
    assert "run the stage again when nothing writes to rows of this date" in str(refusal.value)
    assert not list(get_settings().archive.walk())


def test_a_value_that_arrives_otherwise_is_refused(spark, orders: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    orders.run(order(1, "2013-10-01T12:00:00Z"), order(2, "2013-10-01T12:30:00Z"))
    whole = extract.Extract._read

    def spoilt(self: Any, counted: Any) -> Any:
        return whole(self, counted).withColumn("id", F.when(F.col("id") == 1, 1))

    monkeypatch.setattr(extract.Extract, "_read", spoilt)
    (fault,) = taken(spark, table(), FIRST).faults
    assert "sum of id 3 of 2 values before, 1 of 1 values read, 3 of 2 values after" in fault.reason


def test_a_refused_extract_leaves_the_published_rows_as_they_were(
    spark, orders: Database, meanwhile: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(DECLARED, tmp_path, monkeypatch)
    orders.run(order(1, "2013-10-01T12:00:00Z", note="'first'"))
    shop = UseCase.load("shop", get_settings())
    job = Job("land", shop, Catalog(shop), BatchDates.of(FIRST), run_id="test")
    land(job, argparse.Namespace())
    meanwhile(AFTER_READ, "UPDATE orders SET note = 'second'")
    with pytest.raises(ConflictError, match="of 2013-10-01 changed while it was read"):
        land(job, argparse.Namespace())
    published = lake.read(spark, job.catalog["bronze.orders"]).collect()
    assert [(row.id, row.note) for row in published] == [(1, "first")]


def test_columns_called_like_words_of_sql_and_sums_beyond_64_bits(spark, orders: Database) -> None:
    orders.run(
        'ALTER TABLE orders ADD COLUMN "user" bigint, ADD COLUMN "Order By" int',
        *[order(n, "2013-10-01T12:00:00Z").replace("VALUES", "(id, amount, created_at, note) VALUES") for n in (1, 2)],
        f'UPDATE orders SET "user" = {BIGGEST}',
    )
    declared = table([*COLUMNS, {"name": "user", "type": "bigint", "description": "a number"}])
    delivery = taken(spark, declared, FIRST)
    assert delivery.faults == ()
    assert [row.fields.user for row in rows(spark, declared, delivery)] == [BIGGEST] * 2


def test_sums_of_personal_data_are_in_no_message_and_not_in_the_ledger(
    spark, orders: Database, meanwhile: Callable[[str, str], None]
) -> None:
    phone = {"name": "phone", "type": "bigint", "pii": "contact", "treatment": "drop", "description": "a number"}
    orders.run(
        "ALTER TABLE orders ADD COLUMN phone bigint DEFAULT 735193",
        "INSERT INTO orders VALUES (1, 1.5, '2013-10-01T12:00:00Z', 'x')",
    )
    declared = table([*COLUMNS, phone])
    (file,) = taken(spark, declared, FIRST).files
    assert file.origin.endswith("1 rows, sum(id) 1")
    meanwhile(AFTER_READ, "UPDATE orders SET phone = 735194")
    with pytest.raises(ConflictError, match="other values in some rows") as refusal:
        taken(spark, declared, FIRST)
    assert "73519" not in str(refusal.value)


def counting(**changed: Any) -> Counting:
    usual = {"relation": "r", "dated": '"day"', "date_name": "day", "is_date": True, "slices": [], "part": None}
    return Counting(**{**usual, "whole_numbers": {"n": '"n"'}, "values": ['"n"'], **changed})


def test_an_extract_of_several_files_is_added_up_exactly(tmp_path: Path) -> None:
    days = [dt.date(1970, 1, 3), None, dt.date(1969, 12, 31)]
    paths = []
    for place, numbers in enumerate(([BIGGEST, BIGGEST, None], [-(2**63), 5, 0], [])):
        paths.append(tmp_path / f"{place}.parquet")
        texts = [day and str(day) for day in days[: len(numbers)]]
        found = {"n": pa.array(numbers, pa.int64()), "day": pa.array(texts, pa.string())}
        pq.write_table(pa.table(found), paths[-1], row_group_size=2)
    assert counting().of_extract(paths) == Proof(6, -1, 2, {"n": Sum(5, BIGGEST + 4)})
    assert counting().of_extract([]) == Proof()
    assert counting(date_name=None, whole_numbers={}).of_extract(paths) == Proof(6)


def test_where_a_date_column_is_not_kept_its_bounds_are_checked_against_the_database_alone() -> None:
    before, read = Proof(1, 3, 3, {"n": Sum(1, 1)}), Proof(1, None, None, {"n": Sum(1, 1)})
    assert list(counting(date_name=None).differences(before, read, before)) == []
    assert list(counting().differences(before, read, before)) == ["other bounds of day"]
