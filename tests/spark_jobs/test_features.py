"""Features: what is published, what is refused, and that a range equals its days."""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.dbt_project.build_models import DbtProject
from nightshift.dbt_project.publish_models import find_models, window_variables
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import PROJECT_DIR, Settings, get_settings
from nightshift.job import Job
from nightshift.ledger.open_stages import open_attempts
from spark_jobs.features import features
from tests.leak import built_rows
from tests.nightshift.dbt_project.test_linked_folder import digests
from tests.silver import FLIGHTS_A_DAY, write_table

FIRST, SECOND, THIRD, FOURTH = (dt.date(2013, 1, day) for day in (1, 2, 3, 4))


def job_of(catalog: Catalog, dates: BatchDates) -> Job:
    return Job("features", catalog.use_case, catalog, dates, "test")


def run(catalog: Catalog, dates: BatchDates) -> None:
    features(job_of(catalog, dates), argparse.Namespace())


def test_a_range_gives_the_rows_of_its_days(spark: SparkSession, catalog: Catalog) -> None:
    table = catalog["gold.features"]

    whole = built_rows(spark, job_of(catalog, BatchDates(SECOND, FOURTH)), table)
    nights = [built_rows(spark, job_of(catalog, BatchDates.of(date)), table) for date in (SECOND, THIRD, FOURTH)]

    assert len(whole) == 3 * FLIGHTS_A_DAY
    assert whole == {key: row for night in nights for key, row in night.items()}


def test_features_of_the_first_date_of_all_have_no_late_rates(spark: SparkSession, catalog: Catalog) -> None:
    # Nothing of them was ever published on that date: they come with the second delivery.
    for name in ("silver.outcomes", "silver.weather"):
        shutil.rmtree(catalog[name].location.path)

    run(catalog, BatchDates.of(FIRST))

    rows = lake.read(spark, catalog["gold.features"]).collect()
    assert len(rows) == FLIGHTS_A_DAY
    assert {row.overall_late_rate_28d for row in rows} == {None}
    assert {row.same_flight_flights_28d for row in rows} == {0.0}


def test_a_failing_dbt_test_names_itself_and_leaves_the_published_table(
    spark: SparkSession, catalog: Catalog, home: Settings
) -> None:
    features, flights = catalog["gold.features"], catalog["silver.flights"]
    run(catalog, BatchDates.of(SECOND))
    version, published = lake.newest_version(features), set(lake.read(spark, features).collect())
    attempts = {path.name for path in features.location.path.glob("attempt-id=*")}
    # A distance of 20,000 miles is beyond what the model's YAML allows; 12 rows have it, 5 are shown.
    broken = [
        {**row.asDict(), "distance": 20_000 if row.origin == "EWR" and row.batch_date == SECOND else row.distance}
        for row in lake.read(spark, flights).collect()
    ]
    write_table(spark, flights, broken)

    with pytest.raises(NightshiftError) as refused:
        run(catalog, BatchDates.of(SECOND))

    message = str(refused.value)
    assert "test: features_keep_to_declared_values (12 rows)" in message
    assert message.count("example: ") == 5
    assert "distance is above 12000" in message
    again = ".venv/bin/python -m spark_jobs.features --use-case flight_delays --dates 2013-01-02"
    assert f"`{again}`" in message
    assert lake.newest_version(features) == version
    assert set(lake.read(spark, features).collect()) == published
    assert open_attempts(features.use_case, features.short_name) == []
    assert {path.name for path in features.location.path.glob("attempt-id=*")} == attempts


def test_a_declared_table_without_a_model_is_named(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = dbt_copy(tmp_path, monkeypatch) / "models"
    (models / "marts" / "flight_delays_riskiest_flights.sql").unlink()

    # Features alone would be built; of the mart, nobody would ever say that it is not.
    job = job_of(Catalog(UseCase.load("flight_delays", get_settings())), BatchDates.of(THIRD))
    with pytest.raises(NightshiftError, match="flight_delays_riskiest_flights: dbt has no such model"):
        find_models(job, DbtProject.of(job.use_case))


def dbt_copy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The dbt project of a copy of flight_delays, which is the use case from now on."""
    copied = shutil.copytree(
        PROJECT_DIR / "use_cases" / "flight_delays", folder / "use_cases" / "flight_delays", get_settings().dbt_target
    )
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(folder / "use_cases"))
    get_settings.cache_clear()
    return Path(copied) / "dbt"


def exchange(folder: Path, write_other: bool = True) -> str:
    """Exchange a staged file by one with the same rows in another order, or by what is no Parquet; gives its name."""
    path = next(folder.rglob("*.parquet"))
    # With it, Spark would notice by itself.
    path.with_name(f".{path.name}.crc").unlink()
    if write_other:
        rows = pq.ParquetFile(path).read()
        pq.write_table(rows.take(list(reversed(range(len(rows))))), path)
    else:
        path.write_bytes(b"something else")
    return path.name


@pytest.mark.parametrize("write_other", [True, False], ids=["its tests pass", "its tests fail"])
def test_features_that_changed_before_their_tests_are_refused(
    spark: SparkSession, catalog: Catalog, home: Settings, monkeypatch: pytest.MonkeyPatch, write_other: bool
) -> None:
    written = lake.pin

    def then_exchanged(folder: lake.StageFolder, dates: BatchDates) -> lake.Stage:
        stage = written(folder, dates)
        exchange(folder.location.path, write_other)
        return stage

    monkeypatch.setattr(lake, "pin", then_exchanged)
    with pytest.raises(NightshiftError, match=r"stage of gold/flight_delays/features 2013-01-02 changed after it was"):
        run(catalog, BatchDates.of(SECOND))

    assert not catalog["gold.features"].exists()


def test_a_model_that_cannot_be_pinned_is_not_tested(
    spark: SparkSession, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unfinished(folder: lake.StageFolder, _: BatchDates) -> lake.Stage:
        raise NightshiftError(f"{folder.location} is not completely written")

    monkeypatch.setattr(lake, "pin", unfinished)
    with pytest.raises(NightshiftError, match="is not completely written") as refused:
        run(catalog, BatchDates.of(SECOND))

    assert "model: flight_delays_features (error)" in str(refused.value)
    assert "  test: " not in str(refused.value)


def test_dbt_refuses_to_run_without_a_stage_folder(spark: SparkSession, catalog: Catalog, tmp_path: Path) -> None:
    lake.register(spark, catalog.layer("silver"))

    with pytest.raises(NightshiftError, match="no stage folder is given for flight_delays_features"):
        DbtProject.of(catalog.use_case).build(
            ["flight_delays_features"],
            window_variables(catalog.use_case, BatchDates.parse("2013-01-02")),
            remedy="none",
            written=lambda model: pytest.fail(f"{model} is not written"),
        )


def test_a_slice_that_is_built_again_has_the_same_bytes_and_no_file_of_a_use_case_changes(catalog: Catalog) -> None:
    folder = catalog.use_case.home.use_cases_dir
    before = digests(folder)
    for _ in range(2):
        run(catalog, BatchDates.of(THIRD))
    assert digests(folder) == before
    features = catalog["gold.features"]
    entries = ledger.publications(features.use_case, features.short_name, [THIRD])[:2]
    assert [entry.delta_version for entry in entries] == [1, 0]
    assert len({entry.stage_sha256 for entry in entries}) == 1
