"""What a declaration may say; that what it must not say is refused with words that name the place."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.tables import Column, Table
from nightshift.home.settings import get_settings


def column(name: str, type: str = "string", **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": type, "description": "", **fields}


def table(*columns: dict[str, Any], **fields: Any) -> Table:
    declared = {
        "use_case": "shop",
        "layer": "bronze",
        "name": "orders",
        "description": "",
        "grain": "",
        "keys": [columns[0]["name"]],
        "owner": "",
        "columns": columns,
        **fields,
    }
    return Table.model_validate(declared)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type": "int", "accepted": ["1"]}, "accepted and pattern are for strings"),
        ({"type": "date", "pattern": ".*"}, "accepted and pattern are for strings"),
        ({"accepted": []}, "at least one value"),
        ({"accepted": ["a", "b", "a"]}, "none twice"),
        ({"minimum": 1}, "minimum and maximum are for"),
        ({"type": "timestamp", "maximum": 1}, "minimum and maximum are for"),
        ({"type": "int", "minimum": 2, "maximum": 1}, "minimum 2 is over maximum 1"),
        ({"pattern": "[A-Z"}, "is not a regular expression"),
        ({"since": 2, "until": 2}, "until 2 must be over since 2"),
        ({"until": 1}, "until 1 must be over since 1"),
        ({"was": "older"}, "needs since"),
        ({"treatment": "drop"}, "give pii"),
        ({"type": "int", "pii": "identifier"}, "its type must be string"),
        ({"pii": "name", "treatment": "drop", "required": True}, "can't be required"),
    ],
)
def test_a_column_that_contradicts_itself_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Column.model_validate(column("it", **fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "int", "minimum": 1, "maximum": 1},
        {"pattern": r"\d+(?:a|b)"},
        {"type": "date", "pii": "other", "treatment": "drop"},
        {"since": 2, "until": 3, "was": "older"},
    ],
)
def test_what_is_unusual_and_sound_is_accepted(fields: dict[str, Any]) -> None:
    Column.model_validate(column("it", **fields))


SOURCE = {"file": "orders.csv", "format": "csv"}


@pytest.mark.parametrize(
    ("columns", "fields", "words"),
    [
        ([column("id"), column("id")], {}, "columns has id more than once"),
        ([column("id")], {"keys": ["number"]}, "keys: number is no column"),
        ([column("id"), column("batch_date", "date")], {"keys": ["id", "batch_date"]}, "batch_date is no column of it"),
        ([column("id", until=2)], {"version": 2}, "keys: id is no longer delivered"),
        ([column("id"), column("old", until=2, required=True)], {"version": 2}, "old is no longer delivered"),
        ([column("id"), column("new", since=2)], {}, "column new changes with a version after version 1"),
        (
            [column("id")],
            {"changed": [{"version": 2, "first": "2013-01-02"}]},
            "changed names a version after version 1",
        ),
        (
            [column("id")],
            {"version": 3, "changed": [{"version": v, "first": "2013-01-02"} for v in (2, 3)]},
            "later ones with later batch dates",
        ),
        ([column("id"), column("old", until=2)], {}, "column old changes with a version after version 1"),
        ([column("id"), column("new", since=2, was="old")], {"version": 2}, "was old, which is no column"),
        ([column("id"), column("old"), column("new", since=2, was="old")], {"version": 2}, "needs until: 2"),
        (
            [column("id"), column("old", until=2, pii="contact"), column("new", since=2, was="old")],
            {"version": 2},
            "both need the same pii",
        ),
        ([column("id")], {"layer": "silver", "source": SOURCE}, "only bronze tables have a source"),
        ([column("id")], {"rules": [{"name": "r", "must": "true", "why": ""}]}, "it has no source"),
        ([column("id", pii="identifier")], {"layer": "gold"}, "columns id: personal data ends in silver"),
        ([column("id")], {"source": {**SOURCE, "newest_by": "changed"}}, "newest_by: changed is no column that its"),
        ([column("id")], {"source": {**SOURCE, "newest_by": "id"}}, "newest_by: id is string; name a number, a date"),
        (
            [column("id"), column("at", "date", pii="other", treatment="drop")],
            {"source": {**SOURCE, "newest_by": "at"}},
            "newest_by: at is personal data",
        ),
        ([column("id")], {"source": {**SOURCE, "file": "a*b*.csv"}}, "source.file.file"),
        ([column("id")], {"source": {**SOURCE, "file": ".orders.csv"}}, "source.file.file"),
        ([column("id")], {"source": {"connection": "erp", "relation": "a.b.c"}}, "source.jdbc.relation"),
        ([column("id")], {"source": {"connection": "erp", "relation": 'a."b'}}, "source.jdbc.relation"),
        (
            [column("id")],
            {"source": {"connection": "erp", "relation": "orders", "date_column": "day", "partitions": 4}},
            "needs a partition_column",
        ),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(
    columns: list[dict[str, Any]], fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        table(*columns, **fields)


def test_a_message_about_a_source_names_the_fields_of_its_kind_only() -> None:
    with pytest.raises(ValidationError) as error:
        table(column("id"), source={"connection": "erp", "relation": "orders"})
    assert [fault["loc"] for fault in error.value.errors()] == [("source", "jdbc", "date_column")]


def test_a_file_holds_what_the_version_has_and_the_table_what_any_version_had() -> None:
    orders = table(
        column("id"),
        column("price", until=2),
        column("amount", since=2, was="price"),
        column("note", until=3),
        column("channel", since=3),
        column("record", "bigint", role="lineage"),
        version=3,
        source=SOURCE,
    )
    assert [each.name for each in orders.delivered_columns] == ["id", "amount", "channel"]
    assert orders.column_names == ["batch_date", "id", "price", "amount", "note", "channel", "record"]
    assert orders.ddl == (
        "batch_date date, `id` string, `price` string, `amount` string, `note` string, `channel` string, "
        "`record` bigint"
    )


def test_every_table_is_a_key() -> None:
    for use_case in find_use_cases(get_settings()).use_cases:
        tables = set(Catalog(use_case))
        assert tables
