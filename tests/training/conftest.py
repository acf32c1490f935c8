"""A use case of three features, declared in files as any other, with rows made on the spot."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from nightshift import registry
from nightshift.catalog import Catalog
from nightshift.dates import BatchDates
from nightshift.job import Job
from nightshift.settings import Settings, get_settings
from nightshift.use_case import UseCase

_numbers = itertools.count(1)
FIRST = dt.date(2024, 1, 1)

USE_CASE = """
name: {name}
title: Toy
description: A toy.
owner: tests
timezone: UTC
country: US
dates: {{first: 2024-01-01}}
target: {{cases: cases, table: results, column: happened, maturity_days: 2}}
training:
  sampling: {{max_rows: {max_rows}}}
  costs: {{false_alarm: 1, missed: 3}}
"""
TABLES = """
tables:
  - layer: silver
    name: results
    description: Results.
    grain: one row per case
    keys: [id]
    columns:
      - {name: id, type: bigint, required: true, description: Case.}
      - {name: happened, type: boolean, required: true, description: The label.}
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
"""


@pytest.fixture
def toy(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Job]]:
    """Declares the toy use case under a name that no other test has, and gives a training job of it."""

    def declare(days: int = 30, max_rows: int = 1_000_000) -> Job:
        name = f"toy_{next(_numbers)}"
        folder, models = tmp_path / "use_cases" / name, tmp_path / "dbt" / "models" / name
        folder.mkdir(parents=True)
        models.mkdir(parents=True)
        (folder / "use_case.yaml").write_text(USE_CASE.format(name=name, max_rows=max_rows))
        (folder / "tables.yaml").write_text(TABLES)
        (models / "features.yml").write_text(FEATURES.format(name=name))
        monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(tmp_path / "use_cases"))
        monkeypatch.setenv("NIGHTSHIFT_DBT_DIR", str(tmp_path / "dbt"))
        get_settings.cache_clear()
        use_case = UseCase.load(name)
        dates = BatchDates(FIRST, FIRST + dt.timedelta(days=days - 1))
        return Job("train", use_case, Catalog(use_case), dates, "test")

    registry.client.cache_clear()
    yield declare
    registry.client.cache_clear()


def toy_rows(days: int = 30, per_day: int = 100, *, strength: float = 2.0, seed: int = 0) -> pa.Table:
    """Rows as ``training.dataset.read`` gives them; ``strength`` 0 makes the label noise."""
    generator = np.random.default_rng(seed)
    size = days * per_day
    signal = generator.normal(size=size)
    kind = generator.choice(["a", "b", "c"], size=size)
    logit = strength * (signal + (kind == "b") - 0.5)
    return pa.table(
        {
            "batch_date": pa.array(np.repeat([FIRST + dt.timedelta(days=day) for day in range(days)], per_day)),
            "id": pa.array(range(size), pa.int64()),
            "signal": pa.array(signal, pa.float32()),
            "other": pa.array(generator.normal(size=size), pa.float32()),
            "kind": pa.array(kind),
            "label": pa.array(generator.random(size) < 1 / (1 + np.exp(-logit))),
        }
    )


@pytest.fixture
def make_rows() -> Callable[..., pa.Table]:
    """Rows of the toy use case, as training reads them from the lake."""
    return toy_rows
