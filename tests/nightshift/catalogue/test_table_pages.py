"""The reference pages of the tables are written from their declarations."""

from __future__ import annotations

import re

import duckdb
import pytest

from nightshift.catalogue import table_pages as table_reference
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.table_inputs import derivations
from nightshift.declarations.tables import REASONS
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from tests.declaring import Shop

REASONS_OF_DUCKDB = "struct(feature varchar, value varchar, contribution double, phrase varchar)[]"


def page(shop: Shop, name: str) -> str:
    catalog = shop.catalog()
    return table_reference.page(catalog[name], catalog, derivations(catalog))


def test_a_page_says_what_was_declared(shop: Shop) -> None:
    shop.change("source:", "retention_days: 40\n    freshness_hours: 30\n    consumers: [shipping]\n    source:")
    shop.change("description: It came back.}", "pii: other, treatment: drop, description: It came back.}")
    text = page(shop, "bronze.orders")
    for line in (
        "# bronze.shop_orders",
        "| **Grain** | one row per order |",
        "| **Owner** | orders-team |",
        "| **Used by** | shipping |",
        "| **To be kept** | 40 days |",
        "| **Fresh** | newest batch date at most 30 hours old, from its midnight (Europe/Berlin) |",
        "| **Arrives as** | `orders.csv` (csv), with every delivery |",
        "| **Read by** | [silver.shop_orders](silver.orders.md) |",
        "| `id` | bigint |  | never | Number of the order. |  |",
        "| `amount` | double | euro | may be | What it costs. | 0 or more |",
        "| `is_returned` | boolean |  | may be | It came back. | other: stored as null, from landing on |",
    ):
        assert line in text.splitlines(), line


def test_a_page_tells_how_a_column_changed(shop: Shop) -> None:
    old = "{name: amount, type: double, minimum: 0, unit: euro, description: What it costs.}"
    shop.change(
        old,
        "{name: price, type: double, until: 2, description: Old name.}\n"
        "      - {name: amount, type: double, since: 2, was: price, description: What it costs.}",
    ).change("source:", "version: 2\n    source:")
    text = page(shop, "bronze.orders")
    assert "| Old name. | not delivered from version 2 on |" in text
    assert "| What it costs. | since version 2; before, it was `price` |" in text
    assert "| **Version** | 2 |" in text


def test_every_link_of_the_committed_pages_leads_somewhere() -> None:
    broken = [
        f"{page}: {target}"
        for page in get_settings().use_cases_dir.glob("*/pages/**/*.md")
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("use_case", find_use_cases(get_settings()).use_cases, ids=lambda use_case: use_case.name)
def test_every_example_query_runs(use_case: UseCase) -> None:
    catalog = Catalog(use_case)
    connection = duckdb.connect(":memory:")
    for table in catalog:
        columns = table.ddl.replace(REASONS, REASONS_OF_DUCKDB).replace(" string", " varchar")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.layer}")
        connection.execute(f"CREATE TABLE {table.full_name} ({columns})")
        assert connection.execute(table_reference.example(table, catalog)).fetchall() == []


def test_a_page_of_a_table_that_is_gone_is_removed(shop: Shop) -> None:
    shop.catalog()
    pages = shop.folder / "pages" / "tables"
    table_reference.generated(get_settings()).write()
    silver = pages / "silver.orders.md"
    assert silver.is_file()
    shop.change("  - layer: silver\n    name: orders", "  - layer: silver\n    name: purchases").catalog()
    assert table_reference.generated(get_settings()).stale()
    table_reference.generated(get_settings()).write()
    assert not silver.exists()
    assert "purchases" in (pages / "README.md").read_text()
