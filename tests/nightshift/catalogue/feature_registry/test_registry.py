import datetime as dt
import json
import re
from pathlib import Path
from types import SimpleNamespace

import lightgbm
import numpy as np
import pytest
from click.testing import CliRunner

from nightshift import ledger
from nightshift.catalogue.feature_registry import declared_features, feature_pages, features_in_use
from nightshift.catalogue.feature_registry.registry_page import write_registry
from nightshift.catalogue.feature_registry.registry_rows import newest_date, rows_of
from nightshift.commands.features import features as command
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.feature_registry_table import registry_table
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.models import model_version, resolve_version
from nightshift.models.calibrated_predictions import Calibration
from nightshift.models.encoding import Encoding
from nightshift.models.model_version import RegisteredModel

DAY = dt.date(2024, 1, 31)
USE_CASE = """
name: taxi
title: Taxi
description: Taxi rides that end late.
owner: taxi-team
timezone: UTC
country: US
dates: {first: 2024-01-01}
target: {cases: rides, table: rides, column: is_late}
training: {costs: {false_alarm: 1, missed: 3}}
"""
TABLES = """
tables:
  - layer: silver
    name: rides
    description: Rides.
    grain: one row per ride
    keys: [ride]
    columns:
      - {name: ride, type: bigint, required: true, description: Ride.}
      - {name: km, type: double, unit: kilometres, description: Length of the ride.}
      - {name: driver, type: string, description: Driver.}
      - {name: is_late, type: boolean, description: The label.}
"""
MODEL_YAML = """
models:
  - name: taxi_features
    description: What the model sees of a ride.
    config: {meta: {layer: gold, grain: one row per ride, keys: [ride]}}
    columns:
      - {name: batch_date, data_type: date}
      - {name: ride, data_type: bigint}
      - name: length
        data_type: double
        description: "Length of the <ride>."
        config: {meta: {role: feature, group: ride, unit: kilometres}}
      - {name: driver_km_7d, data_type: double, description: Trailing., config: {meta: {role: feature}}}
      - {name: km_30d, data_type: double, description: Named so., config: {meta: {role: feature}}}
      - {name: driver, data_type: string, description: Driver., config: {meta: {role: feature, categorical: true}}}
"""
SOURCES = """
sources:
  - name: silver
    schema: global_temp
    tables: [{name: taxi_rides, identifier: silver_taxi_rides}]
"""
# One ephemeral model below, so that lineage must go through what dbt puts in.
INNER_SQL = "select * from {{ source('silver', 'taxi_rides') }} where {{ nightshift.batch_dates(days_before=29) }}"
SQL = """
select
    batch_date, ride, driver, km as length,
    sum(km) over (partition by driver order by batch_date range between 6 preceding and current row) as driver_km_7d,
    km * 30 as km_30d
from {{ ref('stg_taxi__rides') }}
"""


