"""Building features and marts: what is published, what is refused, and that a range equals its days."""

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
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import PROJECT_DIR, Settings, get_settings
from nightshift.job import Job
from nightshift.ledger import LOOKED_UP
from spark_jobs.build import (
    build,
    built_tables,
    read_window,
    refuse_incomplete,
    refuse_unpublished,
    with_dependent_marts,
)
from tests.leak import built_rows
from tests.silver import FLIGHTS_A_DAY, forget_tables, write_silver, write_table

DBT = PROJECT_DIR / "dbt"
FIRST, SECOND, THIRD, FOURTH = (dt.date(2013, 1, day) for day in (1, 2, 3, 4))


@pytest.fixture
def catalog(spark: SparkSession, home: Settings) -> Catalog:
    """A lake with silver tables of the first four batch dates."""
    forget_tables(spark)
    made = Catalog(UseCase.load("flight_delays"))
    write_silver(spark, made, BatchDates(FIRST, FOURTH))
    return made


def job_of(catalog: Catalog, layer: str, dates: BatchDates) -> Job:
    return Job(layer, catalog.use_case, catalog, dates, "test")


def run(catalog: Catalog, layer: str, dates: BatchDates) -> None:
    build(job_of(catalog, layer, dates), argparse.Namespace(layer=layer))


def test_a_range_gives_the_rows_of_its_days(spark: SparkSession, catalog: Catalog) -> None:
    table = catalog["gold.features"]

    whole = built_rows(spark, job_of(catalog, "features", BatchDates(SECOND, FOURTH)), table, DBT)
    nights = [
        built_rows(spark, job_of(catalog, "features", BatchDates.of(date)), table, DBT)
        for date in (SECOND, THIRD, FOURTH)
    ]

    assert len(whole) == 3 * FLIGHTS_A_DAY
    assert whole == {key: row for night in nights for key, row in night.items()}


def test_features_of_the_first_date_of_all_have_no_late_rates(spark: SparkSession, catalog: Catalog) -> None:
    # Nothing of them was ever published on that date: they come with the second delivery.
    for name in ("silver.outcomes", "silver.weather"):
        shutil.rmtree(catalog[name].path)

    run(catalog, "features", BatchDates.of(FIRST))

    rows = lake.read(spark, catalog["gold.features"]).collect()
    assert len(rows) == FLIGHTS_A_DAY
    assert {row.overall_late_rate_28d for row in rows} == {None}
    assert {row.same_flight_flights_28d for row in rows} == {0.0}


def test_a_failing_dbt_test_names_itself_and_leaves_the_published_table(
    spark: SparkSession, catalog: Catalog, home: Settings
) -> None:
    features, flights = catalog["gold.features"], catalog["silver.flights"]
    run(catalog, "features", BatchDates.of(SECOND))
    version, published = lake.newest_version(features), set(lake.read(spark, features).collect())
    # A distance of 20,000 miles is beyond what the model's YAML allows; 12 rows have it, 5 are shown.
    broken = [
        {**row.asDict(), "distance": 20_000 if row.origin == "EWR" and row.batch_date == SECOND else row.distance}
        for row in lake.read(spark, flights).collect()
    ]
    write_table(spark, flights, broken)

    with pytest.raises(NightshiftError) as refused:
        run(catalog, "features", BatchDates.of(SECOND))

    message = str(refused.value)
    assert "test: features_keep_to_declared_values (12 rows)" in message
    assert message.count("example: ") == 5
    assert "distance is above 12000" in message
    again = ".venv/bin/python -m spark_jobs.build --layer features --use-case flight_delays --dates 2013-01-02"
    assert f"`{again}`" in message
    assert lake.newest_version(features) == version
    assert set(lake.read(spark, features).collect()) == published
    assert not [file for file in home.staging.rglob("*") if file.is_file()]


