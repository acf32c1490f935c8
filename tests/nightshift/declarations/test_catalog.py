"""Declarations are found, and what is wrong between them is named with file, table and column."""

from __future__ import annotations

import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.sql_checks import check_sql
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from tests.declaring import Shop

TOTALS_BY_DBT = """
    models:
      - name: shop_totals
        description: Totals.
        config: {meta: {layer: gold, grain: one row per day, keys: [day]}}
        columns:
          - {name: batch_date, data_type: date, description: Day.}
          - {name: day, data_type: string, description: Day.}
          - {name: total, data_type: double, config: {meta: {role: feature, unit: euro}}}
"""
GOLD = """
    - layer: gold
      name: totals
      description: Totals.
      grain: one row per day
      keys: [day]
      columns: [{name: day, type: string, description: Day.}]
"""
RETURNS = """
    - layer: bronze
      name: returns
      description: Returns.
      grain: one row per return
      keys: [id]
      source: {file: "FILE", format: csv}
      columns: [{name: id, type: bigint, required: true, description: Order.}]
"""
SNAPSHOT = "source: {file: orders.csv, format: csv, required: false}"


def test_landed_tables_have_the_columns_that_say_where_a_row_is_from(shop: Shop) -> None:
    catalog = shop.catalog()
    assert catalog["bronze.orders"].column_names == [
        *("batch_date", "id", "amount", "is_returned"),
        *("file", "file_sha256", "record", "extra"),
    ]
    assert [each.name for each in catalog["bronze.orders"].delivered_columns] == ["id", "amount", "is_returned"]
    assert catalog["silver.orders"].column_names == ["batch_date", "id", "amount"]
    assert "bronze.quarantine" in catalog
    assert catalog["silver.orders"].owner == "orders-team"


def test_every_column_of_every_use_case_says_what_it_means() -> None:
    silent = [
        f"{table.full_name}.{column.name}"
        for use_case in find_use_cases(get_settings()).use_cases
        for table in Catalog(use_case)
        for column in table.columns
        if not column.description.strip() or not table.description.strip() or not table.grain.strip()
    ]
    assert silent == []


def test_the_sql_of_every_use_case_is_sound() -> None:
    for use_case in find_use_cases(get_settings()).use_cases:
        check_sql(Catalog(use_case))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("type: double, minimum: 0", "type: doubel", "bronze.orders, column amount: type: "),
        ("minimum: 0", "pattern: a", "bronze.orders, column amount: accepted and pattern are for strings"),
        ("{name: amount, type: double, min", "{name: record, type: double, min", "column record: the name is reserved"),
        ("is_returned", "reason", "bronze.orders, column reason: the name is reserved"),
        ("is_returned", "batch_date", "bronze.orders, column batch_date: the name is reserved"),
        (
            "{name: amount, type: double, des",
            "{name: record, type: double, des",
            "silver.orders, column record: the name",
        ),
        ("{name: amount, ", "{", "bronze.orders, column number 2: name: is missing"),
        ("grain: one", "grian: one", "bronze.orders: grian: there is no such field: is `grain` meant?"),
        ("keys: [id]", "keys: [number]", "bronze.orders: keys: number is no column"),
        ("bigint, required: true", "bigint", "bronze.orders: column id: it is a key, so it must be required"),
        ("id, type: bigint", "id, type: double", "column id: it is a key, and equality of doubles"),
        ("format: csv}", "format: xml}", "bronze.orders: source: format: "),
        ("source: {file: orders.csv, format: csv}", "version: 1", "bronze.orders: a bronze table is what a delivery"),
        ("tables:", "tabels:", "must hold a list of tables"),
        ("    columns:", "    column:", "a table is a mapping with a list of columns"),
        (
            "grain: one",
            "retention_days: 7\n    grain: one",
            "retention_days: 7 is not over 7, which nightly.lookback_days",
        ),
        ("grain: one", "unique_for_days: 9\n    retention_days: 9\n    grain: one", "which unique_for_days reads back"),
    ],
)
def test_a_wrong_declaration_is_named(shop: Shop, old: str, new: str, words: str) -> None:
    with pytest.raises(NightshiftError) as error:
        shop.change(old, new).catalog()
    assert words in str(error.value)
    assert str(shop.folder / "tables.yaml") in str(error.value)


def test_all_faults_of_a_table_are_named_at_once(shop: Shop) -> None:
    shop.change("type: double, minimum: 0", "type: text").change("bigint, required: true", "long, required: true")
    with pytest.raises(NightshiftError, match=r"(?s)column id: type.*orders, column amount: type"):
        shop.catalog()


