"""How well one feature alone, and the whole model, order the outcomes of the same rows.

A column that was written after the outcome, or from it, makes every measure of a model splendid, on test as well.
Only how much it knows by itself gives it away.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nightshift.declarations.training_section import BINARY, Task
from training.judging.metrics.binary_measures import auc
from training.judging.slice_measures import SMALLEST_CLASS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nightshift.models.encoding import Encoding
    from training.data.dataset import Part

    Floats = NDArray[np.float64]

# The number that gates judge, by task.
GATED_NUMBERS: Final[Mapping[str, str]] = {"binary": "strongest_feature_auc", "regression": "strongest_feature_r2"}
# A strength comes from about this many rows of a period at most, half of them events where there are so many (binary):
# more would cost seconds and hardly move it.
MOST_ROWS = 200_000
# Where a feature is often missing, the rows that have it are looked at by themselves: those that know both outcomes
# (binary), or so many values, this often at least. Fewer are ordered rightly by chance.
FEWEST_PRESENT = 50
# So many standard errors from nothing are more than the strongest of a thousand features of noise has.
STANDARD_ERRORS = 4
# Why a strength is not a number.
NOT_MEASURED: Final = (
    f"the test rows that measure it (of a category, half of them) do not have {SMALLEST_CLASS} of either outcome, or "
    "no outcomes that differ"
)
# Below every float32, and finite: infinite values differ from each other by no number.
MISSING_VALUE = np.float64(-1e300)


@dataclass(frozen=True)
class Strength:
    """How well a feature alone orders the outcomes of some rows, beside the whole model.

    Attributes:
        alone: binary: the area under the ROC curve, or one less it, whichever is more: 0.5 knows nothing, 1 all.
            Regression: the squared rank correlation (Spearman), from 0 to 1. Not a number where it can't be told.
        whole: the same of the model's predictions of these rows, or of all rows of the period if that is more.
        noise: what a feature without any signal hardly ever has of `above_chance`.
        where_present: the same of the rows that have a value; not a number where too few do, and None where all do.
    """

    alone: float
    whole: float
    noise: float
    where_present: Strength | None = None

    @property
    def most(self) -> float:
        """The larger of both strengths alone."""
        return self.alone if self.where_present is None else float(np.fmax(self.alone, self.where_present.alone))


def strengths(part: Part, encoding: Encoding, predicted: Floats, task: Task) -> dict[str, Strength]:
    """How well each feature alone orders the outcomes of a period, and the whole model those of the same rows.

    Not a number where the rows that measure a feature have fewer than ``SMALLEST_CLASS`` of either outcome (binary),
    which one of many features orders rightly by chance, or all one outcome.

    A quantity counts as it is, missing ones as the smallest, and once more without the rows that lack it. A category
    counts as the mean outcome of its rows on every other day (of a single day: of every other independent unit),
    measured on the rest: on its own rows a rare category would know everything.

    Args:
        part: the period.
        encoding: of its matrix.
        predicted: by the whole model, shape (rows,).
        task: which measure counts.
    """
    some = _some(part.labels, task)
    rows = _Rows(part.labels[some], part.weights[some], predicted[some], task)
    learned = _every_other(part.days[some], None if part.units is None else part.units[some])
    return {
        name: rows.of_category(values, learned) if name in encoding.categories else rows.of_quantity(values)
        for name, values in ((name, part.matrix[some, at]) for at, name in enumerate(encoding.features))
    }


def above_chance(strength: float, task: Task) -> float:
    """How far a strength is above a toss of a coin: an area above 0.5 (binary), or a rank correlation."""
    return strength - 0.5 if task == BINARY else float(np.sqrt(strength))


def strongest(strengths: Mapping[str, Strength]) -> tuple[str, float]:
    """The feature that knows most, and how much; one that could not be measured comes before all others."""
    name = max(strengths, key=lambda each: (np.isnan(strengths[each].most), strengths[each].most))
    return name, strengths[name].most


def said(name: str, strength: float) -> str:
    """What stands with a gate on the strongest feature."""
    if np.isnan(strength):
        return f"{name} could not be measured: {NOT_MEASURED}; choose a longer test period."
    return f"The feature that knows most: {name}."


@dataclass(frozen=True)
class _Rows:
    """Labels, weights and the model's predictions of the rows that are looked at, each of shape (rows,)."""

    labels: Floats
    weights: Floats
    predicted: Floats
    task: Task

    def of_quantity(self, values: NDArray[np.float32]) -> Strength:
        present = ~np.isnan(values)
        every = self._strength(np.where(present, values, MISSING_VALUE))
        if present.all():
            return every
        having = Strength(np.nan, every.whole, np.nan)
        if _enough(self.labels[present], self.task, FEWEST_PRESENT):
            having = self._at(present)._strength(values[present], every.whole)
        return dataclasses.replace(every, where_present=having)

    def of_category(self, codes: NDArray[np.float32], learned: NDArray[np.bool_]) -> Strength:
        known = np.where(np.isnan(codes), 0, codes + 1).astype(np.intp)
        size = int(known.max()) + 1
        mass = np.bincount(known[learned], weights=self.weights[learned], minlength=size)
        sums = np.bincount(known[learned], weights=(self.weights * self.labels)[learned], minlength=size)
        # A category that these days do not have counts as their mean.
        means = np.where(mass > 0, sums / np.where(mass > 0, mass, 1), sums.sum() / mass.sum())
        return self._at(~learned)._strength(means[known[~learned]])

    def _at(self, rows: NDArray[np.bool_]) -> _Rows:
        return _Rows(self.labels[rows], self.weights[rows], self.predicted[rows], self.task)

    def _strength(self, values: NDArray[np.floating], whole: float = 0.0) -> Strength:
        model = _order(self.labels, self.predicted, self.weights, self.task)
        return Strength(_order(self.labels, values, self.weights, self.task), max(model, whole), self._noise())

    def _noise(self) -> float:
        """Standard errors of the area (Mann and Whitney 1947) or of the rank correlation of what has no signal."""
        rows = len(self.labels)
        if self.task != BINARY:
            return float(STANDARD_ERRORS / np.sqrt(max(rows - 1, 1)))
        events = int(np.count_nonzero(self.labels > 0.5))
        pairs = events * (rows - events)
        return float(STANDARD_ERRORS * np.sqrt((rows + 1) / (12 * pairs))) if pairs else float("nan")


