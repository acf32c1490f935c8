"""A use case of three features, declared in files as any other, with rows made on the spot."""

from __future__ import annotations

import datetime as dt
import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from nightshift.dates import BatchDates, Length
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR, Settings, get_settings
from nightshift.job import Job
from nightshift.models import mlflow_connection
from training.data.dataset import Dataset, prepare
from training.data.point_in_time_rows import Rows
from training.data.time_split import Periods

_numbers = itertools.count(1)
FIRST = dt.date(2024, 1, 1)
# A use case needs gates; those of the flights suit any binary one.
GATES = PROJECT_DIR / "use_cases/flight_delays/gates.yaml"

USE_CASE: dict[str, Any] = {
    "title": "Toy",
    "description": "A toy.",
    "owner": "tests",
    "timezone": "UTC",
    "country": "US",
    "dates": {"first": FIRST},
}
COSTS = {"false_alarm": 1, "missed": 3}
TABLES = """
tables:
  - layer: silver
    name: results
    description: Results.
    grain: one row per case
    keys: [id]
    columns:
      - {{name: id, type: bigint, required: true, description: Case.}}
      - {{name: {column}, type: {type}, description: The label.}}
"""
FEATURES = """
models:
  - name: {name}_features
    config: {{meta: {{layer: gold, grain: one row per case, keys: [id]}}}}
    columns:
      - {{name: batch_date, data_type: date}}
      - {{name: id, data_type: bigint}}
      - {{name: signal, data_type: double, config: {{meta: {{role: feature}}}}}}
      - {{name: other, data_type: double, config: {{meta: {{role: feature}}}}}}
      - {{name: kind, data_type: string, config: {{meta: {{role: feature, categorical: true}}}}}}
      - {{name: region, data_type: string}}
      - {{name: gender, data_type: string}}
"""


@pytest.fixture
def toy(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Job]]:
    """Declares the toy use case under a name that no other test has, and gives a training job of it."""

    def declare(
        days: int = 36,
        max_rows: int = 1_000_000,
        task: str = "binary",
        maturity_days: int = 2,
        target: Mapping[str, Any] | None = None,
        **training: Any,
    ) -> Job:
        name = f"toy_{next(_numbers)}"
        folder = tmp_path / "use_cases" / name
        models = folder / "dbt" / "models"
        models.mkdir(parents=True)
        is_binary = task == "binary"
        column = "happened" if is_binary else "minutes"
        declared = {
            "name": name,
            **USE_CASE,
            "task": task,
            "target": {
                "cases": "cases",
                "table": "results",
                "column": column,
                "maturity_days": maturity_days,
                **(target or {}),
            },
            "training": {
                "sampling": {"max_rows": max_rows},
                # It is most of what there is to know, as a leak would be.
                "cleared_features": {"signal": "drawn before the label"},
                **({"costs": COSTS} if is_binary else {}),
                **training,
            },
        }
        (folder / "use_case.yaml").write_text(yaml.safe_dump(declared))
        (folder / "tables.yaml").write_text(TABLES.format(column=column, type="boolean" if is_binary else "double"))
        if is_binary and GATES.is_file():
            shutil.copy(GATES, folder)
        (models / "features.yml").write_text(FEATURES.format(name=name))
        monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(tmp_path / "use_cases"))
        get_settings.cache_clear()
        use_case = UseCase.load(name, get_settings())
        dates = BatchDates(FIRST, FIRST + dt.timedelta(days=days - 1))
        return Job("train", use_case, Catalog(use_case), dates, "test")

    mlflow_connection.client.cache_clear()
    yield declare
    mlflow_connection.client.cache_clear()


def toy_rows(
    days: int = 36, per_day: int = 100, *, strength: float = 1.6, seed: int = 0, task: str = "binary"
) -> pa.Table:
    """Rows of a range, as `training.data.dataset.Rows.complete` takes them; ``strength`` 0 makes the label noise."""
    generator = np.random.default_rng(seed)
    size = days * per_day
    signal = generator.normal(size=size)
    kind = generator.choice(["a", "b", "c"], size=size)
    drift = strength * (signal + (kind == "b") - 0.5)
    other = generator.normal(size=size)
    if task == "binary":
        label = pa.array(generator.random(size) < 1 / (1 + np.exp(-drift)))
    else:
        label = pa.array(30 + 10 * drift + 5 * generator.normal(size=size))
    return pa.table(
        {
            "batch_date": pa.array(np.repeat([FIRST + dt.timedelta(days=day) for day in range(days)], per_day)),
            "id": pa.array(range(size), pa.int64()),
            "signal": pa.array(signal, pa.float32()),
            "other": pa.array(other, pa.float32()),
            "kind": pa.array(kind),
            "region": pa.array(generator.choice(["north", "south"], size=size)),
            "gender": pa.array(generator.choice(["f", "m"], size=size)),
            "label": label,
        }
    )


@pytest.fixture
def make_rows() -> Callable[..., pa.Table]:
    """Rows of the toy use case, labels beside them; ``Rows.complete`` makes of them what training reads."""
    return toy_rows


@pytest.fixture
def prepared() -> Callable[..., Dataset]:
    """The data set of a toy job: 14 days of train, 8 of validation and 14 of test, unless other rows are given."""

    def of(job: Job, rows: pa.Table | None = None, **made: Any) -> Dataset:
        table = toy_rows(task=job.use_case.task, **made) if rows is None else rows
        periods = Periods.at_end(job.dates, Length(8), Length(14))
        return prepare(Rows.complete(table), job.use_case, job.catalog["gold.features"], periods)

    return of