def test_two_tables_of_one_name_are_refused_with_both_places(shop: Shop) -> None:
    shop.add(GOLD).model({"totals.yml": TOTALS_BY_DBT})
    with pytest.raises(NightshiftError, match=r"totals.yml, line 3: declares gold.totals, a second time; .*yaml, l"):
        shop.catalog()


@pytest.mark.parametrize("file", ["orders.csv", "orders*.csv", "*"])
def test_a_file_that_two_sources_claim_is_refused(shop: Shop, file: str) -> None:
    with pytest.raises(NightshiftError, match=r"bronze.returns: source: file: .* of bronze.orders could be the same"):
        shop.add(RETURNS.replace("FILE", file)).catalog()


def test_sources_of_different_files_are_accepted(shop: Shop) -> None:
    catalog = shop.add(RETURNS.replace("FILE", "returns_*.csv")).catalog()
    assert [table.name for table in catalog.sources] == ["orders", "returns"]


def test_a_table_that_dbt_computes_is_declared_beside_its_model(shop: Shop) -> None:
    totals = shop.model({"totals.yml": TOTALS_BY_DBT}).catalog()["gold.totals"]
    assert totals.column_names == ["batch_date", "day", "total"]
    assert totals.features[0].unit == "euro"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("data_type: double", "data_type: float", "gold.totals, column total: type"),
        ("data_type: double, ", "", "gold.totals, column total: type: is missing"),
        ("role: feature", "role: feature, pii: financial", "gold.totals, column total: "),
        ("double, config: {meta: {role: feature", "int, config: {meta: {role: feature", "a feature is a double"),
        ("role: feature", "role: feature, categorical: true", "categorical is for features of type string"),
        ("grain: one row per day", "grain: x, retention_days: 90", "is not over 90, which training.history_days"),
    ],
)
def test_a_wrong_declaration_beside_a_model_is_named(shop: Shop, old: str, new: str, words: str) -> None:
    assert old in TOTALS_BY_DBT
    with pytest.raises(NightshiftError) as error:
        shop.model({"totals.yml": TOTALS_BY_DBT.replace(old, new)}).catalog()
    assert words in str(error.value)
    assert str(shop.models / "totals.yml") in str(error.value)


def test_a_mart_needs_an_agreement(shop: Shop) -> None:
    with pytest.raises(NightshiftError, match=r"gold.totals: agrees_with: a mart needs at least one agreement"):
        shop.add(GOLD).catalog()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("columns: [", "agrees_with: [{name: all, why: w, table: silver.orders}]\n      columns: ["),
        ("name: totals", "name: scores"),
    ],
)
def test_a_mart_with_an_agreement_and_scores_are_accepted(shop: Shop, old: str, new: str) -> None:
    assert shop.add(GOLD.replace(old, new)).catalog().layer("gold")


@pytest.mark.parametrize("code", [None, "def orders(orders, returns):\n    return orders\n"])
def test_a_snapshot_is_not_refined(shop: Shop, code: str | None) -> None:
    shop.change("source: {file: orders.csv, format: csv}", SNAPSHOT)
    if code is not None:
        (shop.folder / "refine.py").write_text(code)
    with pytest.raises(NightshiftError, match=r"silver.orders: it is refined from bronze.orders, whose source has"):
        shop.catalog()


def test_a_snapshot_is_joined(shop: Shop) -> None:
    shop.change("source: {file: orders.csv, format: csv}", SNAPSHOT)
    (shop.folder / "refine.py").write_text("def orders(returns, orders):\n    return returns\n")
    assert shop.add(RETURNS.replace("FILE", "returns.csv")).catalog()["silver.orders"]


def test_code_that_is_not_python_is_named_with_its_line(shop: Shop) -> None:
    shop.change("source: {file: orders.csv, format: csv}", SNAPSHOT)
    (shop.folder / "refine.py").write_text("\ndef orders(orders:\n")
    with pytest.raises(NightshiftError, match=r"refine.py, line 2, is not valid Python"):
        shop.catalog()


@pytest.mark.parametrize(
    ("agreement", "words"),
    [
        ("table: bronze.order", "agreement same: there is no table bronze.order; there are bronze.orders"),
        ("table: silver.orders", "agreement same: it compares a slice with itself"),
    ],
)
def test_an_agreement_needs_another_table(shop: Shop, agreement: str, words: str) -> None:
    with pytest.raises(NightshiftError, match=words):
        agreeing(shop, agreement)


def agreeing(shop: Shop, agreement: str) -> Catalog:
    listed = f"    agrees_with: [{{name: same, why: w, {agreement}}}]\n"
    return shop.change(
        "    name: orders\n    description: Orders of the day, once each.\n",
        f"    name: orders\n    description: Once each.\n{listed}",
    ).catalog()
