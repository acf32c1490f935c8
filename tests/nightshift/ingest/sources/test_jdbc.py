"""Rows of a real PostgreSQL, by the date on which they fall, with proof of what was read."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime as dt
import io
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DataError, NightshiftError
from nightshift.home.settings import get_settings
from nightshift.ingest import archive
from nightshift.ingest.sources import extract, extract_layout
from nightshift.ingest.sources.extract import name_of
from nightshift.job import Job
from spark_jobs.erase import main as erase
from spark_jobs.land import land
from spark_jobs.refine import refine
from tests.nightshift.ingest.sources.orders import COLUMNS, DECLARED, FIRST, SECOND, declare, order, rows, table, taken
from tests.other_database import PASSWORD, USER, Database

# Of the 25 hours of 2013-11-03 in New York, the second one exists twice.
LONG = dt.date(2013, 11, 3)
SHORT = dt.date(2013, 3, 10)
NEW_YORK = ZoneInfo("America/New_York")


def test_rows_belong_to_the_date_on_which_they_fall_in_the_zone(spark, orders: Database) -> None:
    orders.run(
        order(1, "2013-10-01T03:59:59.999999Z"),  # 23:59 of the day before in New York
        order(2, "2013-10-01T04:00:00Z", amount="NULL", note="NULL"),
        order(9007199254740993, "2013-10-02T03:59:59.999999Z", note="'🛫 „quoted“'"),
        order(4, "2013-10-02T04:00:00Z"),
        order(5, "2013-10-03T04:00:00Z"),
    )
    declared = table()
    delivery = taken(spark, declared, FIRST, SECOND)
    assert delivery.faults == ()
    assert delivery.rows_in(declared) == {FIRST: 2, SECOND: 1}
    found = rows(spark, declared, delivery)
    assert [(row.batch_date, row.fields.id, row.fields.amount, row.fields.note) for row in found] == [
        (FIRST, 2, None, None),
        (FIRST, 9007199254740993, 1.5, "🛫 „quoted“"),
        (SECOND, 4, 1.5, "x"),
    ]
    first = delivery.files[0]
    assert (first.kind, first.name) == ("query", "jdbc:crm.public.orders")
    assert first.origin == (
        "jdbc:crm public.orders created_at [2013-10-01 04:00:00+00, 2013-10-02 04:00:00+00) 2 rows, "
        "sum(id) 9007199254740995"
    )
    assert {(row.batch_date, row.file_sha256) for row in found} == {
        (file.batch_date, file.sha256) for file in delivery.files
    }


@pytest.mark.parametrize(("date", "hours"), [(LONG, 25), (SHORT, 23)])
def test_days_of_23_and_25_hours_come_whole(spark, orders: Database, date: dt.date, hours: int) -> None:
    midnight = dt.datetime.combine(date, dt.time(), NEW_YORK).astimezone(dt.UTC)
    orders.run(*[order(hour, str(midnight + dt.timedelta(hours=hour))) for hour in range(-2, 28)])
    declared = table()
    delivery = taken(spark, declared, date)
    assert [row.fields.id for row in rows(spark, declared, delivery)] == list(range(hours))


def test_a_range_gives_the_rows_of_its_days_and_a_rerun_the_same_bytes_in_whatever_order_rows_come(
    spark, orders: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(extract_layout, "ROWS_PER_FILE", 100)
    orders.run(
        "ALTER TABLE orders DROP CONSTRAINT orders_pkey, ADD COLUMN gate int",
        # Two rows of each key.
        "INSERT INTO orders SELECT n / 2, n * 0.1, timestamptz '2013-10-01T04:00:00Z' + n * interval '5 minutes', "
        "'x' || n, n / 2 % 2 FROM generate_series(0, 575) n",
    )
    declared = table(partition_column="gate", partitions=2)
    whole = taken(spark, declared, FIRST, SECOND)
    # Changes nothing, but the first of the two comes last now.
    orders.run("UPDATE orders SET note = note WHERE note ~ '[02468]$'")
    again = taken(spark, declared, FIRST, SECOND)
    nights = [taken(spark, declared, date) for date in (FIRST, SECOND)]
    assert whole.rows_in(declared) == {FIRST: 288, SECOND: 288}
    digests = [(file.batch_date, file.name, file.sha256) for file in whole.files]
    names = [name_of(declared.source, part) for part in (1, 2, 3)]
    assert [digest[:2] for digest in digests] == [(date, name) for date in (FIRST, SECOND) for name in names]
    assert [(file.batch_date, file.name, file.sha256) for file in again.files] == digests
    assert [(file.batch_date, file.name, file.sha256) for night in nights for file in night.files] == digests
    for file in whole.files:
        # Java's Parquet would give others in another JVM.
        once = file.path.read()
        extract_layout.rewrite_file(str(shutil.copy(file.path.path, tmp_path / "copy.parquet")))
        assert (tmp_path / "copy.parquet").read_bytes() == once
        assert "parquet-cpp" in pq.read_metadata(file.path.path).created_by
    found = rows(spark, declared, whole)
    assert {row.fields.note for row in found} == {f"x{n}" for n in range(576)}
    assert len({(row.fields.id, row.file_sha256) for row in found}) == len({row.fields.id for row in found}) == 288


def test_a_date_column_is_compared_as_a_date(spark, orders: Database) -> None:
    orders.run(
        "ALTER TABLE orders ADD COLUMN day date",
        *[order(n, "2013-10-09T00:00:00Z") for n in (1, 2, 3)],
        "UPDATE orders SET day = date '2013-09-30' + id::int",
    )
    declared = table([*COLUMNS, {"name": "day", "type": "date", "description": "a day"}], date_column="day")
    delivery = taken(spark, declared, SECOND)
    assert [(row.fields.id, row.fields.day) for row in rows(spark, declared, delivery)] == [(2, str(SECOND))]


def test_a_day_without_rows_blocks_unless_it_is_declared(spark, orders: Database) -> None:
    orders.run(order(1, "2013-10-02T12:00:00Z"))
    with pytest.raises(NightshiftError, match=r"2013-10-01/jdbc:crm\.public\.orders: has no row of this date"):
        taken(spark, table(), FIRST, SECOND).refuse_faults()
    allowed = taken(spark, table(empty_allowed=True), FIRST, SECOND)
    allowed.refuse_faults()
    assert allowed.rows_in(table()) == {FIRST: 0, SECOND: 1}
    empty, full = allowed.files
    assert pq.read_table(empty.path.path).num_rows == 0
    assert empty.origin == "jdbc:crm public.orders created_at [2013-10-01 04:00:00+00, 2013-10-02 04:00:00+00) 0 rows"
    assert pq.read_schema(empty.path.path).remove_metadata() == pq.read_schema(full.path.path).remove_metadata()
    assert [row.batch_date for row in rows(spark, table(), allowed)] == [SECOND]
    # Nothing came of a snapshot: the one before counts on.
    assert taken(spark, table(empty_allowed=True, required=False), FIRST).files == ()


def test_a_date_that_is_not_over_by_the_databases_clock_is_refused(spark, orders: Database) -> None:
    tomorrow = dt.datetime.now(NEW_YORK).date() + dt.timedelta(days=1)
    with pytest.raises(NightshiftError, match=f"may still get rows of {tomorrow}"):
        taken(spark, table(), tomorrow)


def test_what_happened_the_day_before_comes_with_the_batch_date_and_is_settled_at_its_midnight(
    spark, orders: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.run(order(1, "2013-10-01T12:00:00Z"), order(2, "2013-10-02T12:00:00Z"))
    declared = table(days_before=1)
    delivery = taken(spark, declared, SECOND)
    assert [(row.batch_date, row.fields.id) for row in rows(spark, declared, delivery)] == [(SECOND, 1)]

    today = dt.datetime.now(NEW_YORK).date()
    orders.run(order(3, str(dt.datetime.combine(today, dt.time(), NEW_YORK) - dt.timedelta(seconds=1))))
    assert taken(spark, declared, today).rows_in(declared) == {today: 1}


def test_a_clock_that_is_a_little_late_is_waited_for(spark, orders: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    orders.run(order(1, "2013-10-01T12:00:00Z"))
    slept: list[float] = []
    real = extract.Extract._counted
    midnight = dt.datetime(2013, 10, 2, 4, tzinfo=dt.UTC)

    def late(self: Any) -> Any:
        clock = midnight + dt.timedelta(seconds=1 if slept else -30)
        return dataclasses.replace(real(self), clock=clock)

    monkeypatch.setattr(extract.Extract, "_counted", late)
    monkeypatch.setattr(extract, "time", SimpleNamespace(sleep=slept.append))
    assert taken(spark, table(), FIRST).rows_in(table()) == {FIRST: 1}
    assert slept == [31]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE orders DROP COLUMN note", "lacks 'note'"),
        ("ALTER TABLE orders RENAME COLUMN note TO notes", "lacks 'note', perhaps renamed to 'notes'"),
        ("ALTER TABLE orders ALTER COLUMN amount TYPE text", "'amount' is text, declared is double"),
        ("ALTER TABLE orders ALTER COLUMN created_at TYPE timestamp", "'created_at' is timestamp without time zone"),
    ],
)
def test_drifted_columns_block(spark, orders: Database, change: str, said: str) -> None:
    orders.run(order(1, "2013-10-01T12:00:00Z"), change)
    with pytest.raises(NightshiftError, match=said):
        taken(spark, table(), FIRST).refuse_faults()


def test_undeclared_columns_are_kept_aside(spark, orders: Database) -> None:
    orders.run(
        order(1, "2013-10-01T12:00:00Z"),
        "ALTER TABLE orders ADD COLUMN gate int DEFAULT 7, ADD COLUMN price numeric(9,2) DEFAULT 1.50, "
        "ADD COLUMN tags text[] DEFAULT '{a,b}'",
    )
    declared = table()
    delivery = taken(spark, declared, FIRST)
    (row,) = rows(spark, declared, delivery)
    assert row.extra == '{"gate":"7","price":"1.50","tags":"{a,b}"}'
    assert "has the undeclared 'gate', 'price', 'tags'" in delivery.warnings[0]


def test_a_missing_variable_is_named(spark, orders: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIGHTSHIFT_JDBC_CRM_PASSWORD")
    with pytest.raises(NightshiftError, match="set NIGHTSHIFT_JDBC_CRM_PASSWORD in the environment"):
        taken(spark, table(), FIRST)


@pytest.mark.parametrize("wrong", ["password", "port", "silence", "relation", "url", "secret in url"])
def test_what_the_database_refuses_is_said_without_credentials(
    spark, orders: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: Any, wrong: str
) -> None:
    caplog.set_level(logging.INFO)
    secret, stack = PASSWORD, contextlib.ExitStack()
    if wrong == "password":
        secret = "n0t-the-password"
        monkeypatch.setenv("NIGHTSHIFT_JDBC_CRM_PASSWORD", secret)
    if wrong == "port":
        monkeypatch.setenv("NIGHTSHIFT_JDBC_CRM_URL", "jdbc:postgresql://127.0.0.1:1/shop")
    if wrong == "silence":
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"jdbc:postgresql://127.0.0.1:{silent.getsockname()[1]}/shop?loginTimeout=1"
        monkeypatch.setenv("NIGHTSHIFT_JDBC_CRM_URL", url)
    if wrong == "url":
        monkeypatch.setenv("NIGHTSHIFT_JDBC_CRM_URL", "jdbc:nosuch://127.0.0.1/shop")
    if wrong == "secret in url":
        monkeypatch.setenv("NIGHTSHIFT_JDBC_CRM_URL", f"{orders.url}?user={USER}&password={PASSWORD}")
    declared = table(relation="public.nothing") if wrong == "relation" else table()
    with stack, pytest.raises(NightshiftError) as refusal:
        taken(spark, declared, FIRST)
    said = str(refusal.value)
    variable = "PASSWORD" if wrong == "password" else "URL"
    assert f"NIGHTSHIFT_JDBC_CRM_{variable}" in said
    assert ("PASSWORD" in said) is (wrong in ("password", "secret in url"))
    assert refusal.value.temporary is (wrong in ("port", "silence"))
    if wrong == "relation":
        assert "the database 'crm' has no relation 'public.nothing'" in said
    output = capfd.readouterr()
    for text in (said, caplog.text, output.out, output.err):
        assert secret not in text
        assert USER not in text
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_what_the_database_quotes_of_a_person_is_in_no_message_and_not_in_sparks_log(
    spark, orders: Database, capfd: Any
) -> None:
    orders.run(
        order(1, "2013-10-01T12:00:00Z", note="'36'"),
        "CREATE VIEW slow AS SELECT *, CAST(note AS int) AS age FROM orders",
    )
    age = {"name": "age", "type": "int", "pii": "other", "treatment": "drop", "description": "years"}
    note = {**COLUMNS[-1], "pii": "contact"}
    declared = table([*COLUMNS, age], relation="slow")
    logs = spark._jvm.org.apache.logging.log4j.LogManager
    log = logs.getLogger("org.apache.spark.executor.Executor")
    assert taken(spark, declared, FIRST).rows_in(declared) == {FIRST: 1}
    assert log.isErrorEnabled()

    orders.run("UPDATE orders SET note = 'ada@example.org'")
    with pytest.raises(DataError) as refusal:
        taken(spark, declared, FIRST)
    said = "could not give the column 'age' of slow: ERROR: invalid input syntax for type integer ***\n"
    assert said in str(refusal.value)

    # Nobody declared `age`: it is left out, and the night continues.
    without = table([*COLUMNS[:-1], note], relation="slow")
    delivery = taken(spark, without, FIRST)
    shut = logs.getContext(False).getConfiguration()
    try:
        assert not log.isErrorEnabled()
    finally:
        shut.removeFilter(shut.getFilter())
    assert delivery.warnings == (
        "jdbc:crm.slow has the undeclared 'age', which is left out: ERROR: invalid input syntax for type integer ***",
    )
    (row,) = rows(spark, without, delivery)
    assert (row.fields.note, row.extra) == ("ada@example.org", None)
    output = capfd.readouterr()
    assert "ada@" not in output.out + output.err


def test_connections_share_the_reading(spark, orders: Database) -> None:
    orders.run(
        "INSERT INTO orders SELECT n, n, '2013-10-01T12:00:00Z', NULL FROM generate_series(1, 40) n",
        "CREATE VIEW slow AS SELECT * FROM orders WHERE pg_sleep(0.02) IS NOT NULL",
    )
    most = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        connection = orders.connect()
        with connection.cursor() as cursor:
            while not done.is_set():
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%landed%' "
                    "AND pid <> pg_backend_pid()"
                )
                most = max(most, cursor.fetchone()[0])
        connection.close()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        declared = table(relation="slow", partition_column="id", partitions=4)
        delivery = taken(spark, declared, FIRST)
    finally:
        done.set()
        watcher.join()
    assert delivery.rows_in(declared) == {FIRST: 40}
    assert most >= 2


def test_a_use_case_of_databases_only_is_landed_and_accounted_for_by_its_query(
    spark, orders: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(DECLARED, tmp_path, monkeypatch)
    orders.run(
        order(1, "2013-10-01T12:00:00Z"),
        order(2, "2013-10-01T13:00:00Z", amount="101"),
        order(3, "2013-10-01T14:00:00Z"),
    )
    shop = UseCase.load("shop", get_settings())
    catalog = Catalog(shop)
    land(Job("land", shop, catalog, BatchDates.of(FIRST), run_id="test"), argparse.Namespace())

    assert [row.id for row in lake.read(spark, catalog["bronze.orders"]).orderBy("id").collect()] == [1, 3]
    (bad,) = lake.read(spark, catalog["bronze.quarantine"]).collect()
    assert (bad.source, bad.file, bad.rules) == ("orders", "jdbc:crm.public.orders", "amount.maximum")
    (entry,) = [each for each in ledger.latest("shop", FIRST) if each.table_name == "bronze.orders"]
    (taken_in,) = ledger.inputs(entry)
    assert (taken_in.kind, taken_in.rows, taken_in.quarantined) == ("query", 3, 1)
    assert taken_in.origin is not None
    assert taken_in.origin.endswith("[2013-10-01 04:00:00+00, 2013-10-02 04:00:00+00) 3 rows, sum(id) 6")
    assert ledger.delivered("shop") == {FIRST: {"jdbc:crm.public.orders": taken_in.version}}


def test_a_day_without_rows_that_is_allowed_is_landed_and_refined(
    spark, orders: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = DECLARED.replace("date_column: created_at}", "date_column: created_at, empty_allowed: true}")
    is_source = re.compile(r" +source: .*\n")
    refined = is_source.sub("", allowed.partition("tables:")[2].replace("bronze", "silver"))
    declare(allowed + refined, tmp_path, monkeypatch)
    # What nobody declared is kept aside of each row, and of none there is nothing to keep.
    orders.run(order(1, "2013-10-01T12:00:00Z"), "ALTER TABLE orders ADD COLUMN gate int DEFAULT 7")
    shop = UseCase.load("shop", get_settings())
    catalog = Catalog(shop)
    for dates in (BatchDates.of(FIRST), BatchDates.of(SECOND)):
        for stage, job in (("land", land), ("refine", refine)):
            job(Job(stage, shop, catalog, dates, run_id="test"), argparse.Namespace())

    for name in ("bronze.orders", "silver.orders"):
        assert lake.rows_by_date(catalog[name], BatchDates(FIRST, SECOND)) == {FIRST: 1, SECOND: 0}
        (entry,) = [each for each in ledger.latest("shop", SECOND) if each.table_name == name]
        assert (entry.status, entry.rows_published) == ("published", 0)
        if name == "bronze.orders":
            (asked,) = ledger.inputs(entry)
            assert (asked.kind, asked.name, asked.rows) == ("query", "jdbc:crm.public.orders", 0)
            assert str(asked.origin).endswith("[2013-10-02 04:00:00+00, 2013-10-03 04:00:00+00) 0 rows")
            assert archive.path_of(archive.of(shop), asked.version, ".parquet").exists()


def test_a_kill_leaves_no_rows_in_clear(
    spark, orders: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    declare(
        DECLARED.replace("name: note, type: string,", "name: note, type: string, pii: name,"), tmp_path, monkeypatch
    )
    rejected = order(2, "2013-10-01T13:00:00Z", amount="101", note="'Grace Hopper'")
    orders.run(order(1, "2013-10-01T12:00:00Z", note="'Ada Lovelace'"), rejected)
    environment = {name: value for name, value in os.environ.items() if name != "SPARK_LOCAL_DIRS"}
    script = [sys.executable, "-m", "tests.nightshift.ingest.sources.land_until_killed", "shop", str(FIRST)]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [path for path in in_clear("Ada Lovelace") if path.is_relative_to(get_settings().staging / "extracts/shop")]

    shop = UseCase.load("shop", get_settings())
    land(Job("land", shop, Catalog(shop), BatchDates.of(FIRST), run_id="test"), argparse.Namespace())

    assert {path.relative_to(get_settings().home).parts[0] for path in in_clear("Ada Lovelace")} == {"archive"}
    assert list((get_settings().staging / "extracts" / "shop").iterdir()) == []
    assert list((get_settings().home / "tmp" / "spark").iterdir()) == []
    for person in ("Ada Lovelace", "Grace Hopper"):
        assert_the_database_is_named(person, monkeypatch, capsys)


def in_clear(text: str) -> list[Path]:
    """Files of the home that hold a text."""
    return [
        path
        for path in get_settings().home.rglob("*")
        if path.is_file()
        and text
        in (
            str(pq.read_table(path).to_pylist())
            if path.suffix == ".parquet"
            else path.read_bytes().decode("utf-8", "replace")
        )
    ]


def assert_the_database_is_named(person: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """An erasure says where the rows still are: there is no delivered file."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{person}\n"))
    asked = ["--use-case", "shop", "--table", "bronze.orders", "--column", "note", "--who", "eve", "--why", "request 1"]
    assert erase([*asked, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "database crm.public.orders, rows of the batch dates 2013-10-01: its owner must remove them" in said
    assert "delivered file" not in said
