"""How far chance could move a measure: whole days of the test period are resampled."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from nightshift.declarations.training_section import FEWEST_TEST_DAYS
from training.judging.metrics.arrays import filled, ratios
from training.judging.metrics.binary_measures import concordant_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.judging.metrics.arrays import Floats

BOOTSTRAP_SAMPLES = 1000
# How much of what chance does an interval holds, where nothing else is said.
LEVEL = 0.95
# With more batch dates than this, neighbouring ones are drawn together: pairs of days cost by their square.
MOST_UNITS = 366


class Bootstrap:
    """Whole batch dates resampled with replacement, 1000 times; every statistic sees the same draws.

    Rows of one day share weather and knock-on delays; drawing single rows would make intervals far too
    narrow (cluster bootstrap: Field and Welsh, 2007). Where too few days have rows, no statistic of a draw is a number,
    so that no interval is. As all statistics see the same draws, the difference of two of them is that of pairs.

    Attributes:
        seed: of the draws.
        days: how many batch dates have rows.
        is_known: whether these are enough (``FEWEST_TEST_DAYS``) to tell how far chance moves a statistic.
        unit: number of the unit, a day as a rule, of each row.
        units: how many there are.
        draws: how often each draw took each unit, shape (draws, units); not a number where that says nothing.
        weights: how many rows each row stands for.
    """

    def __init__(self, days: NDArray[np.datetime64], seed: int, weights: Floats | None = None) -> None:
        generator = np.random.default_rng(seed)
        names, unit = np.unique(days, return_inverse=True)
        self.seed, self.days = seed, len(names)
        self.is_known = self.days >= FEWEST_TEST_DAYS
        if self.days > MOST_UNITS:
            unit = unit * MOST_UNITS // self.days
        self.unit = unit
        self.units = int(unit.max()) + 1
        shape = np.full(self.units, 1 / self.units)
        self.draws = generator.multinomial(self.units, shape, size=BOOTSTRAP_SAMPLES).astype(np.float64)
        if not self.is_known:
            self.draws = np.full_like(self.draws, np.nan)
        self.weights = filled(weights, len(days))

    def as_they_are(self) -> Bootstrap:
        """The same units with a single draw that takes each of them once: the rows as they are."""
        whole = copy.copy(self)
        whole.draws = np.ones((1, self.units))
        return whole

    def totals(self, values: Floats) -> Floats:
        """The weighted sum of a quantity of each row, on each draw: shape (draws,)."""
        return self.draws @ np.bincount(self.unit, weights=self.weights * values, minlength=self.units)

    def totals_in(self, values: Floats, group: NDArray[np.intp], groups: int) -> Floats:
        """The same within each group of rows, which ``group`` numbers: shape (draws, groups)."""
        cell = self.unit * groups + group
        sums = np.bincount(cell, weights=self.weights * values, minlength=self.units * groups)
        return self.draws @ sums.reshape(self.units, groups)

    def means(self, values: Floats) -> Floats:
        """The weighted mean of a quantity of each row, on each draw."""
        return self.totals(values) / self.totals(np.ones(len(values)))

    def ratios(self, part: Floats, whole: Floats) -> Floats:
        """The ratio of the sums of two quantities, on each draw; not a number where it is over nothing."""
        return ratios(self.totals(part), self.totals(whole))

    def aucs(self, labels: Floats, predicted: Floats) -> Floats:
        """The area under the ROC curve on each draw; not a number where a draw knows one class only."""
        pairs = concordant_pairs(labels, predicted, self.unit, self.units, self.weights)
        right = np.einsum("su,su->s", self.draws @ pairs, self.draws)
        return ratios(right, self.totals(labels > 0.5) * self.totals(labels <= 0.5))


def ends(drawn: Floats, level: float) -> tuple[float, float]:
    """Both ends of the interval that holds ``level`` of the draws (percentile interval: Efron, 1981).

    A draw on which the measure could not be computed counts as the worst to either side; where that reaches an
    end, the end is not a number.
    """
    missing = np.isnan(drawn)
    tail = (1 - level) / 2
    lower = np.quantile(np.where(missing, -np.inf, drawn), tail, method="lower")
    upper = np.quantile(np.where(missing, np.inf, drawn), 1 - tail, method="higher")
    return tuple(float(end) if np.isfinite(end) else float("nan") for end in (lower, upper))  # type: ignore[return-value]
