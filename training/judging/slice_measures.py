"""Measures of parts of the test period: each value of the columns that `training.slices` declares."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightshift.errors import DeclarationError
from training.judging.tasks import TaskMeasures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nightshift.declarations.training_section import Training
    from training.data.dataset import Dataset
    from training.judging.metrics.arrays import Floats

log = logging.getLogger("nightshift")

MISSING_SLICE = "missing"
# Numbers with more distinct values than this in the training period are cut into its quartiles.
FEW_NUMBERS = 10
# Of columns with more values than this, those with most rows are shown by themselves and the others together.
MOST_VALUES = 50
# Binary: events, and as many rows without, that a slice needs to be judged. The AUC of a coin toss from 20 events has a
# standard error of 1 / sqrt(12 · 20) = 0.065 already (Hanley and McNeil 1982): from fewer, the worst of several slices
# is under 0.5 by chance.
SMALLEST_CLASS = 20


@dataclass(frozen=True)
class SliceMetrics:
    """One value of one column.

    Attributes:
        column: of the feature table.
        value: as text, or the quartile.
        rows: test rows, as they were counted.
        judged: whether there is enough of it for a gate to look at it.
        metrics: the task's measures of these rows.
        events: binary: how many of the rows have the event; None for values.
        lacks: what there is too little of to judge it: ``rows`` (`training.smallest_slice`), ``events`` or
            ``rows without event``; empty where it is judged.
    """

    column: str
    value: str
    rows: int
    judged: bool
    metrics: dict[str, float]
    events: int | None = None
    lacks: str = ""


@dataclass(frozen=True)
class Grouping:
    """The test rows by the values of a column: the names of the groups, and the number of each row's."""

    names: tuple[str, ...]
    number: NDArray[np.intp]

    def __iter__(self) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Each group that has rows, with the mask of them."""
        for number, name in enumerate(self.names):
            mask = self.number == number
            if mask.any():
                yield name, mask


def sliced(dataset: Dataset, training: Training, task: TaskMeasures, predicted: Floats) -> list[SliceMetrics]:
    """Measure the test rows of every value of every declared column.

    Raises:
        NightshiftError: if a declared column is not in the data set.
    """
    test, slices = dataset.test, []
    for column in training.slices:
        for value, mask in grouped(dataset, column, "slices"):
            rows = int(np.count_nonzero(mask))
            # A calibration bin of few rows shows their noise: it has as many as a slice needs to be judged.
            bins = max(rows // training.smallest_slice, 1)
            metrics = task.in_slice(test.labels[mask], predicted[mask], test.weights[mask], bins)
            counted = task.counts(test.labels[mask], test.weights[mask]).get("events")
            events = None if counted is None else int(counted)
            lacks = _lacking(rows, events, training)
            slices.append(SliceMetrics(column, value, rows, not lacks, metrics, events, lacks))
    return slices


def _lacking(rows: int, events: int | None, training: Training) -> str:
    if rows < training.smallest_slice:
        return "rows"
    if events is None:
        return ""
    if events < SMALLEST_CLASS:
        return "events"
    return "rows without event" if rows - events < SMALLEST_CLASS else ""


def worst(slices: Sequence[SliceMetrics], training: Training, task: TaskMeasures) -> dict[str, float]:
    """The numbers that gates judge, and a warning where no slice is there to be judged."""
    if not training.slices:
        return {}
    judged = [each for each in slices if each.judged]
    numbers = task.worst([each.metrics for each in judged])
    if not judged:
        log.warning(
            "no slice of %s has %d test rows and, of a binary task, %d with the event and %d without, so none can be "
            "judged: choose a longer test period, columns of fewer values, or a smaller `training.smallest_slice`",
            ", ".join(training.slices), training.smallest_slice, SMALLEST_CLASS, SMALLEST_CLASS,
        )  # fmt: skip
    return numbers


def grouped(dataset: Dataset, column: str, declared_in: str) -> Grouping:
    """Group the test rows by a column, which need not be a feature of the model.

    Args:
        dataset: whose training period gives the quartiles.
        column: of the feature table.
        declared_in: the field of `training` that names it.

    Raises:
        NightshiftError: if the data set lacks the column.
    """
    train, test = dataset.tables["train"], dataset.tables["test"]
    if column not in test.column_names:
        raise DeclarationError(
            f"training.{declared_in} in use_case.yaml names {column}, which is no column of the feature table: "
            f"declare it in the YAML of its dbt model, or take it out of training.{declared_in}"
        )
    known, values = _plain(train[column]), _plain(test[column])
    if _is_number(known.type) and len(pc.unique(known.drop_null())) > FEW_NUMBERS:
        return _by_quartile(_numbers(known), dataset.train.weights, _numbers(values))
    return _by_value(values)


def _by_quartile(known: Floats, weights: Floats, values: Floats) -> Grouping:
    present = np.isfinite(known)
    quarters = np.quantile(known[present], (0.25, 0.5, 0.75), method="inverted_cdf", weights=weights[present])
    edges, counts = np.unique(quarters, return_counts=True)
    last = np.cumsum(counts)
    first = np.append(1, last + 1)
    bounds = [
        f"up to {edges[0]:.6g}",
        *(f"above {low:.6g} up to {high:.6g}" for low, high in pairwise(edges)),
        f"above {edges[-1]:.6g}",
    ]
    # Where many rows have one value, two quartiles end at it and are one group.
    quartiles = [
        f"quartile {start}" if start == end else f"quartiles {start}-{end}"
        for start, end in zip(first, np.append(last, 4), strict=True)
    ]
    names = [f"{quartile}: {bound}" for quartile, bound in zip(quartiles, bounds, strict=True)]
    number = np.searchsorted(edges, values, side="left")
    return Grouping((*names, MISSING_SLICE), np.where(np.isnan(values), len(names), number))


def _by_value(values: pa.ChunkedArray) -> Grouping:
    counts = values.value_counts().to_pylist()
    found = [entry["values"] for entry in sorted(counts, key=lambda entry: -entry["counts"])]
    present = [value for value in found if value is not None]
    shown = sorted(present[:MOST_VALUES])
    number = pc.index_in(values, value_set=pa.array(shown, values.type), skip_nulls=True)
    others, missing = len(shown), len(shown) + 1
    number = pc.if_else(pc.is_null(values), missing, pc.fill_null(number, others))
    names = (*(_name(value) for value in shown), f"{len(present) - len(shown)} other values", MISSING_SLICE)
    return Grouping(names, number.to_numpy().astype(np.intp))


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without dictionaries, and with nulls for what is not a number."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _numbers(values: pa.ChunkedArray) -> Floats:
    numbers: Floats = values.cast(pa.float64(), safe=False).to_numpy()
    return numbers


def _name(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
