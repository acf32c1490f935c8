"""Marts: what is published, what is refused, and which dates are made again with others."""

from __future__ import annotations

import argparse
import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.dbt_project.build_models import DbtProject
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import Settings, get_settings
from nightshift.job import Job
from nightshift.ledger import LOOKED_UP
from nightshift.ledger.open_stages import open_attempts
from nightshift.stages import MARTS, STAGE
from spark_jobs.features import features
from spark_jobs.marts import marts
from tests.silver import FLIGHTS_A_DAY, write_table
from tests.spark_jobs.test_features import dbt_copy, exchange

FIRST, SECOND, THIRD = (dt.date(2013, 1, day) for day in (1, 2, 3))


def job_of(catalog: Catalog, dates: BatchDates) -> Job:
    return Job("marts", catalog.use_case, catalog, dates, "test")


def run(catalog: Catalog, dates: BatchDates) -> None:
    marts(job_of(catalog, dates), argparse.Namespace())


def entry_of(catalog: Catalog, name: str) -> ledger.Entry:
    [entry] = ledger.publications(catalog.use_case.name, f"gold.{name}", [THIRD])
    return entry


def read_by(catalog: Catalog, name: str) -> dict[str, tuple[int, str | None]]:
    return {each.name: (each.rows, each.origin) for each in ledger.inputs(entry_of(catalog, name))}


def test_marts_rank_the_riskiest_and_compare_late_rates(spark: SparkSession, catalog: Catalog, home: Settings) -> None:
    features(replace(job_of(catalog, BatchDates.of(THIRD)), stage="features"), argparse.Namespace())
    write_scores(spark, catalog)

    run(catalog, BatchDates.of(THIRD))

    page = home.data_docs / str(entry_of(catalog, "features").audit_page)
    assert b"features_cover_the_schedule" in page.read()
    assert read_by(catalog, "riskiest_flights") == {
        "gold.scores": (FLIGHTS_A_DAY, None),
        "gold.features": (0, LOOKED_UP),
        "silver.flights": (0, LOOKED_UP),
    }
    # The scores that met these outcomes are those of the day before.
    assert read_by(catalog, "late_rates") == {"silver.outcomes": (FLIGHTS_A_DAY, None), "gold.scores": (0, LOOKED_UP)}
    riskiest = lake.read(spark, catalog["gold.riskiest_flights"]).orderBy("risk_rank").collect()
    assert [row.risk_rank for row in riskiest] == list(range(1, FLIGHTS_A_DAY + 1))
    top = riskiest[0]
    # Number 135, the last of the day: 36 % and, 29 minutes after each other from 05:30 on, at 22:25.
    assert (top.flight, top.probability, top.local_departure, top.carrier_name) == (135, 0.36, "22:25", "Airline 3")
    assert top.main_reason == f"flies with {top.carrier}"
    assert_late_rates(spark, catalog)


def write_scores(spark: SparkSession, catalog: Catalog) -> None:
    """Scores of the second and third, the higher the flight's number."""
    flights = lake.read(spark, catalog["silver.flights"], BatchDates(SECOND, THIRD)).collect()
    scores = [
        {
            **row.asDict(),
            "probability": (row.flight - 99) / 100,
            "decision": "none",
            "model_name": "flight_delays",
            "model_version": 1,
            "reasons": [("carrier", row.carrier, 0.5, f"flies with {row.carrier}"), ("dest", None, -0.25, "no matter")],
        }
        for row in flights
    ]
    write_table(spark, catalog["gold.scores"], scores)