def _order(labels: Floats, values: NDArray[np.floating], weights: Floats, task: Task) -> float:
    """How well values order labels, whichever way they point, as in :class:`Strength`."""
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


def _some(labels: Floats, task: Task) -> NDArray[np.intp]:
    """The rows that are looked at, in order; binary: of each outcome by itself, so that rare events are not thinned.

    Nothing is to be made up for: no area, and no order of categories by their rates, depends on how common events are.
    """
    kinds = [labels > 0.5, labels <= 0.5] if task == BINARY else [np.ones(len(labels), dtype=bool)]
    most = MOST_ROWS // len(kinds)
    return np.sort(np.concatenate([rows[:: max(-(-len(rows) // most), 1)] for rows in map(np.flatnonzero, kinds)]))


def _ranks(values: NDArray[np.floating]) -> Floats:
    """The mean rank of equal values."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[group]
    return ranks


def _enough(labels: Floats, task: Task, least: int) -> bool:
    events = int(np.count_nonzero(labels > 0.5))
    return (min(events, len(labels) - events) if task == BINARY else len(np.unique(labels))) >= least


def _every_other(days: NDArray[np.datetime64], units: NDArray[np.uint64] | None) -> NDArray[np.bool_]:
    """Mask of the rows of every other day; of a single day, of every other unit, or row where that is the day."""
    names, number = np.unique(days, return_inverse=True)
    if len(names) == 1:
        number = np.arange(len(days)) if units is None else np.unique(units, return_inverse=True)[1]
    learned: NDArray[np.bool_] = number % 2 == 0
    return learned
