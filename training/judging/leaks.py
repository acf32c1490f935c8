"""Whether one feature alone tells the outcome: what no forecast from the past does, a column that leaks does.

A column that was written after the outcome, or from it, makes every measure of a model splendid, on test as well.
Only how much it knows by itself gives it away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from nightshift.declarations.training_section import BINARY, Task
from training.judging.metrics.binary_measures import auc
from training.judging.slice_measures import SMALLEST_CLASS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nightshift.models.encoding import Encoding
    from training.data.dataset import Dataset, Part

    Floats = NDArray[np.float64]

# By period, and there by feature.
Strengths = Mapping[str, Mapping[str, float]]

# The number that gates judge, by task.
GATED_NUMBERS: Final[Mapping[str, str]] = {"binary": "strongest_feature_auc", "regression": "strongest_feature_r2"}
# A strength comes from about this many rows of a period at most, half of them events where there are so many (binary):
# more would cost seconds and hardly move it.
MOST_ROWS = 200_000
# Where a feature is often missing, the rows that have it are looked at by themselves: those that know both outcomes
# (binary), or so many values, this often at least. Fewer are ordered rightly by chance.
FEWEST_PRESENT = 50
# Below every float32, and finite: infinite values differ from each other by no number.
MISSING_VALUE = np.float64(-1e300)


def best(strengths: Strengths) -> dict[str, float]:
    """The strength of each feature in the period in which it is strongest."""
    periods = list(strengths.values())
    # Not a number only where no period has one.
    return {name: float(np.fmax.reduce([each[name] for each in periods])) for name in periods[0]}


def strengths_by_period(dataset: Dataset, task: Task) -> Strengths:
    """How well each feature alone orders the outcomes of each period.

    Each period by itself: a column that was added or filled lately knows nothing of most of train. Binary: a period is
    passed over where the rows that measure the feature have fewer than ``SMALLEST_CLASS`` of either outcome, which one
    of many features orders rightly by chance; where that leaves no period, the strength is not a number.

    Binary: the area under the ROC curve, or one less it, whichever is more: 0.5 knows nothing, 1 all. Regression: the
    squared rank correlation (Spearman), from 0 to 1. A quantity counts as it is, missing ones as the smallest, and
    once more without the rows that lack it. A category counts as the mean outcome of its rows on every other day,
    measured on the days between: on its own rows a rare category would know everything.
    """
    return {name: _strengths(part, dataset.encoding, task) for name, part in _parts(dataset).items()}


def model_strengths(dataset: Dataset, predicted: Mapping[str, Floats], task: Task) -> dict[str, float]:
    """How well the whole model orders the outcomes of each period, on the rows by which features are measured."""
    found = {}
    for name, part in _parts(dataset).items():
        some = _some(part.labels, task)
        found[name] = _strength(predicted[name][some], part.labels[some], part.weights[some], task)
    return found


def _parts(dataset: Dataset) -> dict[str, Part]:
    return {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}


def _strengths(part: Part, encoding: Encoding, task: Task) -> dict[str, float]:
    some = _some(part.labels, task)
    labels, weights = part.labels[some], part.weights[some]
    learned = _every_other(part.days[some])
    return {
        name: _strength_of_category(values, labels, weights, learned, task)
        if name in encoding.categories
        else _strength_of_quantity(values, labels, weights, task)
        for name, values in ((name, part.matrix[some, at]) for at, name in enumerate(encoding.features))
    }


def _some(labels: Floats, task: Task) -> NDArray[np.intp]:
    """The rows that are looked at, in order; binary: of each outcome by itself, so that rare events are not thinned.

    Nothing is to be made up for: no area, and no order of categories by their rates, depends on how common events are.
    """
    kinds = [labels > 0.5, labels <= 0.5] if task == BINARY else [np.ones(len(labels), dtype=bool)]
    most = MOST_ROWS // len(kinds)
    return np.sort(np.concatenate([rows[:: max(-(-len(rows) // most), 1)] for rows in map(np.flatnonzero, kinds)]))


def strongest(strengths: Mapping[str, float]) -> tuple[str, float]:
    """The feature that knows most, and how much; one that could not be measured comes before all others."""
    name = max(strengths, key=lambda each: (np.isnan(strengths[each]), strengths[each]))
    return name, strengths[name]


def said(name: str, strength: float) -> str:
    """What stands with the gate on the strongest feature."""
    if np.isnan(strength):
        return (
            f"{name} could not be measured: in no period do the rows that measure it (of a category, those of every "
            f"other day) have {SMALLEST_CLASS} of either outcome, or values that differ; choose longer periods."
        )
    return f"The feature that knows most: {name}."


def _strength_of_quantity(values: NDArray[np.float32], labels: Floats, weights: Floats, task: Task) -> float:
    present = ~np.isnan(values)
    found = _strength(np.where(present, values, MISSING_VALUE), labels, weights, task)
    if present.all() or not _enough(labels[present], task, FEWEST_PRESENT):
        return found
    return max(found, _strength(values[present], labels[present], weights[present], task))


def _strength_of_category(
    codes: NDArray[np.float32], labels: Floats, weights: Floats, learned: NDArray[np.bool_], task: Task
) -> float:
    known = np.where(np.isnan(codes), 0, codes + 1).astype(np.intp)
    size = int(known.max()) + 1
    mass = np.bincount(known[learned], weights=weights[learned], minlength=size)
    sums = np.bincount(known[learned], weights=(weights * labels)[learned], minlength=size)
    # A category that these days do not have counts as their mean.
    means = np.where(mass > 0, sums / np.where(mass > 0, mass, 1), sums.sum() / mass.sum())
    rest = ~learned
    return _strength(means[known[rest]], labels[rest], weights[rest], task)


def _strength(values: NDArray[np.floating], labels: Floats, weights: Floats, task: Task) -> float:
    """Not a number where the labels are all equal; binary: where there are too few of either to tell."""
    if task == BINARY:
        if not _enough(labels, task, SMALLEST_CLASS):
            return float("nan")
        area = auc(labels, values, weights)
        return max(area, 1 - area)
    ranks, of_labels = _ranks(values), _ranks(labels)
    spread = float(ranks.std() * of_labels.std())
    if not spread:
        return 0.0 if of_labels.std() else float("nan")
    covariance = float(((ranks - ranks.mean()) * (of_labels - of_labels.mean())).mean())
    return min((covariance / spread) ** 2, 1.0)


def _ranks(values: NDArray[np.floating]) -> Floats:
    """The mean rank of equal values."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[group]
    return ranks


def _enough(labels: Floats, task: Task, least: int) -> bool:
    events = int(np.count_nonzero(labels > 0.5))
    return (min(events, len(labels) - events) if task == BINARY else len(np.unique(labels))) >= least


def _every_other(days: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Mask of the rows of every other day; of a single day, of every other row."""
    names, unit = np.unique(days, return_inverse=True)
    learned: NDArray[np.bool_] = (unit if len(names) > 1 else np.arange(len(days))) % 2 == 0
    return learned