@pytest.fixture
def no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may ask Spark for anything."""

    def refuse(builder: object) -> None:
        raise AssertionError("a Spark session was asked for")

    monkeypatch.setattr("pyspark.sql.SparkSession.Builder.getOrCreate", refuse)


@pytest.fixture
def taxi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_spark: None):
    """A second use case, and what writes its models again."""
    folder = tmp_path / "use_cases" / "taxi"
    models = folder / "dbt" / "models"
    models.mkdir(parents=True)
    (folder / "use_case.yaml").write_text(USE_CASE)
    (folder / "tables.yaml").write_text(TABLES)
    (folder / "dbt" / "dbt_project.yml").write_text("{name: taxi, profile: nightshift}")
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(tmp_path / "use_cases"))
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()

    def write(sql: str = SQL, yaml: str = MODEL_YAML) -> UseCase:
        (models / "sources.yml").write_text(SOURCES)
        (models / "stg_taxi__rides.sql").write_text("{{ config(materialized='ephemeral') }}\n" + INNER_SQL)
        (models / "taxi_features.sql").write_text("{{ config(materialized='stage') }}\n" + sql)
        (models / "taxi_features.yml").write_text(yaml)
        return UseCase.load("taxi", get_settings())

    yield write
    get_settings.cache_clear()


def _by_name(use_case: UseCase) -> dict[str, declared_features.Feature]:
    return {feature.name: feature for feature in declared_features.declared_features(use_case)}


def test_flight_features_have_the_sources_that_their_sql_has(no_spark):
    features = _by_name(UseCase.load("flight_delays", get_settings()))

    assert features["evening_temperature"].computed_from == ("silver.weather.temperature",)
    assert "silver.weather.local_hour" in features["evening_temperature"].also_depends_on
    assert features["evening_temperature"].windows == ()
    assert features["block_minutes"].computed_from == (
        "silver.flights.scheduled_arrival",
        "silver.flights.scheduled_departure",
    )
    late_rate = features["carrier_late_rate_7d"]
    assert late_rate.computed_from == ("silver.outcomes.*", "silver.outcomes.is_late")
    assert late_rate.windows == ("7 deliveries",)
    # All late rates come out of one pass over seven keys; this one is about the carrier alone.
    assert "silver.outcomes.carrier" in late_rate.also_depends_on
    assert not {"silver.outcomes.origin", "silver.outcomes.dest"} & set(late_rate.also_depends_on)
    assert features["origin_departures_around"].windows == ("departure_minute: 60 before to 60 after",)


def test_every_feature_of_every_use_case_comes_from_declared_columns(no_spark):
    for use_case in find_use_cases(get_settings()).use_cases:
        catalog = Catalog(use_case)
        columns = {f"{table.short_name}.{column}" for table in catalog for column in (*table.column_names, "*")}
        features = declared_features.declared_features(use_case)
        assert [feature.name for feature in features] == [column.name for table in catalog for column in table.features]
        for feature in features:
            assert feature.computed_from, feature.name
            assert {*feature.computed_from, *feature.also_depends_on} <= columns


def test_another_use_case_needs_no_code(taxi):
    features = _by_name(taxi())

    assert features["length"].computed_from == ("silver.rides.km",)
    assert (features["length"].unit, features["length"].owner) == ("kilometres", "taxi-team")
    assert features["driver_km_7d"].windows == ("7 deliveries",)
    assert features["driver_km_7d"].also_depends_on == ("silver.rides.batch_date", "silver.rides.driver")
    # No window says so in the SQL, and whoever reads it is told.
    assert features["km_30d"].windows == ("30 deliveries (by its name)",)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (SQL.replace("km * 30", "miles * 30"), "miles"),
        (SQL.replace("km * 30 as km_30d", "km * 30 as km_31d"), "declares km_30d"),
        (SQL.replace("km * 30", "{{ run_query('select 1') }}"), "it must compile without a database"),
        (SQL.replace("km * 30", "{{ exceptions.raise_compiler_error('no') if execute }}"), "cannot compile the models"),
        (SQL.replace("'stg_taxi__rides'", "'stg_taxi__gone'"), "stg_taxi__gone"),
    ],
    ids=["unknown column", "declared and not selected", "asks the database", "does not compile", "unknown model"],
)
def test_features_whose_sql_cannot_be_followed_are_refused(taxi, sql, message):
    use_case = taxi(sql)

    with pytest.raises(NightshiftError, match=re.escape(message)):
        declared_features.declared_features(use_case)


def test_a_feature_table_without_a_model_is_refused(taxi):
    use_case = taxi(yaml=MODEL_YAML.replace("taxi_features", "taxi_others"))

    with pytest.raises(NightshiftError, match=r"no dbt model taxi_others computes them"):
        declared_features.declared_features(use_case)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> dict[int, RegisteredModel]:
    """A model registry of two versions: 1 splits on length and driver_km_7d, 2, the champion, on length alone."""
    rng = np.random.default_rng(1)
    matrix = rng.random((400, 2))
    targets = {1: matrix[:, 0] + matrix[:, 1] > 1, 2: matrix[:, 0] > 0.5}
    made = {}
    for version, target in targets.items():
        rows = matrix if version == 1 else np.column_stack([matrix[:, 0], np.zeros(400)])
        parameters = {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 4}
        booster = lightgbm.train(parameters, lightgbm.Dataset(rows, target), num_boost_round=3)
        names = ("length", "driver_km_7d")
        text = booster.model_to_string()
        made[version] = RegisteredModel(
            "taxi", version, f"run{version}", text, Encoding(names, {}), names, "binary", Calibration("none"), 0.5
        )
    found = [SimpleNamespace(version=str(version)) for version in made]
    monkeypatch.setattr(features_in_use, "client", lambda _: SimpleNamespace(search_model_versions=lambda query: found))
    monkeypatch.setattr(resolve_version, "champion_version", lambda use_case: 2)
    monkeypatch.setattr(model_version, "load", lambda use_case, version: made[version])
    return made


@pytest.fixture
def profile(monkeypatch: pytest.MonkeyPatch) -> dict:
    """The newest slice has four rows, and its profile is kept."""
    columns = {
        "length": {"type": "double", "nulls": 1, "distinct": 3, "mean": 2.0, "quantiles": [1, 1.5, 2, 2.5, 3]},
        "driver": {"type": "string", "nulls": 0, "distinct": 2, "top": [["<b>Ann</b>", 3], ["Bob", 1]]},
    }
    kept = {"format": 1, "rows": 4, "columns": columns}
    monkeypatch.setattr(features_in_use.lake, "published_dates", lambda table: {DAY, DAY - dt.timedelta(days=1)})
    monkeypatch.setattr(ledger, "profiles", lambda use_case, table, dates: dict.fromkeys(dates, kept))
    return kept


def test_the_registry_knows_what_features_hold_and_who_uses_them(taxi, models, profile):
    found = features_in_use.registry_of(taxi())

    features = {feature.declared.name: feature for feature in found.features}
    assert (found.champion, found.versions) == (2, (1, 2))
    length = features["length"]
    assert (length.batch_date, length.rows, length.null_share, length.mean) == (DAY, 4, 0.25, 2.0)
    assert (length.gain_share, length.used_by, length.status) == (1.0, (1, 2), "used")
    assert features["driver_km_7d"].used_by == (1,)
    assert (features["driver_km_7d"].gain_share, features["driver_km_7d"].status) == (0.0, "not used by the champion")
    assert features["driver"].top == (("<b>Ann</b>", 0.75), ("Bob", 0.25))
    # Neither version was even given these two.
    assert [feature.declared.name for feature in found.unused] == ["km_30d", "driver"]
    assert features["km_30d"].status == "used by no model"
    assert features["km_30d"].null_share is None


def test_without_a_model_no_feature_is_called_unused(taxi, profile, monkeypatch):
    monkeypatch.setattr(features_in_use, "client", lambda _: SimpleNamespace(search_model_versions=lambda query: []))
    monkeypatch.setattr(resolve_version, "champion_version", lambda use_case: None)

    found = features_in_use.registry_of(taxi())

    assert found.unused == ()
    assert {feature.status for feature in found.features} == {"no model yet"}
    assert {feature.gain_share for feature in found.features} == {None}


@pytest.mark.parametrize(
    ("quantiles", "expected"),
    [
        ([], ()),
        ([5, 5, 5], (1.0,)),
        # Evenly spread from 0 to 16.
        (range(17), (1 / 16,) * 16),
        # As evenly over all that a double can be, and over the least of it.
        ([place / 8 * 1.7976931348623157e308 for place in range(-8, 9)], (1 / 16,) * 16),
        ([place * 5e-324 for place in range(17)], (1 / 16,) * 16),
        # Half of the values are 0, the other half lies at 16.
        ([0, 0, 16, 16], None),
    ],
)
def test_histograms_are_made_of_quantiles(quantiles, expected):
    found = features_in_use.histogram(quantiles)

    if expected is None:
        assert sum(found) == pytest.approx(1)
        assert found[0] == pytest.approx(found[-1])
        assert found[0] > 1 / 3
    else:
        assert found == pytest.approx(expected)


def test_the_page_names_what_nobody_uses_and_needs_no_network(taxi, models, profile):
    use_case = taxi()

    page = write_registry(use_case, features_in_use.registry_of(use_case))

    text = page.read().decode()
    assert page == get_settings().data_docs / "taxi" / "features.html"
    assert "2 features are used by no model" in text
    assert "Length of the &lt;ride&gt;." in text
    assert "<b>Ann" not in text
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", text)


def test_the_rows_of_the_table_say_what_the_registry_knows(taxi, models, profile):
    found = features_in_use.registry_of(taxi())

    rows = {row["feature"]: row for row in rows_of(found)}

    assert newest_date(found) == DAY
    assert rows["km_30d"]["status"] == "used by no model"
    assert (rows["length"]["used_by"], rows["length"]["champion"]) == ("1, 2", 2)
    assert rows["driver_km_7d"]["looks_back"] == "7 deliveries"
    # A whole number in the profile, and a double in the table.
    assert isinstance(rows["length"]["lowest"], float)
    assert set(rows["length"]) == {column.name for column in registry_table(taxi()).data_columns}


def test_before_there_are_features_the_registry_has_no_batch_date(taxi, models, monkeypatch):
    monkeypatch.setattr(features_in_use.lake, "published_dates", lambda table: set())
    command = ".venv/bin/python -m spark_jobs.features --use-case taxi --dates <first>..<last>"

    with pytest.raises(NightshiftError, match=f"no published features yet.*{re.escape(command)}"):
        newest_date(features_in_use.registry_of(taxi()))


def test_the_command_publishes_by_the_job_and_says_what_it_ended_with(taxi, models, profile, monkeypatch):
    taxi()
    started = []

    def run(arguments, **options):
        started.append((arguments[1:], options["cwd"]))
        return SimpleNamespace(returncode=len(started) - 1)

    monkeypatch.setattr("nightshift.commands.features.subprocess.run", run)

    done = CliRunner().invoke(command, ["--publish", "--run-id", "mine"], catch_exceptions=False)
    with pytest.raises(NightshiftError, match="was not published") as refused:
        CliRunner().invoke(command, ["--publish"], catch_exceptions=False)

    assert done.exit_code == 0
    job = ["-m", "spark_jobs.describe_features", "--use-case", "taxi", "--dates", str(DAY), "--run-id", "mine"]
    assert started[0] == (job, get_settings().project_dir)
    assert ".venv/bin/python -m spark_jobs.describe_features --use-case taxi" in str(refused.value)


def test_the_command_shows_features_and_writes_both_pages(taxi, models, profile):
    taxi()

    shown = CliRunner().invoke(command, ["--use-case", "taxi"], catch_exceptions=False)
    as_json = CliRunner().invoke(command, ["--json"], catch_exceptions=False)

    assert shown.exit_code == 0
    assert "used by no model: km_30d, driver" in shown.output
    assert str(get_settings().data_docs / "taxi" / "features.html") in shown.output
    (found,) = json.loads(as_json.output)
    assert found["features"][0]["declared"]["computed_from"] == ["silver.rides.km"]
    docs = (get_settings().data_docs / "taxi" / "dbt.html").read().decode()
    assert "INLINE DATA" not in docs.split("<body", 1)[1][-5_000:]
    assert '"model.taxi.taxi_features"' in docs
    assert '"type": "bigint"' in docs


def test_stale_reference_pages_are_found(taxi):
    page = taxi().folder / "pages" / "features.md"
    assert feature_pages.generated(get_settings()).stale() == [page]
    feature_pages.generated(get_settings()).write()
    assert feature_pages.generated(get_settings()).stale() == []
    text = page.read_text()
    assert "| `driver_km_7d` | Trailing. | double | `silver.rides.km` |" in text

    taxi(SQL.replace("6 preceding", "13 preceding"))
    assert feature_pages.generated(get_settings()).stale() == [page]
    assert page.read_text() == text
    feature_pages.generated(get_settings()).write()
    assert "14 deliveries" in page.read_text()

    gone = page.parents[2] / "gone" / "pages" / "features.md"
    gone.parent.mkdir(parents=True)
    gone.write_text(text)
    assert feature_pages.generated(get_settings()).stale() == [gone]
    feature_pages.generated(get_settings()).write()
    assert not gone.exists()
