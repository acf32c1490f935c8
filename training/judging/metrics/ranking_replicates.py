"""Replicates of the measures of a ranking, and of the calibration error: shape (1 + groups,)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from training.judging.metrics.arrays import ratios
from training.judging.metrics.binary_measures import Ranking, area, average_of_precision, lift_of
from training.judging.metrics.calibration_error import calibration_bins
from training.judging.metrics.grouped_jackknife import GroupedJackknife

if TYPE_CHECKING:
    from training.judging.metrics.arrays import Floats


def ranking_measures(jackknife: GroupedJackknife, labels: Floats, predicted: Floats) -> dict[str, Floats]:
    """Area under the ROC curve, average precision and lift of the highest tenth, each as it is on the rows kept."""
    measured = [
        (area(*found), average_of_precision(*found), lift_of(*found)) for found in curves(jackknife, labels, predicted)
    ]
    names = ("auc", "average_precision", "lift_at_10")
    return dict(zip(names, np.array(measured).T, strict=True))


def curves(jackknife: GroupedJackknife, labels: Floats, predicted: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Weight of true and of false positives at each distinct forecast, highest first, of each replicate.

    The rows are sorted once for all of them.
    """
    ranking = Ranking.of(labels, predicted)
    for weights in jackknife.weightings():
        yield ranking.curve(weights)


def calibration_errors(jackknife: GroupedJackknife, labels: Floats, predicted: Floats) -> Floats:
    """Expected calibration error, in the bins of the rows as they are and with the signs of their gaps.

    Leaving rows out moves every bin's rate. To take the absolute values of these gaps would count that noise as
    miscalibration a second time; with the signs held, a bin whose gap turns round counts against the others.
    """
    bins = calibration_bins(predicted, jackknife.weights)
    count = int(bins.max()) + 1
    gaps = predicted - labels
    signs = np.sign(np.bincount(bins, weights=jackknife.weights * gaps, minlength=count))
    return ratios(jackknife.totals_in(gaps, bins, count) @ signs, jackknife.totals(np.ones(len(labels))))