def test_a_mart_that_breaks_a_test_is_refused_whatever_dbt_is_told_to_leave_out(
    spark: SparkSession, catalog: Catalog, home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = dbt_copy(tmp_path, monkeypatch)
    catalog = Catalog(UseCase.load("flight_delays", get_settings()))
    mart = project / "models" / "marts" / "flight_delays_late_rates.sql"
    mart.write_text(mart.read_text().replace("cast(avg(squared_error) as double)", "avg(squared_error) - 5d"))
    # Both parents are built, but `cautious` leaves it out where one of them is not selected by name.
    parents = "{{ ref('flight_delays_late_rates') }}, {{ ref('stg_flight_delays__outcomes') }}"
    (project / "tests").mkdir()
    (project / "tests" / "two_parents.sql").write_text(f"select 1 as of_both from {parents} limit 1")
    declared = project / "dbt_project.yml"
    flags = "flags:\n  indirect_selection: empty\n"
    declared.write_text(declared.read_text() + flags)
    monkeypatch.setenv("DBT_INDIRECT_SELECTION", "cautious")
    monkeypatch.setenv("DBT_ENGINE_INDIRECT_SELECTION", "empty")
    monkeypatch.setenv("DBT_RESOURCE_TYPES", "model")
    monkeypatch.setenv("DBT_EMPTY", "1")
    write_scores(spark, catalog)
    keys = ("batch_date", "time_hour", "carrier", "flight", "origin")
    flights = lake.read(spark, catalog["silver.flights"], BatchDates.of(THIRD)).collect()
    write_table(spark, catalog["gold.features"], [{key: row[key] for key in keys} for row in flights])

    with pytest.raises(NightshiftError) as refused:
        run(catalog, BatchDates.of(THIRD))

    message = str(refused.value)
    assert flags in declared.read_text()
    assert "late_rates_keep_to_declared_values (12 rows)" in message
    assert "brier_score is below 0" in message
    assert "test: two_parents (1 rows)" in message
    assert not catalog["gold.late_rates"].exists()
    assert not catalog["gold.riskiest_flights"].exists()


def test_marts_are_refused_where_one_changed_after_its_tests(
    spark: SparkSession, catalog: Catalog, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mart = "riskiest_flights"
    # Published after the other, which must not be visible either.
    assert [table.name for table in catalog if STAGE[MARTS].writes(table)][-1] == mart
    features(replace(job_of(catalog, BatchDates.of(THIRD)), stage="features"), argparse.Namespace())
    write_scores(spark, catalog)
    names = []
    tested = DbtProject.build

    def then_exchanged(*arguments: object, **more: object) -> object:
        checks = tested(*arguments, **more)
        names.append(exchange(catalog[f"gold.{mart}"].location.path))
        return checks

    monkeypatch.setattr(DbtProject, "build", then_exchanged)
    with pytest.raises(NightshiftError) as refused:
        run(catalog, BatchDates.of(THIRD))

    message = f"the stage of gold/flight_delays/{mart} 2013-01-03 changed after it was written"
    assert str(refused.value) == f"{message} ({names[0]}): nothing was published; run the stage again"
    assert not catalog["gold.late_rates"].exists()
    assert not catalog["gold.riskiest_flights"].exists()
    assert open_attempts("flight_delays", f"gold.{mart}") == []
    assert not [file for file in catalog[f"gold.{mart}"].location.path.rglob("*") if file.is_file()]


def assert_late_rates(spark: SparkSession, catalog: Catalog) -> None:
    """One group, counted by hand from its flights: UA from EWR on the second flies numbers 100, 112 and 124."""
    rows = lake.read(spark, catalog["gold.late_rates"]).where("carrier = 'UA' and origin = 'EWR'").collect()
    outcomes = lake.read(spark, catalog["silver.outcomes"], BatchDates.of(THIRD)).collect()
    late = {row.flight: row.is_late for row in outcomes if row.flight in (100, 112, 124)}
    assert len(rows) == 1
    row = rows[0]
    assert (row.batch_date, row.flight_date, row.flights, row.scored_flights) == (THIRD, SECOND, 3, 3)
    assert row.predicted_late_rate == pytest.approx((0.01 + 0.13 + 0.25) / 3)
    assert row.realised_late_rate == pytest.approx(sum(late.values()) / 3)
    assert row.brier_score == pytest.approx(
        ((0.01 - late[100]) ** 2 + (0.13 - late[112]) ** 2 + (0.25 - late[124]) ** 2) / 3
    )