def test_missing_outcomes_are_named_with_the_remedy(spark: SparkSession, catalog: Catalog) -> None:
    outcomes = catalog["silver.outcomes"]
    kept = [row.asDict() for row in lake.read(spark, outcomes).collect() if row.batch_date != THIRD]
    write_table(spark, outcomes, kept)

    with pytest.raises(NightshiftError) as refused:
        refuse_incomplete(job_of(catalog, "features", BatchDates.of(FOURTH)))

    assert "silver/flight_delays/outcomes" in str(refused.value)
    assert "missing: 2013-01-03\n" in str(refused.value)
    assert "spark_jobs.refine --use-case flight_delays --dates 2013-01-03" in str(refused.value)
    # What is known up to the second is complete.
    refuse_incomplete(job_of(catalog, "features", BatchDates.of(SECOND)))


def test_missing_weather_is_refused_though_outcomes_are_there(spark: SparkSession, catalog: Catalog) -> None:
    weather = catalog["silver.weather"]
    kept = [row.asDict() for row in lake.read(spark, weather).collect() if row.batch_date not in (SECOND, FOURTH)]
    write_table(spark, weather, kept)

    # It begins with the second delivery, and features of the fourth may look back on that.
    with pytest.raises(NightshiftError, match=r"silver/flight_delays/weather.*missing: 2013-01-02, 2013-01-04\n"):
        refuse_incomplete(job_of(catalog, "features", BatchDates.of(FOURTH)))


@pytest.mark.parametrize(
    ("layer", "lookback_days", "maturity_days", "first"),
    [
        ("features", 28, 30, dt.date(2013, 10, 4)),
        ("marts", 28, 1, dt.date(2013, 10, 3)),
        ("marts", 28, 30, dt.date(2013, 10, 1)),
        ("marts", 1, 14, dt.date(2013, 10, 17)),
    ],
)
def test_marts_read_the_scores_of_the_outcomes_that_come_now(
    layer: str, lookback_days: int, maturity_days: int, first: dt.date
) -> None:
    declared = UseCase.load("flight_delays")
    nightly = declared.nightly.model_copy(update={"lookback_days": lookback_days})
    target = declared.target.model_copy(update={"maturity_days": maturity_days})
    use_case = declared.model_copy(update={"nightly": nightly, "target": target})
    last = dt.date(2013, 10, 31)

    assert read_window(job_of(Catalog(use_case), layer, BatchDates.of(last))) == BatchDates(first, last)


def test_a_table_that_was_never_published_is_missed_from_its_start_on(home: Settings) -> None:
    catalog = Catalog(UseCase.load("flight_delays"))

    refuse_unpublished(job_of(catalog, "marts", BatchDates.of(FIRST)), [catalog["silver.outcomes"]])
    with pytest.raises(NightshiftError, match="published to silver/flight_delays/outcomes, which marts read"):
        refuse_unpublished(job_of(catalog, "marts", BatchDates(FIRST, SECOND)), [catalog["silver.outcomes"]])
    command = "`.venv/bin/python -m spark_jobs.build --layer features --use-case flight_delays --dates 2013-01-01`"
    with pytest.raises(NightshiftError, match=f"gold/flight_delays/features(?s:.)*{command}"):
        refuse_unpublished(job_of(catalog, "marts", BatchDates.of(FIRST)), [catalog["gold.features"]])


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
    late = Catalog(UseCase.load("flight_delays"))
    outcomes = late["silver.outcomes"]

    def keep_from(first: dt.date) -> None:
        rows = lake.read(spark, outcomes).collect()
        write_table(spark, outcomes, [row.asDict() for row in rows if row.batch_date >= first])

    keep_from(start)
    refuse_incomplete(job_of(late, "features", BatchDates.of(FOURTH)))
    keep_from(start + dt.timedelta(days=1))
    with pytest.raises(NightshiftError, match=f"silver/flight_delays/outcomes.*missing: {start}\n"):
        refuse_incomplete(job_of(late, "features", BatchDates.of(FOURTH)))


