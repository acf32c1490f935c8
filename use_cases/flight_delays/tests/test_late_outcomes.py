"""An outcome that comes days late: refused by flight_delays' rules, and harmless to the past where it is not."""

from __future__ import annotations

import argparse
import datetime as dt
import gzip
import hashlib
import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.declarations.use_case_code import load_module
from nightshift.home.settings import Settings, get_settings
from nightshift.job import Job
from spark_jobs.land import land
from tests.leak import built_rows
from tests.silver import FLIGHTS_A_DAY, forget_tables, write_silver, write_table

DAY = dt.timedelta(days=1)
DATE = dt.date(2013, 1, 4)
LONG_AGO = DATE - 3 * DAY


@pytest.fixture
def catalog(spark: SparkSession, home: Settings) -> Catalog:
    """The flight use case in an empty home."""
    forget_tables(spark)
    return Catalog(UseCase.load("flight_delays", get_settings()))


def test_it_counts_from_the_delivery_that_brings_it_and_not_before(spark: SparkSession, catalog: Catalog) -> None:
    write_silver(spark, catalog, BatchDates(LONG_AGO, DATE + DAY))
    job = Job("features", catalog.use_case, catalog, BatchDates(DATE, DATE + DAY), "test")
    before = built_rows(spark, job, catalog["gold.features"])
    outcomes = [row.asDict() for row in lake.read(spark, catalog["silver.outcomes"]).collect()]
    late = outcomes[0] | {"batch_date": DATE + DAY, "flight_date": LONG_AGO, "flight": 999, "is_late": True}
    write_table(spark, catalog["silver.outcomes"], [*outcomes, late])

    after = built_rows(spark, job, catalog["gold.features"])

    assert len(before) == len(after) == 2 * FLIGHTS_A_DAY
    of_date = {key for key in before if key[0] == DATE}
    assert {key: before[key] for key in of_date} == {key: after[key] for key in of_date}
    was_late = sum(row["is_late"] for row in outcomes if row["batch_date"] == DATE + DAY)
    assert {row.overall_late_rate_1d for key, row in before.items() if key[0] > DATE} == {was_late / FLIGHTS_A_DAY}
    assert {row.overall_late_rate_1d for key, row in after.items() if key[0] > DATE} == {
        (was_late + 1) / (FLIGHTS_A_DAY + 1)
    }


def test_flight_delays_quarantines_it_under_its_rule(spark: SparkSession, catalog: Catalog, home: Settings) -> None:
    dates = BatchDates.of(DATE + DAY)
    load_module(catalog.use_case, "sample_source").deliver(catalog.use_case, dates, home.landing)
    rows = add_late_outcome(home.landing.path / "flight_delays" / str(dates))

    land(Job("land", catalog.use_case, catalog, dates, "test"), argparse.Namespace())

    [rejected] = lake.read(spark, catalog["bronze.quarantine"]).collect()
    assert (rejected.source, rejected.record) == ("outcomes", rows)
    assert "flight_date_is_day_before" in rejected.reason
    assert lake.rows_by_date(catalog["bronze.outcomes"], dates) == {DATE + DAY: rows - 1}


def add_late_outcome(delivery: Path) -> int:
    """Deliver one more outcome, of a flight days ago; returns how many rows the file has now."""
    path, manifest = delivery / "outcomes.jsonl.gz", delivery / "manifest.json"
    lines = gzip.decompress(path.read_bytes()).splitlines()
    lines.append(json.dumps(json.loads(lines[0]) | {"flight_date": str(LONG_AGO)}).encode())
    path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n", mtime=0))
    listed = json.loads(manifest.read_text())
    for entry in listed["files"]:
        if entry["name"] == path.name:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            entry.update(bytes=len(content), rows=len(lines), sha256=digest)
    manifest.write_text(json.dumps(listed))
    return len(lines)
