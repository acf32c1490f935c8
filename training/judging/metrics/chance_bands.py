"""Curves with the band in which chance moves them, to be drawn: whole days of the rows are resampled.

A band holds 95 % of the draws at each point by itself, not of whole curves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.judging.metrics.calibration_error import calibration_bins, reliability
from training.judging.metrics.ranking_draws import cumulated
from training.judging.metrics.resampled_days import LEVEL, Bootstrap, ends

if TYPE_CHECKING:
    from training.judging.metrics.arrays import Floats

_POINTS = 101


@dataclass(frozen=True)
class Band:
    """A curve over ``x`` and the ends of its band, each of shape (points,); ends that cannot be known are NaN."""

    x: Floats
    value: Floats
    lower: Floats
    upper: Floats


def roc_band(bootstrap: Bootstrap, labels: Floats, predicted: Floats) -> Band:
    """True positive rate over false positive rate."""
    grid = np.linspace(0, 1, _POINTS)

    def rate(hits: Floats, warned: Floats) -> Floats:
        false_alarms = warned - hits
        rates: Floats = np.interp(
            grid, np.append(0.0, false_alarms / false_alarms[-1]), np.append(0.0, hits / hits[-1])
        )
        return rates

    return _band(bootstrap, labels, predicted, grid, rate)


def precision_recall_band(bootstrap: Bootstrap, labels: Floats, predicted: Floats) -> Band:
    """Precision over recall, from a hundredth on: under it, precision rests on a few rows."""
    grid = np.linspace(0.01, 1, _POINTS - 1)

    def precision(hits: Floats, warned: Floats) -> Floats:
        # The first group from which on the recall is reached.
        at = np.minimum(np.searchsorted(hits / hits[-1], grid - 1e-12, side="left"), len(hits) - 1)
        precisions: Floats = hits[at] / warned[at]
        return precisions

    return _band(bootstrap, labels, predicted, grid, precision)


def reliability_band(bootstrap: Bootstrap, labels: Floats, predicted: Floats) -> Band:
    """Observed rate over mean forecast of the ten bins of the calibration error."""
    forecast, observed, _ = reliability(labels, predicted, bootstrap.weights)
    bins = calibration_bins(predicted, bootstrap.weights)
    count = int(bins.max()) + 1
    kept = np.bincount(bins, weights=bootstrap.weights, minlength=count) > 0
    hits = bootstrap.totals_in(labels, bins, count)[:, kept]
    rows = bootstrap.totals_in(np.ones(len(labels)), bins, count)[:, kept]
    lower, upper = _ends(np.divide(hits, rows, out=np.full(hits.shape, np.nan), where=rows > 0))
    return Band(forecast, observed, lower, upper)


def _band(
    bootstrap: Bootstrap, labels: Floats, predicted: Floats, grid: Floats, curve: Callable[[Floats, Floats], Floats]
) -> Band:
    """The curve of the rows as they are and of every draw; where one class is missing there is none."""

    def curves(draws: Bootstrap) -> Floats:
        cumulative = zip(*cumulated(draws, labels, predicted), strict=True)
        missing = np.full(len(grid), np.nan)
        return np.array([curve(hits, rows) if 0 < hits[-1] < rows[-1] else missing for hits, rows in cumulative])

    (value,) = curves(bootstrap.as_they_are())
    with np.errstate(divide="ignore", invalid="ignore"):
        lower, upper = _ends(curves(bootstrap))
    return Band(grid, value, lower, upper)


def _ends(drawn: Floats) -> tuple[Floats, Floats]:
    found = np.array([ends(point, LEVEL) for point in drawn.T])
    return found[:, 0], found[:, 1]
