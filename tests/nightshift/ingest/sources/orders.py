"""Orders in a database of another team, as a source of one table or of a use case."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.ingest.delivery import Delivery
from nightshift.ingest.landing.records import read_records
from nightshift.ingest.sources import take
from nightshift.job import Job
from tests.sent_deliveries import OneSource, things

FIRST, SECOND = dt.date(2013, 10, 1), dt.date(2013, 10, 2)
SOURCE = {"connection": "crm", "relation": "public.orders", "date_column": "created_at"}
COLUMNS = [
    {"name": "id", "type": "bigint", "required": True, "description": "the key"},
    {"name": "amount", "type": "double", "description": "an amount"},
    {"name": "created_at", "type": "timestamp", "description": "when"},
    {"name": "note", "type": "string", "description": "a note"},
]
DECLARED = """
tables:
  - layer: bronze
    name: orders
    description: Orders of the day.
    grain: one row per order
    keys: [id]
    source: {connection: crm, relation: public.orders, date_column: created_at}
    columns:
      - {name: id, type: bigint, required: true, minimum: 1, description: Number of the order.}
      - {name: amount, type: double, maximum: 100, description: What it costs.}
      - {name: created_at, type: timestamp, required: true, description: When it was made.}
      - {name: note, type: string, description: A note.}
"""


def order(identity: int, instant: str, amount: str = "1.5", note: str = "'x'") -> str:
    return f"INSERT INTO orders VALUES ({identity}, {amount}, '{instant}', {note})"


def table(columns: list[dict[str, Any]] | None = None, **source: Any) -> Table:
    return things({**SOURCE, **source}, columns=columns or COLUMNS, keys=["id"])


def taken(spark, declared: Table, first: dt.date, last: dt.date | None = None) -> Delivery:
    catalog = OneSource(declared)
    return take(spark, Job("land", catalog.use_case, catalog, BatchDates(first, last or first), run_id="test"))


def rows(spark, declared: Table, delivery: Delivery) -> list[Any]:
    return read_records(spark, declared, delivery.of(declared)).orderBy("batch_date", "fields.id").collect()


def declare(tables: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The use case ``shop``, in a folder of its own."""
    use_case = yaml.safe_load((UseCase.load("flight_delays", get_settings()).folder / "use_case.yaml").read_text())
    use_case |= {"name": "shop", "demo": None, "sample_source": None}
    use_case["delivery"]["tolerated_quarantine_share"] = 0.5
    folder = tmp_path / "use_cases" / "shop"
    folder.mkdir(parents=True)
    (folder / "use_case.yaml").write_text(yaml.safe_dump(use_case))
    (folder / "tables.yaml").write_text(tables)
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(folder.parent))
    get_settings.cache_clear()
