"""How far chance could move a measure: groups of the test's batch dates, or of its units, are left out in turn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nightshift.declarations.training_section import FEWEST_TEST_DAYS, FEWEST_UNITS
from training.judging.metrics.arrays import filled, ratios

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.judging.metrics.arrays import Floats

# How much of what chance does an interval holds, where nothing else is said.
LEVEL = 0.95
# More groups of independent units than this hardly narrow an interval.
MOST_GROUPS_OF_UNITS = 50
# Few groups give wild estimates of how alike they are. Above these bounds intervals grew without holding the truth more
# often, at 14 dates with a correlation of 0.5 (`benchmarks.coverage`).
LARGEST_CORRELATION = 0.7
FEWEST_DEGREES_OF_FREEDOM = 3


class GroupedJackknife:
    """Groups of rows, each left out once; every statistic sees the same groups.

    A statistic has 1 + groups *replicates*: of all rows, then without each group. The difference of two statistics is
    that of their replicates, so that it is one of pairs. How much the replicates differ says how far chance moves the
    statistic (delete-a-group jackknife: Tukey 1958; Shao and Tu, The Jackknife and Bootstrap, 1995).

    Batch dates that follow each other are alike, so a group is a stretch of them, and what two stretches still have in
    common is estimated and makes them count as fewer (equivalent sample size: Zwiers and von Storch, Taking serial
    correlation into account in tests of the mean, 1995). `benchmarks.coverage` measures how often that holds the truth.

    Attributes:
        units: how many batch dates have rows, or how many values of `training.independent_unit`.
        equal_units: how many units of equally many rows tell as much as these (Kish 1965): few large ones decide alone.
        is_known: whether these are enough to tell how far chance moves a statistic. Where they are not, only the
            replicate of all rows is a number, so that no interval is.
        groups: how many groups they make.
        group: number of the group of each row.
        weights: how many rows each row stands for.
    """

    def __init__(
        self, days: NDArray[np.datetime64], weights: Floats | None = None, units: NDArray[np.uint64] | None = None
    ) -> None:
        """Put the rows into groups of about equally many dates or units.

        Args:
            days: batch date of each row, shape (rows,).
            weights: of the rows; 1 each where none are given.
            units: hash of the value of `training.independent_unit` of each row; without them, batch dates are units.
        """
        names, number = np.unique(days if units is None else units, return_inverse=True)
        self._are_dates = units is None
        self.units = len(names)
        counts = np.bincount(number).astype(np.float64)
        self.equal_units = float(counts.sum() ** 2 / (counts**2).sum())
        enough = self.units >= FEWEST_TEST_DAYS if self._are_dates else self.equal_units >= FEWEST_UNITS
        self.is_known = bool(enough)
        self.groups = groups_of_dates(self.units) if self._are_dates else min(self.units, MOST_GROUPS_OF_UNITS)
        # Dates in their order are stretches of them; hashes in their order are units in none.
        self.group: NDArray[np.intp] = number * self.groups // self.units
        self.weights = filled(weights, len(days))
        apart = 1 - np.eye(self.groups)
        self._kept = np.vstack([np.ones(self.groups), apart if self.is_known else np.full_like(apart, np.nan)])

    def weightings(self) -> Iterator[Floats]:
        """The weights of the rows for each replicate."""
        for kept in self._kept:
            yield self.weights * kept[self.group]

    def totals(self, values: Floats) -> Floats:
        """Replicates of the weighted sum of a quantity of each row: shape (1 + groups,)."""
        return self._kept @ np.bincount(self.group, weights=self.weights * values, minlength=self.groups)

    def totals_in(self, values: Floats, part: NDArray[np.intp], parts: int) -> Floats:
        """The same within each part of the rows, which ``part`` numbers: shape (1 + groups, parts)."""
        cell = self.group * parts + part
        sums = np.bincount(cell, weights=self.weights * values, minlength=self.groups * parts)
        return self._kept @ sums.reshape(self.groups, parts)

    def means(self, values: Floats) -> Floats:
        """Replicates of the weighted mean of a quantity of each row."""
        return self.ratios(values, np.ones(len(values)))

    def ratios(self, part: Floats, whole: Floats) -> Floats:
        """Replicates of the ratio of the sums of two quantities; not a number where it is over nothing."""
        return ratios(self.totals(part), self.totals(whole))

    def ends(
        self, replicates: Floats, level: float, within: tuple[float, float] = (-math.inf, math.inf)
    ) -> tuple[Floats, Floats]:
        """Both ends of the interval that holds ``level`` of what chance does, around the replicate of all rows.

        Args:
            replicates: of one statistic, or of several: shape (1 + groups, …).
            level: of the interval.
            within: the least and the most that the statistic can be.

        Returns:
            The ends, each of shape (…); no numbers where a replicate is none, as without events outside of one group.
        """
        # Imported late: it takes a third of a second, and LightGBM has imported it by the time that a model is judged.
        from scipy.special import stdtrit

        value, groups = replicates[0], self.groups
        pseudo_values = groups * value - (groups - 1) * replicates[1:]
        distances = pseudo_values - pseudo_values.mean(axis=0)
        squares = (distances**2).sum(axis=0)
        count = _equivalent_count(distances, squares) if self._are_dates else groups
        # The variance of groups that are alike is larger than it looks.
        variance = squares / groups / (1 - 1 / count) / count if groups > 1 else np.full_like(squares, np.nan)
        half = stdtrit(np.maximum(count - 1, FEWEST_DEGREES_OF_FREEDOM), (1 + level) / 2) * np.sqrt(variance)
        return np.clip(value - half, *within), np.clip(value + half, *within)


def groups_of_dates(dates: int) -> int:
    """How many groups so many batch dates make: pairs, and longer stretches from 32 dates on.

    With the square root, stretches grow with the number of dates, so that less of one reaches into the next but one.
    """
    return max(min(dates // 2, math.isqrt(8 * dates)), 1)


def _equivalent_count(distances: Floats, squares: Floats) -> Floats:
    """How many independent groups would tell as much as these, of which neighbours are alike; shape (…).

    Their correlation is taken for one that fades with the power of the distance, and estimated without the bias of
    short series (Marriott and Pope 1954). One under zero, which would narrow the interval, counts as none.

    Args:
        distances: of each group's pseudo-value from their mean, shape (groups, …).
        squares: their sum of squares, shape (…).
    """
    groups = len(distances)
    found = ratios((distances[1:] * distances[:-1]).sum(axis=0), squares)
    # All groups alike: there is nothing to estimate, and no interval to widen.
    found = np.where(squares > 0, found, 0.0)
    correlation = np.clip((groups * found + 1) / max(groups - 4, 1), 0, LARGEST_CORRELATION)
    lags = np.arange(1, groups).reshape(-1, *[1] * correlation.ndim)
    count: Floats = groups / (1 + 2 * ((1 - lags / groups) * correlation**lags).sum(axis=0))
    return count
