"""Slices as a stage leaves them in their table's folder, written without Spark."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.tables import PARTITION, Table


def staged(
    table: Table, slices: Mapping[dt.date, pa.Table], name: str = "rows.parquet", **options: Any
) -> lake.StageFolder:
    """A written stage, not pinned yet.

    Args:
        slices: rows by batch date, without that column.
        name: of each date's file.
        options: of pyarrow's writer.
    """
    folder = lake.stage_folder(table)
    for date, rows in slices.items():
        file = io.BytesIO()
        pq.write_table(rows, file, **options)
        (folder.location / f"{PARTITION}={date}" / name).write(file.getvalue())
    (folder.location / "_SUCCESS").write(b"")
    return folder


def publish_staged(table: Table, slices: Mapping[dt.date, pa.Table], dates: BatchDates | None = None) -> int:
    """Publish slices without an audit; gives the Delta version.

    Args:
        dates: what they replace; if None, from their first date to their last one.
    """
    folder = staged(table, slices)
    try:
        return lake.publish(lake.pin(folder, dates or BatchDates(min(slices), max(slices))), {"run": "test"})
    finally:
        lake.discard(folder)
