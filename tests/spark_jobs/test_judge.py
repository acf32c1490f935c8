"""Records held against a declaration: every reason in words, and no value changed on the way."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from nightshift.tables import Source, Table
from spark_jobs.judge import judged

DATE = dt.date(2013, 1, 2)


def table(*columns: dict[str, Any], form: str = "csv", rules: tuple[dict[str, str], ...] = ()) -> Table:
    return Table.model_validate(
        {
            "use_case": "any",
            "layer": "bronze",
            "name": "things",
            "description": "things",
            "grain": "one row per thing",
            "keys": ["value"],
            "owner": "tests",
            "columns": [{"name": "value", "description": "a value", **column} for column in columns],
            "rules": rules,
            "source": Source(file="things.csv", format=form),
        }
    )


def judge(spark, declared: Table, *values: Any, kind: str = "string", faults: str = "") -> Any:
    schema = ", ".join(f"{column.name}: {kind}" for column in declared.columns)
    rows = [(DATE, "things.csv", 2, "raw", faults, values)]
    records = spark.createDataFrame(
        rows, f"batch_date date, file string, record bigint, raw string, faults string, fields struct<{schema}>"
    )
    return judged(records, declared).first()


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
    assert (row.reason, row.value) == ("", typed)


@pytest.mark.parametrize(
    ("declared", "value", "reason"),
    [
        ({"type": "int"}, "abc", "value: 'abc' is not an int"),
        ({"type": "int"}, "1.5", "value: '1.5' is not an int"),
        ({"type": "int"}, " 5 ", "value: ' 5 ' is not an int"),
        ({"type": "int"}, "99999999999", "value: '99999999999' is not an int"),
        ({"type": "double"}, "1d", "value: '1d' is not a double"),
        ({"type": "double"}, "NaN", "value: 'NaN' is not a double"),
        ({"type": "double"}, "1e999", "value: '1e999' is not a finite number"),
        ({"type": "boolean"}, "yes", "value: 'yes' is not a boolean"),
        ({"type": "date"}, "2013-02-29", "value: '2013-02-29' is not a date"),
        ({"type": "date"}, "2013-2-1", "value: '2013-2-1' is not a date"),
        ({"type": "timestamp"}, "2013-01-02 03:04:05", "is not a timestamp like 2013-10-01T12:00:00Z"),
        ({"type": "string", "required": True}, None, "value: is missing"),
        ({"type": "string", "accepted": ["EWR", "JFK"]}, "XXX", "value: 'XXX' is not one of EWR, JFK"),
        ({"type": "string", "pattern": "[A-Z]{2}"}, "ABC", "value: 'ABC' does not match [A-Z]{2}"),
        ({"type": "string", "pattern": "[A-Z]{2}"}, "AB\n", "does not match [A-Z]{2}"),
        ({"type": "int", "maximum": 2880}, "5000", "value: '5000' is over 2880"),
        ({"type": "int", "minimum": 0}, "-1", "value: '-1' is under 0"),
        ({"type": "double", "maximum": 0.5}, "0.6", "value: '0.6' is over 0.5"),
    ],
)
def test_what_breaks_a_declaration_is_said_in_words(spark, declared: dict, value: str | None, reason: str) -> None:
    assert reason in judge(spark, table(declared), value).reason


def test_all_reasons_of_a_row_are_given(spark) -> None:
    declared = table({"type": "int", "name": "flight"}, {"type": "string", "accepted": ["EWR"], "name": "origin"})
    row = judge(spark, declared, "abc", "XXX")
    assert row.reason == "flight: 'abc' is not an int; origin: 'XXX' is not one of EWR"


def test_a_record_that_could_not_be_parsed_has_that_reason_alone(spark) -> None:
    row = judge(spark, table({"type": "int", "required": True}), None, faults="is a blank line")
    assert row.reason == "is a blank line"


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
    assert judge(spark, table({"type": "date"}, rules=(RULE,)), value).reason == reason


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
    assert row.reason == reason
