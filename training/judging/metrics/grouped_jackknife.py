"""How far chance could move a measure: groups of the test's batch dates, or of its units, are left out in turn."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nightshift.declarations.training_section import FEWEST_EQUAL_DATES, FEWEST_TEST_DAYS, FEWEST_UNITS
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

    A statistic has 1 + all groups *replicates*: of all rows, then without each group. The difference of two statistics
    is that of their replicates, so that it is one of pairs. How much the replicates differ says how far chance moves
    the statistic (delete-a-group jackknife: Tukey 1958; Shao and Tu, The Jackknife and Bootstrap, 1995).

    Batch dates that follow each other are alike, so a group is a stretch of them, and what two stretches still have in
    common is estimated and makes them count as fewer (equivalent sample size: Zwiers and von Storch, Taking serial
    correlation into account in tests of the mean, 1995). `benchmarks.coverage` measures how often that holds the truth.

    Where units are those of a column and there are dates enough, both are left out, and each interval is the wider one:
    what hits all units of a date is seen by dates alone.

    Attributes:
        units: how many batch dates have rows, or how many values of `training.independent_unit`.
        equal_units: how many units of equally many rows tell as much as these (Kish 1965): few large ones decide alone.
        is_known: whether these are enough to tell how far chance moves a statistic. Where they are not, only the
            replicate of all rows is a number, so that no interval is.
        groups: how many groups they make.
        group: number of the group of each row.
        date_groups: where units are those of a column, how many groups the dates make beside; 0 where these are few.
        weights: how many rows each row stands for.
    """

    def __init__(
        self, days: NDArray[np.datetime64], weights: Floats | None = None, units: NDArray[np.uint64] | None = None
    ) -> None:
        """Put the rows into groups of about equally many rows of dates, or of equally many units.

        Args:
            days: batch date of each row, shape (rows,).
            weights: of the rows; 1 each where none are given.
            units: hash of the value of `training.independent_unit` of each row; without them, batch dates are units.
        """
        self.weights = filled(weights, len(days))
        dates = _Groups.of_dates(days, self.weights)
        main = dates if units is None else _Groups.of_units(units, self.weights)
        self.units, self.equal_units, self.is_known = main.units, main.equal_units, main.is_known
        self.groups, self.group = main.count, main.of_row
        has_both = units is not None and dates.is_known
        self.date_groups = dates.count if has_both else 0
        self._ways = (main, dates) if has_both else (main,)
        # Rows that are in the same group of either kind.
        self._cell = main.of_row * dates.count + dates.of_row if has_both else main.of_row
        self._cells = main.count * dates.count if has_both else main.count
        kept = [1 - np.eye(main.count)]
        if has_both:
            kept = [np.repeat(kept[0], dates.count, axis=1), np.tile(1 - np.eye(dates.count), main.count)]
        apart = np.vstack(kept)
        self._kept = np.vstack([np.ones(self._cells), apart if self.is_known else np.full_like(apart, np.nan)])

    @functools.cached_property
    def _rows(self) -> Floats:
        return self.totals(np.ones(len(self.group)))

    def weightings(self) -> Iterator[Floats]:
        """The weights of the rows for each replicate."""
        for kept in self._kept:
            yield self.weights * kept[self._cell]

    def totals(self, values: Floats) -> Floats:
        """Replicates of the weighted sum of a quantity of each row: shape (1 + all groups,)."""
        return self._kept @ np.bincount(self._cell, weights=self.weights * values, minlength=self._cells)

    def totals_in(self, values: Floats, part: NDArray[np.intp], parts: int) -> Floats:
        """The same within each part of the rows, which ``part`` numbers: shape (1 + all groups, parts)."""
        cell = self._cell * parts + part
        sums = np.bincount(cell, weights=self.weights * values, minlength=self._cells * parts)
        return self._kept @ sums.reshape(self._cells, parts)

    def means(self, values: Floats) -> Floats:
        """Replicates of the weighted mean of a quantity of each row."""
        return ratios(self.totals(values), self._rows)

    def ratios(self, part: Floats, whole: Floats) -> Floats:
        """Replicates of the ratio of the sums of two quantities; not a number where it is over nothing."""
        return ratios(self.totals(part), self.totals(whole))

    def ends(
        self, replicates: Floats, level: float, within: tuple[float, float] = (-math.inf, math.inf)
    ) -> tuple[Floats, Floats]:
        """Both ends of the interval that holds ``level`` of what chance does, around the replicate of all rows.

        Args:
            replicates: of one statistic, or of several: shape (1 + all groups, …).
            level: of the interval.
            within: the least and the most that the statistic can be.

        Returns:
            The ends, each of shape (…); no numbers where a replicate is none, as without events outside of one group.
        """
        value, first, half = replicates[0], 1, np.zeros(np.shape(replicates[0]))
        for way in self._ways:
            half = np.maximum(half, way.half(value, replicates[first : first + way.count], level))
            first += way.count
        return np.clip(value - half, *within), np.clip(value + half, *within)


