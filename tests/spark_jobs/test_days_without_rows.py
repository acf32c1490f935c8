"""A day on which nothing happened goes through every stage, as a night of its own and as the end of a range."""

from __future__ import annotations

import argparse
import datetime as dt
import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import Settings, get_settings
from nightshift.ingest.quarantine.decide_rows import decide
from nightshift.ingest.quarantine.quarantined_rows import Selection
from nightshift.job import Job
from nightshift.ledger import BY_FILE
from nightshift.ledger.row_origins import trace
from nightshift.models import mlflow_connection
from nightshift.stages import FEATURES, LAND, MARTS, REFINE, SCORE
from scoring.score import body as score
from spark_jobs.features import features
from spark_jobs.land import land
from spark_jobs.marts import marts
from spark_jobs.refine import refine
from tests.scoring.conftest import World
from tests.shop import DAY, NEXT, Shop
from tests.silver import forget_tables
from tests.spark_jobs.test_any_order import hashes
from tests.spark_jobs.test_land_and_refine import change
from use_cases.flight_delays.sample_source import deliver

FIRST, SECOND, EMPTY = (dt.date(2013, 1, day) for day in (1, 2, 3))
INGEST, FROM_SILVER = (LAND, REFINE), (FEATURES, SCORE, MARTS)
WITHOUT_ROWS = (
    *("bronze.schedule", "bronze.outcomes", "silver.flights", "silver.outcomes"),
    *("gold.features", "gold.scores", "gold.riskiest_flights", "gold.late_rates"),
)


class Nights:
    """The flight use case, of which a day may be empty, with a model."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.version = World(self.job("score", BatchDates.of(EMPTY))).register()

    def job(self, stage: str, dates: BatchDates) -> Job:
        return Job(stage, self.catalog.use_case, self.catalog, dates, "test")

    def run(self, stage: str, dates: BatchDates) -> None:
        job, options = self.job(stage, dates), argparse.Namespace(model=str(self.version))
        {LAND: land, REFINE: refine, FEATURES: features, SCORE: score, MARTS: marts}[stage](job, options)

    def rows(self, name: str, date: dt.date) -> int | None:
        """What the ledger says was published; None where nothing was."""
        entries = ledger.publications(self.catalog.use_case.name, name, [date])
        return entries[0].rows_published if entries else None


@pytest.fixture
def nights(spark: SparkSession, home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nights]:
    """Three deliveries, of which the last has neither flights nor outcomes."""
    forget_tables(spark)
    folder = Path(
        shutil.copytree(UseCase.load("flight_delays", get_settings()).folder, tmp_path / "use_cases" / "flight_delays")
    )
    declared = (folder / "tables.yaml").read_text()
    for source in ("file: schedule.csv, ", "file: outcomes.jsonl.gz, "):
        assert source in declared
        declared = declared.replace(source, f"{source}empty_allowed: true, ")
    (folder / "tables.yaml").write_text(declared)
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(folder.parent))
    get_settings.cache_clear()
    mlflow_connection.client.cache_clear()
    use_case = UseCase.load("flight_delays", get_settings())
    deliver(use_case, BatchDates(FIRST, EMPTY), home.landing)
    folder = home.landing.path / use_case.name / str(EMPTY)
    entries = json.loads((folder / "manifest.json").read_text())["files"]
    rows = {entry["name"]: entry["rows"] for entry in entries}
    for name, edit in (("schedule.csv", header), ("outcomes.jsonl.gz", lambda _: gzip.compress(b"", mtime=0))):
        change(folder, name, edit, added_rows=-rows[name])
    yield Nights(Catalog(use_case))
    mlflow_connection.client.cache_clear()


def header(content: bytes) -> bytes:
    return content.partition(b"\n")[0] + b"\n"


@pytest.mark.long
def test_a_day_without_flights_is_a_night_like_any_other(spark: SparkSession, nights: Nights) -> None:
    use_case, until = nights.catalog.use_case, BatchDates(SECOND, EMPTY)
    for stage in INGEST:
        nights.run(stage, BatchDates(FIRST, EMPTY))
    in_a_range = of(EMPTY, hashes(spark, use_case))

    for stage in (*INGEST, *FROM_SILVER):
        nights.run(stage, BatchDates.of(EMPTY))

    alone = of(EMPTY, hashes(spark, use_case))
    assert alone.items() >= in_a_range.items()
    assert in_a_range["silver.weather"] is not None
    assert {name: nights.rows(name, EMPTY) for name in WITHOUT_ROWS} == dict.fromkeys(WITHOUT_ROWS, 0)
    assert_traced(nights)

    for stage in FROM_SILVER:
        nights.run(stage, until)

    assert of(EMPTY, hashes(spark, use_case)) == alone
    assert {name: nights.rows(name, EMPTY) for name in WITHOUT_ROWS} == dict.fromkeys(WITHOUT_ROWS, 0)
    assert all(nights.rows(name, SECOND) for name in WITHOUT_ROWS)


def of(date: dt.date, found: dict[str, dict[dt.date, tuple[int, int]]]) -> dict[str, tuple[int, int] | None]:
    return {name: by_date.get(date) for name, by_date in found.items()}


def assert_traced(nights: Nights) -> None:
    """Of the scores that are not there, the ledger says from which version of bronze they are not."""
    hops = list(trace(nights.catalog, nights.catalog["gold.scores"], EMPTY).walk())
    assert [hop.table.short_name for hop in hops] == ["gold.scores", "gold.features", "silver.flights"]
    assert all(hop.balances for hop in hops)
    taken = hops[-1].sources[0][0]
    version = lake.newest_version(nights.catalog["bronze.schedule"])
    assert (taken.name, taken.origin, taken.rows) == ("bronze.schedule", BY_FILE, 0)
    assert int(taken.version) <= version


def test_a_day_whose_rows_were_all_rejected_is_refined(
    spark: SparkSession, home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path, monkeypatch)
    shop.deliver(["ada@example.org,Ada,1,London,36"])
    shop.deliver(["nobody,Nobody,1,London,36"], date=NEXT)
    both = BatchDates(DAY, NEXT)
    with pytest.raises(NightshiftError, match=r"more rows .* were quarantined than is tolerated"):
        shop.land(both)
    selection = Selection(BatchDates.of(NEXT), "customers", "email.pattern")
    assert decide(shop.catalog, "reject", selection, "eve", "a test order").rows == 1

    shop.land(both)
    for dates in (both, BatchDates.of(NEXT)):
        refine(shop.job(dates, "refine"), argparse.Namespace())

    assert lake.rows_by_date(shop.catalog["silver.customers"], both) == {DAY: 1, NEXT: 0}
    (first, second) = ledger.publications(shop.name, "silver.customers", [NEXT])
    assert (first.rows_published, second.rows_published) == (0, 0)
