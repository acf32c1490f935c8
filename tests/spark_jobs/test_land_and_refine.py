"""The two jobs on sample deliveries, some with planted faults."""

from __future__ import annotations

import argparse
import datetime as dt
import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.declarations.use_case_code import load_module
from nightshift.errors import NightshiftError
from nightshift.home.settings import Settings, get_settings
from nightshift.job import Job
from spark_jobs.land import land
from spark_jobs.refine import refine

FIRST, SECOND = dt.date(2013, 1, 1), dt.date(2013, 1, 2)
BOTH = BatchDates(FIRST, SECOND)


@pytest.fixture
def landing(home: Settings) -> Path:
    """The sample's first two deliveries."""
    use_case = UseCase.load("flight_delays", get_settings())
    load_module(use_case, "sample_source").deliver(use_case, BOTH, home.landing)
    return home.landing.path / use_case.name


def job(stage: str, dates: BatchDates) -> Job:
    use_case = UseCase.load("flight_delays", get_settings())
    return Job(stage, use_case, Catalog(use_case), dates, run_id="test")


def change(folder: Path, name: str, edit: Callable[[bytes], bytes], added_rows: int = 0) -> None:
    """Change a file as its sender would: the manifest fits it."""
    content = edit((folder / name).read_bytes())
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    for entry in manifest["files"]:
        if entry["name"] == name:
            entry["bytes"], entry["sha256"] = len(content), hashlib.sha256(content).hexdigest()
            entry["rows"] += added_rows
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_planted_rows_are_set_aside_or_replaced(spark, landing: Path) -> None:
    bad = b"2013-01-02,UA,abc,XXX,IAH,0515,0819,1400\n"
    of_another_day = b"2013-01-03,UA,1,EWR,IAH,0515,0819,1400\n"
    again_with_other_distance = b"2013-01-02,US,1030,EWR,CLT,0500,0648,999\n"
    lines = (landing / "2013-01-02" / "schedule.csv").read_bytes().splitlines()
    assert lines[1].startswith(b"2013-01-02,US,1030,EWR,CLT,0500,"), "the sample's first flight of that day"
    planted = bad + of_another_day + again_with_other_distance
    change(landing / "2013-01-02", "schedule.csv", lambda content: content + planted, added_rows=3)

    land(job("land", BOTH), argparse.Namespace())
    refine(job("refine", BOTH), argparse.Namespace())

    columns = "source, file, record, rules, reason, raw"
    quarantine = lake.read(spark, job("any", BOTH).catalog["bronze.quarantine"]).selectExpr(*columns.split(", "))
    assert sorted(tuple(row) for row in quarantine.collect()) == [
        (
            *("schedule", "schedule.csv", len(lines) + 1, "flight.type,origin.accepted"),
            "flight: 'abc' is not an int; origin: 'XXX' is not one of EWR, JFK, LGA",
            bad.decode().strip(),
        ),
        (
            *("schedule", "schedule.csv", len(lines) + 2, "flight_date_is_batch_date"),
            "flight_date_is_batch_date: A delivery holds the schedule of its own date only.",
            of_another_day.decode().strip(),
        ),
    ]
    silver = job("any", BOTH).catalog
    flights = lake.read(spark, silver["silver.flights"])
    assert lake.rows_by_date(silver["silver.flights"], BOTH) == {FIRST: 842, SECOND: 943}
    newest = flights.where("batch_date = '2013-01-02' and carrier = 'US' and flight = 1030 and departure_minute = 300")
    assert [row.distance for row in newest.collect()] == [999]
    assert lake.rows_by_date(silver["silver.outcomes"], BOTH) == {FIRST: 0, SECOND: 842}


def test_a_corrupt_file_is_quarantined_and_blocks_all_sources(spark, landing: Path) -> None:
    change(landing / "2013-01-02", "outcomes.jsonl.gz", lambda content: content[:-20])
    with pytest.raises(NightshiftError, match=r"2013-01-02/outcomes\.jsonl\.gz: is a gzip file that is cut"):
        land(job("land", BOTH), argparse.Namespace())
    catalog = job("any", BOTH).catalog
    rows = lake.read(spark, catalog["bronze.quarantine"]).collect()
    assert [(row.batch_date, row.source, row.file, row.record) for row in rows] == [
        (SECOND, "outcomes", "outcomes.jsonl.gz", 0)
    ]
    assert not catalog["bronze.schedule"].exists()


def test_too_many_bad_rows_block_with_share_reason_and_example(spark, landing: Path) -> None:
    def spoil(content: bytes) -> bytes:
        lines = gzip.decompress(content).splitlines(keepends=True)
        spoilt = [line.replace(b'"EWR"', b'"XXX"') for line in lines]
        return gzip.compress(b"".join(spoilt), mtime=0)

    change(landing / "2013-01-02", "outcomes.jsonl.gz", spoil)
    with pytest.raises(NightshiftError) as refusal:
        land(job("land", BatchDates.of(SECOND)), argparse.Namespace())
    said = str(refusal.value)
    assert "outcomes of 2013-01-02: 305 of 842 rows (36.2%)" in said
    assert "origin.accepted: 305 rows\n      like 2013-01-02/outcomes.jsonl.gz record " in said
    assert "origin: 'XXX' is not one of EWR, JFK, LGA" in said
    catalog = job("any", BOTH).catalog
    assert lake.rows_by_date(catalog["bronze.quarantine"], BatchDates.of(SECOND)) == {SECOND: 305}
    assert not catalog["bronze.outcomes"].exists()


def test_refine_asks_for_land_first(home: Settings) -> None:
    with pytest.raises(
        NightshiftError, match=r"needs bronze/flight_delays/schedule (?s:.)*missing: 2013-01-02\n.*spark_jobs.land"
    ):
        refine(job("refine", BatchDates.of(SECOND)), argparse.Namespace())
