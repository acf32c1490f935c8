"""What of a declaration a suite asks for."""

from __future__ import annotations

import pytest

from expectations.declared_checks import declared
from nightshift.declarations.source import FileSource
from tests.declaring import a_table, column


@pytest.mark.parametrize(
    ("layer", "never_null"),
    [("bronze", {"gate", "destination"}), ("silver", {"gate", "destination", "airline"})],
    ids=["dates of before the column came can be landed again", "each slice has the newest form"],
)
def test_required_columns_are_asked_for_where_every_row_must_have_them(layer: str, never_null: set[str]) -> None:
    table = a_table(
        column("gate", required=True),
        column("dest", until=2),
        column("destination", since=2, was="dest", required=True),
        column("airline", since=2, required=True),
        layer=layer,
        version=2,
        source=FileSource(file="gates.csv", format="csv") if layer == "bronze" else None,
    )
    asked = {each.meta["name"] for each in declared(table, None)}
    assert {name for name in asked if name.endswith("_is_not_null")} == {f"{name}_is_not_null" for name in never_null}