@dataclass(frozen=True)
class _Groups:
    """One way to put rows into groups; attributes as above.

    Attributes:
        count: of the groups.
        of_row: number of the group of each row.
    """

    units: int
    equal_units: float
    is_known: bool
    count: int
    of_row: NDArray[np.intp]
    are_dates: bool

    @classmethod
    def of_dates(cls, days: NDArray[np.datetime64], weights: Floats) -> Self:
        """Stretches of dates in their order, each of about as many rows as the others."""
        number, rows, equal = _units(days, weights)
        groups = groups_of_dates(round(equal))
        # A date belongs where its middle row does. One that is longer than a stretch leaves numbers without a date.
        place = ((np.cumsum(rows) - rows / 2) * groups / rows.sum()).astype(np.intp)
        names, group = np.unique(place, return_inverse=True)
        is_known = len(rows) >= FEWEST_TEST_DAYS and equal >= FEWEST_EQUAL_DATES
        return cls(len(rows), equal, is_known, len(names), group[number], are_dates=True)

    @classmethod
    def of_units(cls, units: NDArray[np.uint64], weights: Floats) -> Self:
        """Equally many units each; hashes in their order are units in none."""
        number, rows, equal = _units(units, weights)
        groups = min(len(rows), MOST_GROUPS_OF_UNITS)
        return cls(len(rows), equal, equal >= FEWEST_UNITS, groups, number * groups // len(rows), are_dates=False)

    def half(self, value: Floats, replicates: Floats, level: float) -> Floats:
        """Half the width of the interval by the replicates of a statistic that leave one of these groups out each."""
        # Imported late: it takes a third of a second, and LightGBM has imported it by the time that a model is judged.
        from scipy.special import stdtrit

        groups = self.count
        pseudo_values = groups * value - (groups - 1) * replicates
        distances = pseudo_values - pseudo_values.mean(axis=0)
        squares = (distances**2).sum(axis=0)
        count = _equivalent_count(distances, squares) if self.are_dates else groups
        # The variance of groups that are alike is larger than it looks.
        variance = squares / groups / (1 - 1 / count) / count if groups > 1 else np.full_like(squares, np.nan)
        half: Floats = stdtrit(np.maximum(count - 1, FEWEST_DEGREES_OF_FREEDOM), (1 + level) / 2) * np.sqrt(variance)
        return half


def _units(of_each: NDArray[Any], weights: Floats) -> tuple[NDArray[np.intp], Floats, float]:
    """The number of each row's unit, the weight of each unit, and how many of equal weight tell as much."""
    names, number = np.unique(of_each, return_inverse=True)
    rows = np.bincount(number, weights=weights, minlength=len(names))
    return number, rows, float(rows.sum() ** 2 / (rows**2).sum())


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
