"""What a stage misses is named, with the remedy; what is not due yet is not missed."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import Settings, get_settings
from nightshift.job import Job
from nightshift.lake.stage_inputs import refuse_incomplete, refuse_unpublished, with_later_dates
from nightshift.stages import FEATURES, MARTS
from tests.silver import forget_tables, write_silver, write_table

FIRST, SECOND, THIRD, FOURTH = (dt.date(2013, 1, day) for day in (1, 2, 3, 4))


@pytest.fixture
def catalog(spark: SparkSession, home: Settings) -> Catalog:
    """A lake with silver tables of the first four batch dates."""
    forget_tables(spark)
    made = Catalog(UseCase.load("flight_delays", get_settings()))
    write_silver(spark, made, BatchDates(FIRST, FOURTH))
    return made


def job_of(catalog: Catalog, stage: str, dates: BatchDates) -> Job:
    return Job(stage, catalog.use_case, catalog, dates, "test")


def test_missing_outcomes_are_named_with_the_remedy(spark: SparkSession, catalog: Catalog) -> None:
    outcomes = catalog["silver.outcomes"]
    kept = [row.asDict() for row in lake.read(spark, outcomes).collect() if row.batch_date != THIRD]
    write_table(spark, outcomes, kept)

    with pytest.raises(NightshiftError) as refused:
        refuse_incomplete(job_of(catalog, FEATURES, BatchDates.of(FOURTH)))

    assert "silver/flight_delays/outcomes" in str(refused.value)
    assert "missing: 2013-01-03\n" in str(refused.value)
    assert "spark_jobs.refine --use-case flight_delays --dates 2013-01-03" in str(refused.value)
    # What is known up to the second is complete.
    refuse_incomplete(job_of(catalog, FEATURES, BatchDates.of(SECOND)))


def test_missing_weather_is_refused_though_outcomes_are_there(spark: SparkSession, catalog: Catalog) -> None:
    weather = catalog["silver.weather"]
    kept = [row.asDict() for row in lake.read(spark, weather).collect() if row.batch_date not in (SECOND, FOURTH)]
    write_table(spark, weather, kept)

    # It begins with the second delivery, and features of the fourth may look back on that.
    with pytest.raises(NightshiftError, match=r"silver/flight_delays/weather.*missing: 2013-01-02, 2013-01-04\n"):
        refuse_incomplete(job_of(catalog, FEATURES, BatchDates.of(FOURTH)))


@pytest.mark.parametrize(
    ("file", "declared", "instead", "start"),
    [
        ("tables.yaml", "jsonl, first_batch_date_offset: 1", "jsonl, first_batch_date_offset: 2", THIRD),
        # Outcomes that mature late come with every delivery all the same.
        ("use_case.yaml", "maturity_days: 1", "maturity_days: 3", SECOND),
    ],
)
def test_outcomes_are_missed_from_the_date_on_with_which_their_source_starts(
    spark: SparkSession,
    catalog: Catalog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    declared: str,
    instead: str,
    start: dt.date,
) -> None:
    changed = Path(shutil.copytree(catalog.use_case.folder, tmp_path / "use_cases" / "flight_delays")) / file
    assert declared in changed.read_text()
    changed.write_text(changed.read_text().replace(declared, instead))
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(tmp_path / "use_cases"))
    get_settings.cache_clear()
    late = Catalog(UseCase.load("flight_delays", get_settings()))
    outcomes = late["silver.outcomes"]

    def keep_from(first: dt.date) -> None:
        rows = lake.read(spark, outcomes).collect()
        write_table(spark, outcomes, [row.asDict() for row in rows if row.batch_date >= first])

    keep_from(start)
    refuse_incomplete(job_of(late, FEATURES, BatchDates.of(FOURTH)))
    keep_from(start + dt.timedelta(days=1))
    with pytest.raises(NightshiftError, match=f"silver/flight_delays/outcomes.*missing: {start}\n"):
        refuse_incomplete(job_of(late, FEATURES, BatchDates.of(FOURTH)))


def test_a_table_that_was_never_published_is_missed_from_its_start_on(home: Settings) -> None:
    catalog = Catalog(UseCase.load("flight_delays", get_settings()))

    refuse_unpublished(job_of(catalog, MARTS, BatchDates.of(FIRST)), [catalog["silver.outcomes"]])
    with pytest.raises(NightshiftError, match="published to silver/flight_delays/outcomes, which marts reads"):
        refuse_unpublished(job_of(catalog, MARTS, BatchDates(FIRST, SECOND)), [catalog["silver.outcomes"]])
    command = "`.venv/bin/python -m spark_jobs.features --use-case flight_delays --dates 2013-01-01`"
    with pytest.raises(NightshiftError, match=f"gold/flight_delays/features(?s:.)*{command}"):
        refuse_unpublished(job_of(catalog, MARTS, BatchDates.of(FIRST)), [catalog["gold.features"]])


def test_marts_that_tell_of_a_date_scored_again_are_made_again(spark: SparkSession, catalog: Catalog) -> None:
    flights = lake.read(spark, catalog["silver.flights"], BatchDates(SECOND, THIRD)).collect()
    write_table(spark, catalog["gold.scores"], [row.asDict() for row in flights])

    # Marts of the third compare the scores of the second; the fourth is not scored yet.
    assert with_later_dates(job_of(catalog, MARTS, BatchDates.of(SECOND))).dates == BatchDates(SECOND, THIRD)
    assert with_later_dates(job_of(catalog, MARTS, BatchDates.of(THIRD))).dates == BatchDates.of(THIRD)


def test_marts_without_scores_are_refused(catalog: Catalog) -> None:
    with pytest.raises(NightshiftError, match=r"gold/flight_delays/scores.*missing: 2013-01-03\n"):
        refuse_incomplete(job_of(catalog, MARTS, BatchDates.of(THIRD)))
