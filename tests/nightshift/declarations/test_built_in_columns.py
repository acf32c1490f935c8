"""What a use case need not declare, and may not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from deltalake import Schema

from nightshift.declarations.tables import REASONS
from nightshift.errors import NightshiftError
from nightshift.lake.delta_log import delta_schema
from tests.declaring import Shop

SCORES = """
  - layer: gold
    name: scores
    description: Whether each order comes back.
    grain: one row per order
    keys: [id]
    columns:
      - {name: id, type: bigint, required: true, description: Number.}
      - {name: city, type: string, description: Where to.}
"""
EXPLANATION = ["base_contribution", "reasons", "other_contribution", "model_name", "model_version", "feature_version"]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(tmp_path, monkeypatch).add(SCORES)


def as_regression(shop: Shop) -> Shop:
    path = shop.folder / "use_case.yaml"
    text = path.read_text().replace(", costs: {false_alarm: 1, missed: 3}", "") + "task: regression\n"
    path.write_text(text)
    return shop


def test_scores_have_the_columns_of_their_task(shop: Shop) -> None:
    assert shop.catalog()["gold.scores"].column_names == [
        *("batch_date", "id", "city"),
        *("raw_score", "probability", "decision", "threshold"),
        *EXPLANATION,
    ]
    assert as_regression(shop).catalog()["gold.scores"].column_names == [
        *("batch_date", "id", "city"),
        *("raw_score", "value", "lower", "upper"),
        *EXPLANATION,
    ]


def test_the_event_is_named_by_the_target(shop: Shop) -> None:
    columns = {column.name: column for column in shop.catalog()["gold.scores"].columns}
    assert "orders.is_returned" in columns["probability"].description
    assert (columns["decision"].accepted, columns["probability"].maximum) == (("warn", "none"), 1)


@pytest.mark.parametrize("name", ["probability", "reasons", "model_version"])
def test_what_is_built_in_may_not_be_declared(shop: Shop, name: str) -> None:
    shop.change("name: city", f"name: {name}")
    with pytest.raises(NightshiftError, match=rf"gold.scores, column {name}: every binary score has it"):
        shop.catalog()


def test_names_of_another_task_are_free(shop: Shop) -> None:
    assert "value" in shop.change("name: city", "name: value").catalog()["gold.scores"].column_names


def test_reasons_are_for_gold_tables_only(shop: Shop) -> None:
    shop.change("{name: amount, type: double, description", f"{{name: amount, type: '{REASONS}', description")
    with pytest.raises(NightshiftError, match="only gold tables have reasons"):
        shop.catalog()


def test_the_delta_schema_of_reasons_is_a_list_of_structs(shop: Shop) -> None:
    schema = Schema.from_json(delta_schema(shop.catalog()["gold.scores"]))
    reasons = next(field for field in json.loads(schema.to_json())["fields"] if field["name"] == "reasons")
    fields = {field["name"]: field["type"] for field in reasons["type"]["elementType"]["fields"]}
    assert fields == {"feature": "string", "value": "string", "contribution": "double", "phrase": "string"}
