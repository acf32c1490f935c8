"""Deliveries as senders write them: files, and a manifest that fits them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from tests.declaring import a_table, column

# Bytes of each file, and how many records they hold.
Files = Mapping[str, tuple[bytes, int]]


def deliver(folder: Path, date: dt.date, files: Files) -> Path:
    """A complete delivery below the landing folder of a use case."""
    where = folder / date.isoformat()
    where.mkdir(parents=True, exist_ok=True)
    for name, (content, _) in files.items():
        (where / name).write_bytes(content)
    (where / "manifest.json").write_text(manifest(date, files))
    return where


def manifest(date: dt.date, files: Files) -> str:
    entries = [
        {"name": name, "bytes": len(content), "rows": rows, "sha256": hashlib.sha256(content).hexdigest()}
        for name, (content, rows) in files.items()
    ]
    return json.dumps({"batch_date": date.isoformat(), "files": entries})


def lines(*records: str | bytes) -> bytes:
    return b"".join(record if isinstance(record, bytes) else record.encode() for record in records)


def parquet(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    return sink.getvalue().to_pybytes()


class OneSource(Catalog):
    """A use case that has some bronze tables and nothing else."""

    def __init__(self, *tables: Table) -> None:
        self.use_case = UseCase.load("flight_delays", get_settings()).model_copy(update={"name": tables[0].use_case})
        self._tables = {table.short_name: table for table in tables}
        self._files = {}


def things(source: Mapping[str, Any], **changed: Any) -> Table:
    """A bronze table of codes and amounts."""
    columns = (column("code", required=True), column("amount", "bigint"), column("day", "date"))
    lineage = (("file", "string"), ("file_sha256", "string"), ("record", "bigint"), ("extra", "string"))
    added = (column(*each, role="lineage") for each in lineage)
    about = {"layer": "bronze", "keys": ["code"], "source": source, **changed}
    return a_table(*about.pop("columns", columns), *added, **about)
