"""Late and corrected deliveries with the real jobs: found once, taken in, and never found again."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case_code import load_module
from nightshift.home.settings import Settings, get_settings
from nightshift.ingest.late import Changes, DeliveryChange, find
from nightshift.job import run_job
from nightshift.lake.audit_report import AuditReport
from nightshift.ledger.ledger_tables import InputRow
from spark_jobs import refine as refine_module
from spark_jobs.land import land
from spark_jobs.refine import refine
from tests.in_home import UseCaseInHome
from tests.shop import DAY, Shop

FIRST, SECOND, THIRD = (dt.date(2013, 1, number) for number in (1, 2, 3))
USE_CASE = UseCaseInHome.load("flight_delays", get_settings())
JOBS = {"land": land, "refine": refine}


@pytest.fixture
def landing(home: Settings) -> Path:
    """Three deliveries of the sample, of which the second is not complete yet."""
    load_module(USE_CASE, "sample_source").deliver(USE_CASE, BatchDates(FIRST, THIRD), home.landing)
    folder = home.landing.path / USE_CASE.name
    (folder / str(SECOND) / "manifest.json").rename(folder / "manifest of the second")
    return folder


def run(stage: str, dates: BatchDates, use_case: str = USE_CASE.name) -> None:
    assert run_job(stage, "", JOBS[stage], argv=["--use-case", use_case, "--dates", str(dates)]) == 0


def catch_up() -> Changes:
    """What is found, once land and refine have redone their dates."""
    changes = find(USE_CASE, Catalog(USE_CASE))
    for stage in JOBS:
        for dates in changes.stages[stage]:
            run(stage, dates)
    return changes


def correct_schedule(landing: Path) -> tuple[list[bytes], str]:
    """Deliver the schedule of the first date without its last row.

    Returns:
        The lines as they were, and the new digest.
    """
    schedule, manifest = landing / str(FIRST) / "schedule.csv", landing / str(FIRST) / "manifest.json"
    lines = schedule.read_bytes().splitlines(keepends=True)
    content = b"".join(lines[:-1])
    schedule.write_bytes(content)
    promised = json.loads(manifest.read_text())
    (entry,) = [entry for entry in promised["files"] if entry["name"] == "schedule.csv"]
    entry |= {"bytes": len(content), "rows": entry["rows"] - 1, "sha256": hashlib.sha256(content).hexdigest()}
    manifest.write_text(json.dumps(promised))
    return lines, entry["sha256"]


@pytest.mark.long
def test_what_came_late_or_was_corrected_is_taken_in_once(spark, landing: Path, monkeypatch) -> None:
    # Audits have tests of their own.
    monkeypatch.setattr("expectations.audit", lambda *_: AuditReport(()))
    for date in (FIRST, THIRD):
        for stage in JOBS:
            run(stage, BatchDates.of(date))
    assert not find(USE_CASE, Catalog(USE_CASE))

    (landing / "manifest of the second").rename(landing / str(SECOND) / "manifest.json")
    lines, corrected = correct_schedule(landing)

    changes = catch_up()
    assert changes.found == (
        DeliveryChange(FIRST, "corrected", ("schedule.csv",)),
        DeliveryChange(SECOND, "late", ("outcomes.jsonl.gz", "schedule.csv", "weather.parquet")),
    )
    assert changes.stages["land"] == changes.stages["refine"] == (BatchDates(FIRST, SECOND),)
    flights = lake.rows_by_date(Catalog(USE_CASE)["silver.flights"], BatchDates(FIRST, THIRD))
    assert flights[FIRST] == len(lines) - 2
    assert flights[SECOND] == 943
    # Features were never computed here, and are due with the dates that the two deliveries touch.
    rest = find(USE_CASE, Catalog(USE_CASE))
    assert rest.found == rest.stages["land"] == rest.stages["refine"] == ()
    assert rest.stages["features"] == (BatchDates(FIRST, THIRD),)
    # Both versions are in the ledger.
    digests = sa.select(InputRow.version).where(InputRow.batch_date == FIRST, InputRow.name == "schedule.csv")
    with ledger.engine().connect() as connection:
        kept = connection.scalars(digests).all()
    assert hashlib.sha256(b"".join(lines)).hexdigest() in kept
    assert corrected in kept


def test_a_correction_is_found_until_it_is_taken_in_and_a_refine_that_read_before_it_does_not_replace_it(
    spark, home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path, monkeypatch)
    published = refine_module.publish_all

    def run_all(city: str) -> None:
        shop.deliver([f"ada@example.org,Ada,1,{city},36"])
        for stage in JOBS:
            run(stage, BatchDates.of(DAY), shop.name)

    def after_a_correction(*arguments: Any) -> Any:
        monkeypatch.setattr(refine_module, "publish_all", published)
        run_all("Paris")
        return published(*arguments)

    run_all("Turin")
    assert not find(shop.catalog.use_case, shop.catalog)
    shop.deliver(["ada@example.org,Ada,1,Paris,36"])
    assert find(shop.catalog.use_case, shop.catalog).found == (DeliveryChange(DAY, "corrected", ("customers.csv",)),)
    monkeypatch.setattr(refine_module, "publish_all", after_a_correction)
    run("refine", BatchDates.of(DAY), shop.name)

    assert shop.rows(spark, "silver.customers", "city") == [("Paris",)]
    (entry,) = [each for each in ledger.latest(shop.name, DAY) if each.table_name == "silver.customers"]
    assert entry.status == "overtaken"
    assert not find(shop.catalog.use_case, shop.catalog).found
    assert find(shop.catalog.use_case, shop.catalog).stages["refine"] == ()
