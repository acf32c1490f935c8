"""Forecasts to be judged without a model: the only feature of a row is its forecast."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from nightshift.dates import BatchDates
from nightshift.declarations.training_section import Training
from nightshift.models.encoding import Encoding
from training.data.dataset import Dataset, Part
from training.data.time_split import Periods

ROWS_PER_DAY = 100
COSTS = {"false_alarm": 1, "missed": 3}


class Oracle:
    """Predicts what stands in the rows."""

    def __init__(self, threshold, interval=None):
        self.threshold, self.interval = threshold, interval

    def predicted(self, matrix):
        return matrix[:, 0].astype(np.float64)


def a_part(forecast, labels, first, weights=None):
    """Rows of days that follow each other, 100 of each."""
    days = np.datetime64(first, "D") + (np.arange(len(labels)) // ROWS_PER_DAY).astype("timedelta64[D]")
    matrix = np.asarray(forecast, dtype=np.float32).reshape(-1, 1)
    return Part(matrix, labels, np.ones(len(labels)) if weights is None else weights, days)


def dataset(parts, columns=None):
    """The parts of train, validation and test, or one for all; columns by the name of the part, or of ``all``."""
    parts = (parts, parts, parts) if isinstance(parts, Part) else parts
    named = dict(zip(("train", "validation", "test"), parts, strict=True))
    tables = {}
    for name, each in named.items():
        given = {**(columns or {}).get("all", {}), **(columns or {}).get(name, {})}
        tables[name] = pa.table(given or {"batch_date": each.days})
    dates = [BatchDates(each.days.min().astype(object), each.days.max().astype(object)) for each in parts]
    return Dataset(Encoding(("forecast",), {}), *parts, tables, {}, (), Periods(*dates))


def use_case(task="binary", **training):
    """As much of a use case as an evaluation needs."""
    costs = {"costs": COSTS} if task == "binary" else {}
    return SimpleNamespace(name="judged", task=task, training=Training.model_validate({**costs, **training}))
