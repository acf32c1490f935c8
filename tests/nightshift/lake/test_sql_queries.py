"""`nightshift sql` reads published tables, and nothing else."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake

from nightshift.commands.sql import sql
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError, UsageError
from nightshift.home.settings import get_settings
from nightshift.lake.sql_queries import published_tables, query
from nightshift.terminal import plain
from tests import declaring


@pytest.fixture
def airlines(home):
    table = Catalog(UseCase.load("flight_delays", get_settings()))["bronze.airlines"]
    rows = {"batch_date": [dt.date(2013, 1, 1)] * 2, "carrier": ["9E", "AA"], "name": ["Endeavor", None]}
    write_deltalake(table.location.path, pa.table(rows), partition_by=["batch_date"])
    return table


def test_published_tables_are_found_by_name(airlines):
    rows = query(
        "SELECT carrier FROM bronze.flight_delays_airlines WHERE batch_date = DATE '2013-01-01' ORDER BY 1",
        get_settings(),
    )
    assert rows.to_pylist() == [{"carrier": "9E"}, {"carrier": "AA"}]


def test_tables_are_joined(airlines):
    name = "bronze.flight_delays_airlines"
    rows = query(
        f"SELECT one.name FROM {name} AS one JOIN {name} AS other USING (carrier) WHERE carrier = '9E'", get_settings()
    )
    assert rows.to_pylist() == [{"name": "Endeavor"}]


def test_tables_of_one_name_in_two_layers_are_kept_apart(home):
    catalog = Catalog(UseCase.load("flight_delays", get_settings()))
    for layer, stations in (("bronze", ["EWR", "JFK"]), ("silver", ["LGA"])):
        rows = {"batch_date": [dt.date(2013, 1, 2)] * len(stations), "origin": stations}
        write_deltalake(catalog[f"{layer}.weather"].location.path, pa.table(rows), partition_by=["batch_date"])
    both = query(
        "SELECT 'landed' AS kind, origin FROM bronze.flight_delays_weather UNION ALL "
        "SELECT 'refined', origin FROM silver.flight_delays_weather ORDER BY ALL",
        get_settings(),
    )
    assert [tuple(row.values()) for row in both.to_pylist()] == [
        *(("landed", "EWR"), ("landed", "JFK")),
        ("refined", "LGA"),
    ]


def test_two_tables_of_one_name_are_left_out_and_told(home, tmp_path, monkeypatch, capsys):
    shop = declaring.Shop(tmp_path, monkeypatch)
    shop.add("""
        - {layer: silver, name: eu_orders, description: As of shop_eu., grain: one, keys: [id],
           columns: [{name: id, type: bigint, description: Number.}]}
    """)
    tables = [shop.catalog()[f"silver.{name}"] for name in ("orders", "eu_orders")]
    shutil.copytree(shop.folder, shop.folder.with_name("shop_eu"))
    other = shop.folder.with_name("shop_eu") / "use_case.yaml"
    other.write_text(other.read_text().replace("name: shop", "name: shop_eu"))
    tables.append(Catalog(UseCase.load("shop_eu", get_settings()))["silver.orders"])
    for table in tables:
        write_deltalake(table.location.path, pa.table({"batch_date": [dt.date(2024, 1, 1)], "id": [1]}))
    assert set(published_tables(get_settings())) == {"silver.shop_orders"}
    clash = "silver.shop_eu_orders is the name of two tables, silver/shop/eu_orders and silver/shop_eu/orders: rename"
    assert clash in capsys.readouterr().err
    assert query("SELECT id FROM silver.shop_orders", get_settings()).num_rows == 1


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",  # a file
        "SELECT * FROM '/etc/passwd'",
        "INSTALL httpfs",  # an extension
        "COPY (SELECT 1) TO '/tmp/nightshift-should-not-exist'",
        "SET enable_external_access = true",
        "ATTACH '/tmp/nightshift-should-not-exist'",
        "SELECT * FROM tables",  # a name of our own code
        "CREATE TABLE mine AS SELECT 1",  # would be gone with the answer
        "SELECT 1; DROP VIEW bronze.flight_delays_airlines",
        "",
        "SELECT CAST(carrier AS int) FROM bronze.flight_delays_airlines",  # fails while it is answered
    ],
)
def test_nothing_else_can_be_read_or_written(airlines, statement):
    with pytest.raises(UsageError):
        query(statement, get_settings())
    assert not Path("/tmp/nightshift-should-not-exist").exists()


def test_an_unknown_table_is_answered_with_those_that_exist(airlines):
    with pytest.raises(NightshiftError, match=r"Published tables:\n  bronze.flight_delays_airlines"):
        query("SELECT * FROM gold.nothing", get_settings())


def test_output_as_csv_json_and_table(airlines):
    statement = "SELECT carrier, name, 0.25::DOUBLE AS share FROM bronze.flight_delays_airlines ORDER BY carrier"
    as_csv = CliRunner().invoke(sql, [statement, "--format", "csv"])
    assert list(csv.DictReader(io.StringIO(as_csv.output))) == [
        {"carrier": "9E", "name": "Endeavor", "share": "0.25"},
        {"carrier": "AA", "name": "", "share": "0.25"},
    ]
    as_json = CliRunner().invoke(sql, [statement, "--format", "json"])
    assert json.loads(as_json.output)[1] == {"carrier": "AA", "name": None, "share": 0.25}
    as_table = CliRunner().invoke(sql, [statement, "--max-rows", "1"])
    assert "Endeavor" in as_table.output
    assert "(2 rows, 1 not shown" in as_table.output


@pytest.fixture
def no_tables(home, tmp_path, monkeypatch):
    """No use case, whose declarations take longer to read than a query."""
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(tmp_path))
    get_settings.cache_clear()


def asked(form, statement):
    done = CliRunner().invoke(sql, [statement, "--format", form], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def cells(shown):
    """Headings and rows of a table, without its rule and the line that counts them."""
    lines = shown.replace("┃", "│").splitlines()[:-1]
    return [[each.strip() for each in line.split("│")] for line in lines if "━" not in line]


def test_columns_of_one_name_stay_columns_of_their_own(airlines):
    statement = "SELECT 1 AS a, 2 AS a, 3 AS b, 4 AS a_2"
    assert list(csv.reader(io.StringIO(asked("csv", statement)))) == [["a", "a", "b", "a_2"], ["1", "2", "3", "4"]]
    assert json.loads(asked("json", statement)) == [{"a": 1, "a_3": 2, "b": 3, "a_2": 4}]
    assert cells(asked("table", statement)) == [["a", "a", "b", "a_2"], ["1", "2", "3", "4"]]
    name = "bronze.flight_delays_airlines"
    joined = asked("json", f"SELECT one.*, other.* FROM {name} one JOIN {name} other USING (carrier)")
    assert list(json.loads(joined)[0]) == ["batch_date", "carrier", "name", "batch_date_2", "carrier_2", "name_2"]


def test_text_is_shown_as_it_is(no_tables):
    texts = ["[/b] closing", "[red]", ":smile:", "a\x1b[31m\u202e"]
    statement = "SELECT " + ", ".join(f"['{text}'] AS \"{text}\"" for text in texts)
    assert cells(asked("table", statement)) == [[plain(text) for text in texts]] * 2
    assert json.loads(asked("json", statement)) == [{text: [text] for text in texts}]
    found = list(csv.reader(io.StringIO(asked("csv", statement))))
    assert found[0] == texts
    assert [json.loads(each) for each in found[1]] == [[text] for text in texts]


# What DuckDB knows and JSON, Arrow or Python does not: as json has it.
ODD = {
    "'NaN'::DOUBLE": None,
    "[1.5, '-Infinity'::FLOAT]": [1.5, None],
    "9007199254740993": 9007199254740993,
    "sum(170141183460469231731687303715884105727::HUGEINT)": 170141183460469231731687303715884105727,
    "340282366920938463463374607431768211455::UHUGEINT": "340282366920938463463374607431768211455",
    "12.50::DECIMAL(9,2)": "12.50",
    "DATE '2013-10-01'": "2013-10-01",
    "'infinity'::TIMESTAMP": "infinity",
    "DATE '0044-03-15 (BC)'": "0044-03-15 (BC)",
    "{'until': 'infinity'::DATE}": "{'until': infinity}",
    "TIME '24:00:00'": "24:00:00",
    "INTERVAL 3 MONTH": "3 months",
    "'\\xAA'::BLOB": "\\xAA",
    "'101'::BIT": "101",
    "MAP {'k': 1}": [["k", 1]],
    "1::VARIANT": "1",
    "NULL": None,
}


def test_values_of_all_kinds_are_json_and_shown(no_tables):
    statement = f"SELECT {', '.join(f'{value} AS c{place}' for place, value in enumerate(ODD))}"
    (row,) = json.loads(asked("json", statement), parse_constant=pytest.fail)
    assert list(row.values()) == list(ODD.values())
    assert "infinity" in asked("table", statement)
    assert len(next(csv.reader(io.StringIO(asked("csv", statement))))) == len(ODD)


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_no_rows_are_an_answer(no_tables, form):
    shown = asked(form, "SELECT 1 AS one WHERE false")
    assert {"csv": shown == "one\n", "json": shown == "[]\n", "table": "(0 rows)" in shown}[form]


def test_what_is_too_wide_for_columns_is_shown_line_by_line_and_not_cut(no_tables):
    shown = asked("table", "SELECT 1 AS one, repeat('x', 20000) AS note UNION ALL SELECT 2, NULL")
    assert shown.splitlines() == [
        "row 1",
        "  one   1",
        f"  note  {'x' * 20000}",
        "row 2",
        "  one   2",
        "  note  –",
        "(2 rows)",
    ]


def test_a_person_can_interrupt_a_query(no_tables):
    interrupt = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        query("SELECT count(*) FROM range(10000000000) a, range(100000) b", get_settings())


def test_a_reader_that_has_enough_ends_the_answer_quietly(no_tables):
    command = [sys.executable, "-m", "nightshift", "sql", "--format", "csv", "SELECT * FROM range(3000000)"]
    asked = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert (asked.stdout.readline(), asked.stdout.readline()) == ("range\n", "0\n")
    asked.stdout.close()
    assert asked.stderr.read() == ""
    assert asked.wait() == 1


def test_without_a_query_the_tables_are_listed(airlines):
    assert "bronze.flight_delays_airlines" in CliRunner().invoke(sql, []).output
