"""`nightshift sql` reads published tables, and nothing else."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake

from nightshift.catalog import Catalog
from nightshift.commands.sql import sql
from nightshift.errors import NightshiftError
from nightshift.query import published_tables, query
from nightshift.use_case import UseCase


@pytest.fixture
def airlines(home):
    table = Catalog(UseCase.load("flight_delays"))["bronze.airlines"]
    rows = {"batch_date": [dt.date(2013, 1, 1)] * 2, "carrier": ["9E", "AA"], "name": ["Endeavor", None]}
    write_deltalake(table.path, pa.table(rows), partition_by=["batch_date"])
    return table


def test_published_tables_are_found_by_name(airlines):
    rows = query("SELECT carrier FROM bronze.flight_delays_airlines WHERE batch_date = DATE '2013-01-01' ORDER BY 1")
    assert rows.to_pylist() == [{"carrier": "9E"}, {"carrier": "AA"}]


def test_tables_are_joined(airlines):
    name = "bronze.flight_delays_airlines"
    rows = query(f"SELECT one.name FROM {name} AS one JOIN {name} AS other USING (carrier) WHERE carrier = '9E'")
    assert rows.to_pylist() == [{"name": "Endeavor"}]


def test_tables_of_one_name_in_two_layers_are_kept_apart(home):
    catalog = Catalog(UseCase.load("flight_delays"))
    for layer, stations in (("bronze", ["EWR", "JFK"]), ("silver", ["LGA"])):
        rows = {"batch_date": [dt.date(2013, 1, 2)] * len(stations), "origin": stations}
        write_deltalake(catalog[f"{layer}.weather"].path, pa.table(rows), partition_by=["batch_date"])
    both = query(
        "SELECT 'landed' AS kind, origin FROM bronze.flight_delays_weather UNION ALL "
        "SELECT 'refined', origin FROM silver.flight_delays_weather ORDER BY ALL"
    )
    assert [tuple(row.values()) for row in both.to_pylist()] == [
        *(("landed", "EWR"), ("landed", "JFK")),
        ("refined", "LGA"),
    ]


def test_two_tables_of_one_name_are_refused(home, monkeypatch):
    use_case = UseCase.load("flight_delays")
    monkeypatch.setattr(UseCase, "load_all", lambda: [use_case, use_case])
    with pytest.raises(NightshiftError, match=r"bronze\.\w+ is the name of two tables, bronze/flight_delays/\w+ and"):
        published_tables()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",  # a file
        "SELECT * FROM '/etc/passwd'",
        "INSTALL httpfs",  # an extension
        "COPY (SELECT 1) TO '/tmp/nightshift-should-not-exist'",
        "SET enable_external_access = true",
    ],
)
def test_nothing_else_can_be_read_or_written(airlines, statement):
    with pytest.raises(NightshiftError):
        query(statement)


def test_an_unknown_table_is_answered_with_those_that_exist(airlines):
    with pytest.raises(NightshiftError, match=r"Published tables:\n  bronze.flight_delays_airlines"):
        query("SELECT * FROM gold.nothing")


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


def test_without_a_query_the_tables_are_listed(airlines):
    assert "bronze.flight_delays_airlines" in CliRunner().invoke(sql, []).output
