"""A small use case with personal data: customers as CSV, their orders as JSON Lines.

Each shop has a name of its own, as all tests share one Spark session.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings, get_settings
from nightshift.job import Job
from tests.sent_deliveries import deliver

DAY, NEXT = dt.date(2024, 1, 2), dt.date(2024, 1, 3)
USE_CASE = """
name: {name}
title: Orders that come back
description: Whether an order will come back.
owner: shop-analytics
timezone: UTC
country: US
dates: {{first: 2024-01-01}}
delivery: {{tolerated_quarantine_share: 0.5}}
training: {{costs: {{false_alarm: 1, missed: 1}}}}
target: {{cases: orders, table: returns, column: is_returned}}
"""
TABLES = """
tables:
  - layer: bronze
    name: customers
    description: Customers as they are known on the batch date.
    grain: one row per customer
    keys: [email]
    source: {file: customers.csv, format: csv}
    columns:
      - {name: email, type: string, required: true, pattern: "[^@ ]+@[^@ ]+", pii: contact, description: Address.}
      - {name: name, type: string, pii: name, description: Full name.}
      - {name: phone, type: string, pii: contact, treatment: drop, description: Number.}
      - {name: city, type: string, accepted: [Turin, London, Paris], description: Where they live.}
      - {name: age, type: int, minimum: 16, maximum: 120, unit: years, description: Age.}
    rules:
      - {name: adults_in_london, must: "city <> 'London' or age >= 18", why: Sold to adults only.}

  - layer: bronze
    name: orders
    description: Orders of the batch date.
    grain: one row per order
    keys: [order_id]
    source: {file: orders.jsonl, format: jsonl, required: false, tolerated_quarantine_share: 0.9}
    columns:
      - {name: order_id, type: bigint, required: true, description: Number of the order.}
      - {name: email, type: string, pii: contact, description: Who ordered.}
      - {name: amount, type: double, minimum: 0, maximum: 1000, unit: EUR, description: Sum.}
      - {name: currency, type: string, accepted: [EUR, USD], description: Of the sum.}
      - {name: status, type: string, description: A name that the quarantine has as well.}

  - layer: silver
    name: customers
    description: Customers.
    grain: one row per customer
    keys: [email]
    columns:
      - {name: email, type: string, required: true, pii: contact, description: Token of the address.}
      - {name: city, type: string, description: Where they live.}

  - layer: gold
    name: shoppers
    agrees_with: [{name: all_shoppers_are_customers, why: Nobody is lost., table: silver.customers}]
    description: A table that carries a token without saying so.
    grain: one row per customer
    keys: [who]
    columns:
      - {name: who, type: string, required: true, description: Customer.}
      - {name: orders, type: bigint, description: How many orders.}
"""
CUSTOMERS = ("email", "name", "phone", "city", "age")


class Shop:
    """A use case in a folder of its own, and its deliveries."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.name = f"shop_{uuid.uuid4().hex[:10]}"
        self.folder = folder / "use_cases" / self.name
        self.folder.mkdir(parents=True)
        (self.folder / "use_case.yaml").write_text(USE_CASE.format(name=self.name))
        self.declare(TABLES)
        monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(self.folder.parent))
        get_settings.cache_clear()

    @property
    def settings(self) -> Settings:
        return get_settings()

    @property
    def catalog(self) -> Catalog:
        return Catalog(UseCase.load(self.name, get_settings()))

    def change(self, file: str, old: str, new: str) -> None:
        """Replace a piece of a declaration, which must be there."""
        path = self.folder / file
        assert old in path.read_text(), old
        path.write_text(path.read_text().replace(old, new))

    def declare(self, tables: str) -> None:
        (self.folder / "tables.yaml").write_text(tables)

    def deliver(
        self,
        customers: Sequence[str] | bytes = (),
        orders: Sequence[Mapping[str, Any] | str] = (),
        date: dt.date = DAY,
        header: str = ",".join(CUSTOMERS),
    ) -> Path:
        """A delivery of lines of CSV below the header, and of orders where there are any."""
        raw = customers if isinstance(customers, bytes) else "".join(f"{line}\n" for line in customers).encode()
        files = {"customers.csv": (f"{header}\n".encode() + raw, raw.count(b"\n"))}
        if orders:
            lines = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in orders]
            files["orders.jsonl"] = ("".join(f"{line}\n" for line in lines).encode(), len(lines))
        return deliver(self.settings.landing.path / self.name, date, files)

    def job(self, dates: BatchDates | dt.date = DAY, stage: str = "land") -> Job:
        catalog = self.catalog
        dates = dates if isinstance(dates, BatchDates) else BatchDates.of(dates)
        return Job(stage, catalog.use_case, catalog, dates, run_id="test")

    def land(self, dates: BatchDates | dt.date = DAY) -> None:
        from spark_jobs.land import land

        land(self.job(dates), argparse.Namespace())

    def rows(self, spark: Any, table: str, *columns: str) -> list[tuple]:
        """Published rows of a table, some of its columns, in a fixed order."""
        declared = self.catalog[table]
        if not declared.exists():
            return []
        found = lake.read(spark, declared).select(*columns).collect()
        return sorted((tuple(row) for row in found), key=repr)


def order(number: int, email: str = "ada@example.org", amount: float = 10.0, currency: str = "EUR") -> dict[str, Any]:
    return {"order_id": number, "email": email, "amount": amount, "currency": currency, "status": "sent"}
