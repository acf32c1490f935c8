"""What a score was made from can be read as long as its rows are kept."""

from __future__ import annotations

import os
import time

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings, get_settings
from tests.staged import publish_staged

DAYS = [BatchDates.parse("2013-10-01"), BatchDates.parse("2013-10-02")]


def test_old_versions_outlive_deltas_own_retention(home: Settings) -> None:
    table = Catalog(UseCase.load("flight_delays", get_settings()))["bronze.airlines"]
    for number, dates in enumerate([DAYS[0], DAYS[1], DAYS[0]]):
        publish_staged(table, {dates.first: pa.table({"carrier": [f"U{number}"], "name": ["United"]})})
    year = time.time() - 366 * 24 * 3600
    for file in (table.location.path / "_delta_log").glob("*.json"):
        os.utime(file, (year, year))
    newest = DeltaTable(table.location.path)
    newest.create_checkpoint()
    newest.cleanup_metadata()
    [first] = DeltaTable(table.location.path, version=0).file_uris()
    assert pq.ParquetFile(first).read(["carrier"])["carrier"].to_pylist() == ["U0"]
    assert DeltaTable(table.location.path).version() == 2
