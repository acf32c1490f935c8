"""The flight use case under a name of its own, a day of made-up features, and a model that was fitted on them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from nightshift import registry
from nightshift.catalog import Catalog
from nightshift.dates import BatchDates
from nightshift.job import Job
from nightshift.settings import PROJECT_DIR, Settings, get_settings
from nightshift.tables import Table
from nightshift.use_case import UseCase
from training.dataset import Dataset, prepare
from training.evaluate import evaluate
from training.register import log_model, promote, tracked_run
from training.split import Periods
from training.train import develop

_numbers = itertools.count(1)
DAY = dt.date(2013, 10, 1)
ARROW = {
    "string": pa.string(),
    "int": pa.int32(),
    "double": pa.float64(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@pytest.fixture
def job(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    """A scoring job whose use case has no model yet."""
    name = f"scored_{next(_numbers)}"
    for room, source in (("use_cases", "use_cases/flight_delays"), ("dbt/models", "dbt/models/flight_delays/features")):
        folder = tmp_path / room / name
        folder.mkdir(parents=True)
        for file in (PROJECT_DIR / source).glob("*.y*ml"):
            (folder / file.name).write_text(file.read_text().replace("flight_delays", name))
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(tmp_path / "use_cases"))
    monkeypatch.setenv("NIGHTSHIFT_DBT_DIR", str(tmp_path / "dbt"))
    get_settings.cache_clear()
    registry.client.cache_clear()
    use_case = UseCase.load(name)
    yield Job("score", use_case, Catalog(use_case), BatchDates.of(DAY), "test")
    registry.client.cache_clear()


def made_up(table: Table, dates: BatchDates, per_day: int) -> pa.Table:
    """Rows of a declared table, a flight each: within accepted values and ranges, some not required ones missing."""
    generator = np.random.default_rng(5)
    size = len(dates) * per_day
    columns: dict[str, pa.Array] = {"batch_date": pa.array(np.repeat(list(dates), per_day))}
    for column in table.data_columns:
        low = int(column.minimum or 0)
        numbers = generator.integers(low, int(column.maximum or low + 100), size, endpoint=True)
        if column.name == "flight":
            numbers = np.tile(np.arange(1, per_day + 1), len(dates))
        made = numbers.tolist()
        if column.type == "string":
            made = generator.choice(list(column.accepted or ("AA", "BB", "CC")), size).tolist()
        if column.type == "timestamp":
            made = [dt.datetime.combine(date, dt.time(12), dt.UTC) for date in columns["batch_date"].to_pylist()]
        if not column.required and column.name not in table.keys:
            missing = generator.random(size) < 0.1
            made = [None if gone else value for value, gone in zip(made, missing, strict=True)]
        columns[column.name] = pa.array(made, ARROW[column.type])
    return pa.table(columns)


@pytest.fixture
def lake_of() -> Callable[[Job], pa.Table]:
    """Publishes a day of flights and their features; gives the features."""

    def write(job: Job) -> pa.Table:
        features = made_up(job.catalog["gold.features"], job.dates, 300)
        write_deltalake(job.catalog["gold.features"].path, features, partition_by=["batch_date"])
        flights = features.select(["batch_date", "time_hour", "carrier", "flight"])
        write_deltalake(job.catalog["silver.flights"].path, flights, partition_by=["batch_date"])
        return features

    return write


def fitted(job: Job) -> tuple[Dataset, object]:
    """A small model of the declared features."""
    table = job.catalog["gold.features"]
    dates = BatchDates(dt.date(2013, 1, 1), dt.date(2013, 1, 9))
    rows = made_up(table, dates, 200)
    event = np.random.default_rng(6).random(rows.num_rows) < np.asarray(rows["departure_minute"]) / 400
    rows = rows.append_column("label", pa.array(event))
    dataset = prepare(rows, table, Periods.at_end(dates, 2, 2))
    return dataset, develop(dataset, trials=1, seed=1, study="test")[1]


@pytest.fixture
def register() -> Callable[..., int]:
    """Fits, registers and promotes a model, gates aside; gives its version."""

    def made(job: Job, **changed: object) -> int:
        dataset, booster = fitted(job)
        evaluation = evaluate(booster, dataset, job.use_case.training.costs, seed=1)
        dataset = dataclasses.replace(dataset, **changed)
        with tracked_run(job):
            return promote(job, log_model(booster, dataset), evaluation, {})

    return made


@pytest.fixture
def model(job: Job) -> tuple[Dataset, object]:
    """A fitted model that is in no registry."""
    return fitted(job)
