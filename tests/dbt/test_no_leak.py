"""G7: features of a batch date use only what was known at its cut-off."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nightshift.dates import BatchDates
from nightshift.job import Job
from nightshift.settings import PROJECT_DIR, Settings
from nightshift.tables import Catalog
from nightshift.use_case import UseCase
from tests.leak import leaking_columns
from tests.silver import forget_tables, write_silver

DBT = PROJECT_DIR / "dbt"
FEATURES = DBT / "models" / "flight_delays" / "features"
FEATURE_TABLES = [
    (use_case.name, table.name)
    for use_case in UseCase.load_all()
    for table in Catalog(use_case).layer("gold")
    if table.features
]


@pytest.fixture
def job(spark: SparkSession, home: Settings, request: pytest.FixtureRequest) -> Job:
    """Features of the third batch date of a use case, with two later deliveries already there."""
    forget_tables(spark)
    use_case = UseCase.load(getattr(request, "param", "flight_delays"))
    catalog = Catalog(use_case)
    first = use_case.dates.first
    write_silver(spark, catalog, BatchDates(first, first + dt.timedelta(days=4)))
    return Job("features", use_case, catalog, BatchDates.of(first + dt.timedelta(days=2)), "test")


def test_there_are_feature_tables() -> None:
    assert ("flight_delays", "features") in FEATURE_TABLES


@pytest.mark.parametrize(("job", "table"), FEATURE_TABLES, indirect=["job"])
def test_no_feature_sees_what_is_delivered_later(spark: SparkSession, job: Job, table: str) -> None:
    assert leaking_columns(spark, job, job.catalog[f"gold.{table}"], DBT) == set()


def test_a_window_that_reaches_into_tomorrows_delivery_is_found(spark: SparkSession, job: Job, tmp_path: Path) -> None:
    project = _copy(tmp_path)
    _patch(project, "macros/trailing_late_rates.sql", "preceding and current row", "preceding and 1 following")
    _patch(
        project,
        "models/flight_delays/staging/stg_flight_delays__outcomes.sql",
        "where {{ batch_dates(days_before=lookback_days() - 1) }}",
        "where batch_date <= date_add({{ date_literal('last_date') }}, 1)",
    )

    leaking = leaking_columns(spark, job, job.catalog["gold.features"], project)

    assert {"overall_late_rate_1d", "carrier_late_rate_7d", "route_late_rate_28d"} <= leaking
    assert "distance" not in leaking


def test_an_outcome_of_the_scored_flight_is_found(spark: SparkSession, job: Job, tmp_path: Path) -> None:
    project = _copy(tmp_path)
    model = "models/flight_delays/features/flight_delays_features.sql"
    _patch(project, model, "evening.evening_visibility\n", "cast(today.dep_delay as double) as evening_visibility\n")
    _patch(
        project,
        model,
        "from flights\ninner join",
        "from flights\nleft join {{ source('silver', 'flight_delays_outcomes') }} as today\n"
        "    on today.flight_date = flights.batch_date and today.carrier = flights.carrier\n"
        "    and today.flight = flights.flight\ninner join",
    )
    # The declared range of the column whose place the leak takes would hide it behind a failing test.
    _patch(
        project, "models/flight_delays/features/flight_delays_features.yml", "unit: miles, minimum: 0", "unit: miles"
    )

    assert leaking_columns(spark, job, job.catalog["gold.features"], project) == {"evening_visibility"}


def _copy(folder: Path) -> Path:
    return Path(shutil.copytree(DBT, folder / "dbt"))


def _patch(project: Path, file: str, old: str, new: str) -> None:
    text = (project / file).read_text(encoding="utf-8")
    assert old in text, f"{file} no longer holds {old!r}: plant the leak anew"
    (project / file).write_text(text.replace(old, new), encoding="utf-8")
