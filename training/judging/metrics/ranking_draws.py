"""Measures of a ranking on each draw of a bootstrap, shape (draws,).

To sort 84,000 rows again for each of 1000 draws would take minutes. What a draw does is to weigh days again; so rows
are summed once by day and group of neighbouring scores, and a draw is a product of matrices. There is a group for
each distinct score up to ``SCORE_GROUPS``; where there are more, neighbours share a group, and the draws are moved
by the little that this changes the measure of the rows as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from training.judging.metrics.arrays import ratios
from training.judging.metrics.binary_measures import TOP_SHARE, average_precision, lift
from training.judging.metrics.calibration_error import calibration_bins
from training.judging.metrics.resampled_days import Bootstrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.judging.metrics.arrays import Floats

SCORE_GROUPS = 2000


def average_precisions(bootstrap: Bootstrap, labels: Floats, predicted: Floats) -> Floats:
    """Average precision."""

    def measured(hits: Floats, warned: Floats) -> Floats:
        precision = np.divide(hits, warned, out=np.zeros_like(hits), where=warned > 0)
        steps = np.diff(hits, axis=1, prepend=0.0)
        return ratios(np.einsum("sg,sg->s", steps, precision), hits[:, -1])

    exact = average_precision(labels, predicted, bootstrap.weights)
    return _moved(bootstrap, labels, predicted, measured, exact)


def lifts(bootstrap: Bootstrap, labels: Floats, predicted: Floats) -> Floats:
    """Lift of the highest tenth of the forecasts."""

    def measured(hits: Floats, warned: Floats) -> Floats:
        top = [
            np.interp(TOP_SHARE * rows[-1], np.append(0.0, rows), np.append(0.0, events))
            for events, rows in zip(hits, warned, strict=True)
        ]
        return ratios(np.array(top), TOP_SHARE * hits[:, -1])

    return _moved(bootstrap, labels, predicted, measured, lift(labels, predicted, bootstrap.weights))


def calibration_errors(bootstrap: Bootstrap, labels: Floats, predicted: Floats) -> Floats:
    """Expected calibration error, in the bins of the rows as they are and with the signs of their gaps.

    A draw moves every bin's rate. To take the absolute values of the drawn gaps would count that noise as
    miscalibration a second time, and give intervals above their own measure; with the signs held, a bin whose gap
    turns round counts against the others. What falls under 0 is 0.
    """
    bins = calibration_bins(predicted, bootstrap.weights)
    count = int(bins.max()) + 1
    gaps = predicted - labels
    signs = np.sign(np.bincount(bins, weights=bootstrap.weights * gaps, minlength=count))
    drawn = bootstrap.totals_in(gaps, bins, count) @ signs
    return np.maximum(ratios(drawn, bootstrap.totals(np.ones(len(labels)))), 0.0)


def score_groups(predicted: Floats) -> tuple[NDArray[np.intp], int]:
    """The group of each row by its score, the highest first, and how many groups there are; ties stay together."""
    distinct, rank, counts = np.unique(-predicted, return_inverse=True, return_counts=True)
    if len(distinct) <= SCORE_GROUPS:
        return rank, len(distinct)
    before = np.cumsum(counts) - counts
    group = np.unique(before * SCORE_GROUPS // len(predicted), return_inverse=True)[1]
    return group[rank], int(group.max()) + 1


def cumulated(bootstrap: Bootstrap, labels: Floats, predicted: Floats) -> tuple[Floats, Floats]:
    """Weight of events and of all rows from the highest group down to each, shape (draws, groups)."""
    group, groups = score_groups(predicted)
    hits = bootstrap.totals_in(labels > 0.5, group, groups)
    rows = bootstrap.totals_in(np.ones(len(labels)), group, groups)
    return np.cumsum(hits, axis=1), np.cumsum(rows, axis=1)


def _moved(
    bootstrap: Bootstrap,
    labels: Floats,
    predicted: Floats,
    measured: Callable[[Floats, Floats], Floats],
    exact: float,
) -> Floats:
    """A measure on each draw, moved by the difference of ``exact`` and the measure of the grouped rows."""
    (grouped,) = measured(*cumulated(bootstrap.as_they_are(), labels, predicted))
    drawn: Floats = measured(*cumulated(bootstrap, labels, predicted)) + (exact - grouped)
    return drawn
