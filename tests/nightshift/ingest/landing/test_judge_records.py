"""Records checked against a declaration: every reason in words, and no value changed on the way."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from nightshift.declarations.source import FileSource
from nightshift.declarations.tables import Table
from nightshift.ingest.landing.judge_records import judged, waivable_findings
from tests.declaring import a_table

DATE = dt.date(2013, 1, 2)
RECORDS = (
    "batch_date date, file string, file_sha256 string, record bigint, raw string, faults string, fault_rules string, "
    "extra string, _version int"
)


def table(
    *columns: dict[str, Any], form: str = "csv", rules: tuple[dict[str, str], ...] = (), version: int = 1
) -> Table:
    declared = [{"name": "value", "description": "a value", **column} for column in columns]
    source = FileSource(file="things.csv", format=form)
    of_source = {"layer": "bronze", "source": source, "keys": [declared[-1]["name"]]}
    return a_table(*declared, **of_source, rules=rules, version=version)


def judge(
    spark, declared: Table, *values: Any, kind: str = "string", faults: str = "", rules: str = "", version: int = 1
) -> Any:
    return judge_all(spark, declared, (version, *values), kind=kind, faults=faults, rules=rules)[0]


def judge_all(
    spark, declared: Table, *records: tuple, kind: str = "string", faults: str = "", rules: str = ""
) -> list[Any]:
    """Judged records, each given as the version of its file and its values."""
    schema = ", ".join(f"{column.name}: {kind}" for column in declared.columns)
    rows = [
        (DATE, "things.csv", "a" * 64, number, "raw", faults, rules, None, version, values)
        for number, (version, *values) in enumerate(records, start=2)
    ]
    made = spark.createDataFrame(rows, f"{RECORDS}, fields struct<{schema}>").coalesce(1)
    return judged(made, declared).orderBy("record").collect()


@pytest.mark.parametrize(
    ("declared", "value", "typed"),
    [
        ({"type": "int"}, "-7", -7),
        ({"type": "int"}, None, None),
        ({"type": "bigint"}, "9999999999", 9999999999),
        ({"type": "double"}, "1e3", 1000.0),
        ({"type": "double"}, "41.1304722", 41.1304722),
        ({"type": "boolean"}, "false", False),
        ({"type": "date"}, "2013-02-28", dt.date(2013, 2, 28)),
        ({"type": "timestamp"}, "2013-01-02T03:04:05Z", dt.datetime(2013, 1, 2, 3, 4, 5)),
        ({"type": "string"}, " text ", " text "),
        ({"type": "string", "pattern": "[A-Z]{2}"}, "AB", "AB"),
        ({"type": "int", "minimum": 0, "maximum": 5}, "5", 5),
    ],
)
def test_sound_values_are_typed_as_they_are(spark, declared: dict, value: str | None, typed: Any) -> None:
    row = judge(spark, table(declared), value)
    assert (row["_rules"], row["_reason"], row["_raw"], row.value) == ("", "", None, typed)


@pytest.mark.parametrize(
    ("declared", "value", "reason", "kind"),
    [
        ({"type": "int"}, "abc", "value: 'abc' is not an int", "type"),
        ({"type": "int"}, "1.5", "value: '1.5' is not an int", "type"),
        ({"type": "int"}, " 5 ", "value: ' 5 ' is not an int", "type"),
        ({"type": "int"}, "99999999999", "value: '99999999999' is not an int", "type"),
        ({"type": "double"}, "1d", "value: '1d' is not a double", "type"),
        ({"type": "double"}, "NaN", "value: 'NaN' is not a double", "type"),
        ({"type": "double"}, "1e999", "value: '1e999' is not a finite number", "finite"),
        ({"type": "boolean"}, "yes", "value: 'yes' is not a boolean", "type"),
        ({"type": "date"}, "2013-02-29", "value: '2013-02-29' is not a date", "type"),
        ({"type": "date"}, "2013-2-1", "value: '2013-2-1' is not a date", "type"),
        ({"type": "timestamp"}, "2013-01-02 03:04:05", "is not a timestamp like 2013-10-01T12:00:00Z", "type"),
        ({"type": "string", "required": True}, None, "value: is missing", "required"),
        ({"type": "string", "accepted": ["EWR", "JFK"]}, "XXX", "value: 'XXX' is not one of EWR, JFK", "accepted"),
        ({"type": "string", "pattern": "[A-Z]{2}"}, "ABC", "value: 'ABC' does not match [A-Z]{2}", "pattern"),
        ({"type": "string", "pattern": "[A-Z]{2}"}, "AB\n", "does not match [A-Z]{2}", "pattern"),
        ({"type": "int", "maximum": 2880}, "5000", "value: '5000' is over 2880", "maximum"),
        ({"type": "int", "minimum": 0}, "-1", "value: '-1' is under 0", "minimum"),
        ({"type": "double", "maximum": 0.5}, "0.6", "value: '0.6' is over 0.5", "maximum"),
    ],
)
def test_what_breaks_a_declaration_is_named_and_said(
    spark, declared: dict, value: str | None, reason: str, kind: str
) -> None:
    row = judge(spark, table(declared), value)
    assert reason in row["_reason"]
    assert (row["_rules"], row["_raw"]) == (f"value.{kind}", "raw")


def test_all_reasons_of_a_row_are_given(spark) -> None:
    declared = table({"type": "int", "name": "flight"}, {"type": "string", "accepted": ["EWR"], "name": "origin"})
    row = judge(spark, declared, "abc", "XXX")
    assert row["_reason"] == "flight: 'abc' is not an int; origin: 'XXX' is not one of EWR"
    assert row["_rules"] == "flight.type,origin.accepted"


def test_a_record_that_could_not_be_parsed_has_that_reason_alone(spark) -> None:
    row = judge(spark, table({"type": "int", "required": True}), None, faults="is a blank line", rules="blank")
    assert (row["_reason"], row["_rules"]) == ("is a blank line", "blank")


def test_columns_may_be_called_like_those_of_the_judge(spark) -> None:
    names = ("reason", "rules", "raw", "fields", "faults", "status", "decision", "source")
    declared = table(*({"type": "string", "name": name} for name in names))
    row = judge(spark, declared, *names)
    assert [row[name] for name in names] == list(names)
    assert row["_rules"] == ""


def test_what_came_with_a_later_version_is_not_missed_in_files_of_before(spark) -> None:
    rule = {"name": "second_is_first", "must": "second = first", "why": "They are equal."}
    columns = ({"type": "string", "name": "first"}, {"type": "string", "name": "second", "required": True, "since": 2})
    declared = table(*columns, rules=(rule,), version=2)
    rows = judge_all(spark, declared, (1, "a", None), (2, "a", None), (2, "a", "b"))
    assert [row["_rules"] for row in rows] == ["", "second.required", "second_is_first"]
    # Published rows, as an audit reads them, do not tell their version.
    published = spark.createDataFrame([("a", None), ("a", "a"), ("a", "b")], "first string, second string")
    (finding,) = waivable_findings(declared)
    assert [row[0] for row in published.select(finding.name).collect()] == [None, None, "second_is_first"]


def test_a_renamed_column_is_judged_in_files_of_before(spark) -> None:
    rule = {"name": "goes_elsewhere", "must": "place <> 'EWR'", "why": "Nobody flies in circles."}
    declared = table(
        {"type": "string", "name": "dest", "until": 2},
        {"type": "string", "name": "destination", "since": 2, "until": 3, "was": "dest"},
        {"type": "string", "name": "place", "since": 3, "was": "destination", "required": True, "pattern": "[A-Z]+"},
        rules=(rule,),
        version=3,
    )
    of_first = [(1, value, None, None) for value in ("IAH", None, "EWR", "iah")]
    rows = judge_all(spark, declared, *of_first, (2, None, "MIA", None), (3, None, None, None))
    assert [(row["place"], row["_rules"]) for row in rows] == [
        ("IAH", ""),
        (None, "place.required"),
        ("EWR", "goes_elsewhere"),
        ("iah", "place.pattern"),
        ("MIA", ""),
        (None, "place.required"),
    ]
    assert rows[3]["_reason"] == "place: 'iah' does not match [A-Z]+"


def test_older_values_of_a_retyped_column_are_null_where_they_can_not_be_cast(spark) -> None:
    rule = {"name": "is_positive", "must": "number > 0", "why": "Numbers are counted."}
    columns = ({"type": "string", "name": "code", "until": 2}, {"type": "int", "name": "number", "since": 2})
    declared = table(columns[0], {**columns[1], "was": "code"}, rules=(rule,), version=2)
    rows = judge_all(spark, declared, (1, "A1", None), (1, "007", None), (1, "-7", None), (2, None, "A1"))
    assert [(row["code"], row["number"], row["_rules"]) for row in rows] == [
        ("A1", None, ""),
        ("007", 7, ""),
        ("-7", -7, "is_positive"),
        (None, None, "number.type"),
    ]
    published = spark.createDataFrame([("A1", None), ("-7", -7)], "code string, number int")
    (finding,) = waivable_findings(declared)
    assert [row[0] for row in published.select(finding.name).collect()] == [None, "is_positive"]
    required = table(columns[0], {**columns[1], "was": "code", "required": True}, version=2)
    assert judge(spark, required, "A1", None)["_rules"] == "number.required"


def test_values_of_persons_are_not_shown(spark) -> None:
    declared = table(
        {"type": "string", "name": "email", "pattern": ".+@.+", "pii": "contact"},
        {"type": "int", "name": "age", "maximum": 120},
        {"type": "string", "name": "city", "accepted": ["Turin"]},
    )
    row = judge(spark, declared, "ada", "200", "Turin")
    assert row["_reason"] == "email: '***' does not match .+@.+; age: '200' is over 120"
    # A city in the place of an age: then an address may stand in the place of a city.
    row = judge(spark, declared, "a@b", "Turin", "ada@example.org")
    assert row["_reason"] == "age: '***' is not an int; city: '***' is not one of Turin"
    assert row["_raw"] == "withheld: see record 2 of things.csv"


RULE = {"name": "value_is_of_the_day", "must": "value = batch_date", "why": "A delivery holds its own date only."}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2013-01-02", ""),
        ("2013-01-03", "value_is_of_the_day: A delivery holds its own date only."),
        (None, "value_is_of_the_day: A delivery holds its own date only."),
        ("abc", "value: 'abc' is not a date"),
    ],
    ids=["held", "broken", "null has failed", "not judged on unsound values"],
)
def test_rules_between_columns(spark, value: str | None, reason: str) -> None:
    assert judge(spark, table({"type": "date"}, rules=(RULE,)), value)["_reason"] == reason


def test_rules_between_columns_are_judged_beside_bounds_that_can_be_waived(spark) -> None:
    rule = {"name": "is_even", "must": "value % 2 = 0", "why": "Halves are shared."}
    declared = table({"type": "int", "maximum": 10}, rules=(rule,))
    assert judge(spark, declared, "13")["_rules"] == "value.maximum,is_even"
    assert judge(spark, declared, "12")["_rules"] == "value.maximum"
    assert judge(spark, declared, "x")["_rules"] == "value.type"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (1048.36058, "value: '1048.36058' is over 200"),
        (float("nan"), "value: 'NaN' is not a finite number"),
        (float("inf"), "value: 'Infinity' is not a finite number; value: 'Infinity' is over 200"),
        (12.5, ""),
    ],
)
def test_typed_values_of_parquet_are_judged_too(spark, value: float, reason: str) -> None:
    row = judge(spark, table({"type": "double", "maximum": 200}, form="parquet"), value, kind="double")
    assert row["_reason"] == reason
