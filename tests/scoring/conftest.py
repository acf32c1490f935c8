"""The flight use case under a name of its own, days of made-up features, and small models of them."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pytest

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import PARTITION, Table
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR, Settings, get_settings
from nightshift.job import Job
from nightshift.lake.audit_report import AuditReport
from nightshift.lake.publication import publish
from nightshift.models import mlflow_connection
from nightshift.models.calibrated_predictions import Calibration, Interval
from nightshift.models.champions import decide_champion
from nightshift.models.encoding import Encoding
from scoring.predict_and_decide import Recipe, scorer
from scoring.reasons_dictionary_at_scoring import DictionaryOfThen
from tests.staged import staged
from training.fitting.fitted_model import Calibrated, FittedModel
from training.register import log_model, tracked_run
from training.register import register as register_version

_numbers = itertools.count(1)
DAY, NEXT = dt.date(2013, 10, 1), dt.date(2013, 10, 2)
FLIGHTS = 120
ARROW = {
    "string": pa.string(),
    "int": pa.int32(),
    "double": pa.float64(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
TREES = {"num_leaves": 6, "min_data_in_leaf": 20, "num_threads": 1, "deterministic": True, "verbose": -1, "seed": 3}


def made_up(table: Table, dates: BatchDates, per_day: int, seed: int = 5) -> pa.Table:
    """Rows of a declared table, a flight each: within accepted values and ranges, some not required ones missing."""
    generator = np.random.default_rng(seed)
    size = len(dates) * per_day
    columns: dict[str, pa.Array] = {PARTITION: pa.array(np.repeat(list(dates), per_day))}
    for column in table.data_columns:
        low = int(column.minimum or 0)
        numbers = generator.integers(low, int(column.maximum or low + 100), size, endpoint=True)
        if column.name == "flight":
            numbers = np.tile(np.arange(1, per_day + 1), len(dates))
        made = numbers.tolist()
        if column.unit == "share":
            made = generator.random(size).tolist()
        if column.type == "string":
            made = generator.choice(list(column.accepted or ("AA", "BB", "CC")), size).tolist()
        if column.type == "timestamp":
            made = [dt.datetime.combine(date, dt.time(12), dt.UTC) for date in columns[PARTITION].to_pylist()]
        if not column.required and column.name not in table.keys:
            missing = generator.random(size) < 0.1
            made = [None if gone else value for value, gone in zip(made, missing, strict=True)]
        columns[column.name] = pa.array(made, ARROW[column.type])
    return pa.table(columns)


def fitted(catalog: Catalog, seed: int = 6, rounds: int = 12) -> FittedModel:
    """A small model of all declared features."""
    table, regression = catalog["gold.features"], catalog.use_case.task == "regression"
    rows = made_up(table, BatchDates(dt.date(2013, 1, 1), dt.date(2013, 1, 5)), 300, seed)
    encoding = Encoding.learned(rows, table.features)
    minutes = np.asarray(rows["departure_minute"])
    chance = np.random.default_rng(seed).random(rows.num_rows)
    labels = minutes / 100 + chance if regression else chance < minutes / 2000 + 0.2
    booster = lgb.train(
        {**TREES, "objective": "regression" if regression else "binary"},
        lgb.Dataset(
            encoding.matrix(rows),
            np.asarray(labels, dtype=float),
            feature_name=list(encoding.features),
            categorical_feature=sorted(encoding.categories),
        ),
        rounds,
    )
    made_of = Calibrated("auto", 80, 20)
    if regression:
        return FittedModel(
            "regression", booster, encoding, Calibration("identity"), None, Interval(-2.5, 4.0, 0.8), made_of
        )
    return FittedModel(
        "binary", booster, encoding, Calibration("platt", slope=1.1, intercept=-0.2), 0.375, None, made_of
    )


def score_rows(catalog: Catalog, model: FittedModel, rows: pa.Table, rows_per_batch: int = 10_000) -> pa.Table:
    """What a Spark task makes of rows, without Spark."""
    features, scores = catalog["gold.features"], catalog["gold.scores"]
    dictionary = DictionaryOfThen.declared(catalog.use_case, features)
    recipe = Recipe(
        partition=PARTITION,
        model_name="toy",
        model_version=3,
        encoding=model.encoding,
        calibration=model.calibration,
        threshold=model.threshold,
        interval=model.interval,
        wordings=dictionary.wordings,
        top=dictionary.top,
        feature_versions=dict.fromkeys(rows[PARTITION].to_pylist(), 7),
        carried=(PARTITION, "time_hour", "carrier", "flight", "origin", "dest"),
        columns=tuple(scores.column_names),
    )
    text = model.booster.model_to_string()
    batches = rows.combine_chunks().to_batches(rows_per_batch)
    return pa.Table.from_batches(scorer(recipe, lambda: text)(iter(batches)))


class World:
    """One use case with a lake, and models of it."""

    def __init__(self, job: Job) -> None:
        self.job, self.catalog, self.use_case = job, job.catalog, job.use_case

    def publish(self, name: str, rows: pa.Table, date: dt.date) -> int:
        """Publish rows of a table as their batch date, as a stage does; gives the Delta version."""
        table = self.catalog[name]
        slices = {date: rows.drop_columns([PARTITION])} if rows.num_rows else {}
        folder = staged(table, slices, coerce_timestamps="us")
        job = Job("test", self.use_case, self.catalog, BatchDates.of(date), "test")
        return publish(job, table, folder, audit=lambda *_: AuditReport(())).version

    def features(self, date: dt.date = DAY, seed: int = 5, flights: int = FLIGHTS) -> pa.Table:
        """Publish a day of flights and their features; gives the features."""
        rows = made_up(self.catalog["gold.features"], BatchDates.of(date), flights, seed)
        self.publish("gold.features", rows, date)
        self.publish("silver.flights", rows.select([PARTITION, "time_hour", "carrier", "flight"]), date)
        return rows

    def register(self, seed: int = 6, model: FittedModel | None = None) -> int:
        """Register a small model; gives its version."""
        model = model or fitted(self.catalog, seed)
        dataset = SimpleNamespace(test=SimpleNamespace(matrix=np.zeros((2, len(model.encoding.features)), np.float32)))
        job = Job("train", self.use_case, self.catalog, BatchDates.of(DAY), f"train {next(_numbers)}")
        with tracked_run(job):
            return register_version(job, log_model(model, dataset), {})

    def promote(self, version: int, first: dt.date = DAY) -> None:
        """Make a version champion from a batch date on."""
        decide_champion.promote(self.use_case, version, first, "tester", "for the test", f"promotion {next(_numbers)}")

    def scores(self, version: int | None = None) -> list[dict[str, object]]:
        """The published scores, by date and flight."""
        from deltalake import DeltaTable

        rows = DeltaTable(self.catalog["gold.scores"].location.path, version=version).to_pyarrow_table().to_pylist()
        return sorted(rows, key=lambda row: (row[PARTITION], row["flight"]))


def use_case_of(folder: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str] = str) -> Catalog:
    """A copy of the flight use case with a name of its own."""
    name = f"scored_{next(_numbers)}"
    source = PROJECT_DIR / "use_cases" / "flight_delays"
    for file in (*source.glob("*.yaml"), *(source / "dbt" / "models" / "features").glob("*.yml")):
        target = folder / "use_cases" / name / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text().replace("flight_delays", name)
        target.write_text(change(text) if file.name == "use_case.yaml" else text)
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(folder / "use_cases"))
    get_settings.cache_clear()
    return Catalog(UseCase.load(name, get_settings()))


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """The tables of a use case that has nothing yet."""
    yield use_case_of(tmp_path, monkeypatch)
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.fixture
def world(home: Settings, catalog: Catalog) -> Iterator[World]:
    """A use case without models or rows, in a home of its own."""
    mlflow_connection.client.cache_clear()
    yield World(Job("score", catalog.use_case, catalog, BatchDates.of(DAY), "test"))
    mlflow_connection.client.cache_clear()