def test_a_declared_table_that_no_layer_computes_is_named(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = Path(shutil.copytree(DBT, tmp_path / "dbt")) / "models" / "flight_delays"
    monkeypatch.setenv("NIGHTSHIFT_DBT_DIR", str(tmp_path / "dbt"))
    get_settings.cache_clear()
    (models / "marts" / "flight_delays_late_rates.sql").rename(models / "flight_delays_late_rates.sql")

    with pytest.raises(NightshiftError, match=r"late_rates.yml: gold.late_rates is declared, and nothing would ever"):
        built_tables(job_of(Catalog(UseCase.load("flight_delays")), "features", BatchDates.of(THIRD)))


def test_marts_that_tell_of_a_date_scored_anew_are_made_again(spark: SparkSession, catalog: Catalog) -> None:
    flights = lake.read(spark, catalog["silver.flights"], BatchDates(SECOND, THIRD)).collect()
    write_table(spark, catalog["gold.scores"], [row.asDict() for row in flights])

    # Marts of the third compare the scores of the second; the fourth is not scored yet.
    assert with_dependent_marts(job_of(catalog, "marts", BatchDates.of(SECOND))).dates == BatchDates(SECOND, THIRD)
    assert with_dependent_marts(job_of(catalog, "marts", BatchDates.of(THIRD))).dates == BatchDates.of(THIRD)
    assert with_dependent_marts(job_of(catalog, "features", BatchDates.of(SECOND))).dates == BatchDates.of(SECOND)


def test_marts_without_scores_are_refused(catalog: Catalog) -> None:
    with pytest.raises(NightshiftError, match=r"gold/flight_delays/scores.*missing: 2013-01-03\n"):
        refuse_incomplete(job_of(catalog, "marts", BatchDates.of(THIRD)))


def entry_of(catalog: Catalog, name: str) -> ledger.Entry:
    [entry] = ledger.publications(catalog.use_case.name, f"gold.{name}", [THIRD])
    return entry


def read_by(catalog: Catalog, name: str) -> dict[str, tuple[int, str | None]]:
    return {each.name: (each.rows, each.origin) for each in ledger.inputs(entry_of(catalog, name))}


def test_marts_rank_the_riskiest_and_compare_late_rates(spark: SparkSession, catalog: Catalog, home: Settings) -> None:
    run(catalog, "features", BatchDates.of(THIRD))
    write_scores(spark, catalog)

    run(catalog, "marts", BatchDates.of(THIRD))

    assert "features_cover_the_schedule" in (home.data_docs / str(entry_of(catalog, "features").audit_page)).read_text()
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
    project = Path(shutil.copytree(DBT, tmp_path / "dbt"))
    monkeypatch.setenv("NIGHTSHIFT_DBT_DIR", str(project))
    get_settings.cache_clear()
    mart = project / "models" / "flight_delays" / "marts" / "flight_delays_late_rates.sql"
    mart.write_text(mart.read_text().replace("cast(avg(squared_error) as double)", "avg(squared_error) - 5d"))
    # Both parents are built, but `cautious` leaves it out where one of them is not selected by name.
    parents = "{{ ref('flight_delays_late_rates') }}, {{ ref('stg_flight_delays__outcomes') }}"
    (project / "tests" / "two_parents.sql").write_text(f"select 1 as of_both from {parents} limit 1")
    declared = project / "dbt_project.yml"
    flags = "flags:\n  indirect_selection: empty\n"
    declared.write_text(declared.read_text().replace("flags:\n", flags))
    monkeypatch.setenv("DBT_INDIRECT_SELECTION", "cautious")
    monkeypatch.setenv("DBT_ENGINE_INDIRECT_SELECTION", "empty")
    monkeypatch.setenv("DBT_RESOURCE_TYPES", "model")
    monkeypatch.setenv("DBT_EMPTY", "1")
    write_scores(spark, catalog)
    keys = ("batch_date", "time_hour", "carrier", "flight", "origin")
    flights = lake.read(spark, catalog["silver.flights"], BatchDates.of(THIRD)).collect()
    write_table(spark, catalog["gold.features"], [{key: row[key] for key in keys} for row in flights])

    with pytest.raises(NightshiftError) as refused:
        run(catalog, "marts", BatchDates.of(THIRD))

    message = str(refused.value)
    assert flags in declared.read_text()
    assert "late_rates_keep_to_declared_values (12 rows)" in message
    assert "brier_score is below 0" in message
    assert "test: two_parents (1 rows)" in message
    assert not catalog["gold.late_rates"].exists()
    assert not catalog["gold.riskiest_flights"].exists()


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


def test_marts_are_refused_where_one_changed_after_its_tests(
    spark: SparkSession, catalog: Catalog, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    mart = "riskiest_flights"
    # Published after the other, which must not be visible either.
    assert built_tables(job_of(catalog, "marts", BatchDates.of(THIRD)))[-1].name == mart
    run(catalog, "features", BatchDates.of(THIRD))
    write_scores(spark, catalog)
    names = []
    tested = DbtProject.build

    def then_exchanged(*arguments: object, **more: object) -> object:
        checks = tested(*arguments, **more)
        names.append(exchange(home.staging / "gold" / f"flight_delays_{mart}"))
        return checks

    monkeypatch.setattr(DbtProject, "build", then_exchanged)
    with pytest.raises(NightshiftError) as refused:
        run(catalog, "marts", BatchDates.of(THIRD))

    message = f"the stage of gold/flight_delays/{mart} 2013-01-03 changed after it was written"
    assert str(refused.value) == f"{message} ({names[0]}): nothing was published; run the stage again"
    assert not catalog["gold.late_rates"].exists()
    assert not catalog["gold.riskiest_flights"].exists()
    assert not [file for file in home.staging.rglob("*") if file.is_file()]


@pytest.mark.parametrize("write_other", [True, False], ids=["its tests pass", "its tests fail"])
def test_features_that_changed_before_their_tests_are_refused(
    spark: SparkSession, catalog: Catalog, home: Settings, monkeypatch: pytest.MonkeyPatch, write_other: bool
) -> None:
    written = lake.pin

    def then_exchanged(folder: Path, *arguments: object) -> lake.Stage:
        stage = written(folder, *arguments)
        exchange(folder, write_other)
        return stage

    monkeypatch.setattr(lake, "pin", then_exchanged)
    with pytest.raises(NightshiftError, match=r"stage of gold/flight_delays/features 2013-01-02 changed after it was"):
        run(catalog, "features", BatchDates.of(SECOND))

    assert not catalog["gold.features"].exists()


def test_a_model_that_cannot_be_pinned_is_not_tested(
    spark: SparkSession, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unfinished(folder: Path, *_: object) -> lake.Stage:
        raise NightshiftError(f"{folder} is not completely written")

    monkeypatch.setattr(lake, "pin", unfinished)
    with pytest.raises(NightshiftError, match="is not completely written") as refused:
        run(catalog, "features", BatchDates.of(SECOND))

    assert "model: flight_delays_features (error)" in str(refused.value)
    assert "  test: " not in str(refused.value)


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


def test_dbt_refuses_to_run_without_a_stage_folder(spark: SparkSession, catalog: Catalog, tmp_path: Path) -> None:
    lake.register(spark, catalog.layer("silver"))

    with pytest.raises(NightshiftError, match="no stage folder is given for flight_delays_features"):
        DbtProject(DBT).build(
            ["flight_delays_features"],
            {"first_date": "2013-01-02", "last_date": "2013-01-02"},
            remedy="none",
            written=lambda model: pytest.fail(f"{model} is not written"),
        )


def test_a_slice_that_is_built_again_has_the_same_bytes(catalog: Catalog) -> None:
    for _ in range(2):
        run(catalog, "features", BatchDates.of(THIRD))
    features = catalog["gold.features"]
    entries = ledger.publications(features.use_case, features.short_name, [THIRD])[:2]
    assert [entry.delta_version for entry in entries] == [1, 0]
    assert len({entry.stage_sha256 for entry in entries}) == 1
