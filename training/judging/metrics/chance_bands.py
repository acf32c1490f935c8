"""Curves with the band in which chance moves them, for pictures: 95 % at each point by itself, not of whole curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from training.judging.metrics.arrays import ratios
from training.judging.metrics.calibration_error import calibration_bins, reliability
from training.judging.metrics.grouped_jackknife import LEVEL, GroupedJackknife
from training.judging.metrics.ranking_replicates import curves

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


def roc_band(jackknife: GroupedJackknife, labels: Floats, predicted: Floats) -> Band:
    """True positive rate over false positive rate."""
    grid = np.linspace(0, 1, _POINTS)

    def rate(hits: Floats, false_alarms: Floats) -> Floats:
        found: Floats = np.interp(
            grid, np.append(0.0, false_alarms / false_alarms[-1]), np.append(0.0, hits / hits[-1])
        )
        return found

    return _band(jackknife, labels, predicted, grid, rate)


def precision_recall_band(jackknife: GroupedJackknife, labels: Floats, predicted: Floats) -> Band:
    """Precision over recall, from a hundredth on: under it, precision rests on a few rows."""
    grid = np.linspace(0.01, 1, _POINTS - 1)

    def precision(hits: Floats, false_alarms: Floats) -> Floats:
        # The first forecast from which on the recall is reached.
        at = np.minimum(np.searchsorted(hits / hits[-1], grid - 1e-12, side="left"), len(hits) - 1)
        found: Floats = hits[at] / (hits + false_alarms)[at]
        return found

    return _band(jackknife, labels, predicted, grid, precision)


def reliability_band(jackknife: GroupedJackknife, labels: Floats, predicted: Floats) -> Band:
    """Observed rate over mean forecast of the ten bins of the calibration error."""
    forecast, _, _ = reliability(labels, predicted, jackknife.weights)
    bins = calibration_bins(predicted, jackknife.weights)
    count = int(bins.max()) + 1
    kept = np.bincount(bins, weights=jackknife.weights, minlength=count) > 0
    hits = jackknife.totals_in(labels, bins, count)[:, kept]
    return _around(jackknife, forecast, ratios(hits, jackknife.totals_in(np.ones(len(labels)), bins, count)[:, kept]))


def _band(
    jackknife: GroupedJackknife,
    labels: Floats,
    predicted: Floats,
    grid: Floats,
    curve: Callable[[Floats, Floats], Floats],
) -> Band:
    """The curve of all rows between its ends; where one class is missing there is none."""
    missing = np.full(len(grid), np.nan)
    found = [
        curve(hits, false_alarms) if hits[-1] > 0 and false_alarms[-1] > 0 else missing
        for hits, false_alarms in curves(jackknife, labels, predicted)
    ]
    return _around(jackknife, grid, np.array(found))


def _around(jackknife: GroupedJackknife, x: Floats, replicates: Floats) -> Band:
    return Band(x, replicates[0], *jackknife.ends(replicates, LEVEL, (0.0, 1.0)))
