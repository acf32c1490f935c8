"""A small use case in a folder of its own, declared by the test that needs it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Column, Table
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from tests.in_home import TableInHome

USE_CASE = """
name: shop
title: Returned orders
description: Whether an order comes back.
owner: orders-team
timezone: Europe/Berlin
country: DE
dates: {first: 2024-01-01}
nightly: {lookback_days: 7}
target: {cases: orders, table: orders, column: is_returned}
training: {history_days: 90, costs: {false_alarm: 1, missed: 3}}
"""
# One source, the silver table that is made from it, and a gold table.
TABLES = """
tables:
  - layer: bronze
    name: orders
    description: Orders of the day.
    grain: one row per order
    keys: [id]
    source: {file: orders.csv, format: csv}
    columns:
      - {name: id, type: bigint, required: true, description: Number of the order.}
      - {name: amount, type: double, minimum: 0, unit: euro, description: What it costs.}
      - {name: is_returned, type: boolean, description: It came back.}
  - layer: silver
    name: orders
    description: Orders of the day, once each.
    grain: one row per order
    keys: [id]
    columns:
      - {name: id, type: bigint, required: true, description: Number of the order.}
      - {name: amount, type: double, description: What it costs.}
"""


class Shop:
    """The use case ``shop`` below a folder; its declarations can be changed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "use_cases" / "shop"
        self.models = self.folder / "dbt" / "models"
        self.models.mkdir(parents=True)
        monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(self.folder.parent))
        get_settings.cache_clear()
        (self.folder / "use_case.yaml").write_text(USE_CASE)
        self.tables = TABLES

    def change(self, old: str, new: str) -> Shop:
        """Replace a piece of the declarations, which must be there once or more."""
        assert old in self.tables, old
        self.tables = self.tables.replace(old, new)
        return self

    def add(self, text: str) -> Shop:
        """Append tables, written with any indentation."""
        self.tables += textwrap.indent(textwrap.dedent(text), "  ")
        return self

    def model(self, files: Mapping[str, str]) -> Shop:
        """Write dbt's files, by name."""
        for name, text in files.items():
            (self.models / name).write_text(textwrap.dedent(text))
        return self

    def catalog(self) -> Catalog:
        """Read the declarations as they are now."""
        (self.folder / "tables.yaml").write_text(self.tables)
        return Catalog(UseCase.load("shop", get_settings()))


def a_table(*columns: Any, **more: Any) -> Table:
    """A table of these columns, declared or as mappings; its key is the first of them, unless it is said otherwise."""
    first = columns[0]
    about = {"use_case": "any", "layer": "silver", "name": "things", "description": "Things.", "owner": "tests"}
    key = first["name"] if isinstance(first, Mapping) else first.name
    return TableInHome.model_validate(about | {"grain": "one row per thing", "keys": [key], "columns": columns} | more)


def column(name: str, kind: str = "string", **more: Any) -> Column:
    """A column whose description is its name."""
    return Column(name=name, type=kind, description=name, **more)
