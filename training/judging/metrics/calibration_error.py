"""How far probabilities are from the rates at which things happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.judging.metrics.arrays import filled, ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.judging.metrics.arrays import Floats

CALIBRATION_BINS = 10


def calibration_bins(
    predicted: Floats, weights: Floats | None = None, bins: int = CALIBRATION_BINS
) -> NDArray[np.intp]:
    """The number of the bin of each row; bins hold about equally much weight each, ties stay together."""
    edges = np.quantile(
        predicted,
        # A little under: 0.3 as a float is above three tenths, and would take one row more.
        np.linspace(0, 1, bins + 1)[1:-1] * (1 - 1e-12),
        method="inverted_cdf",
        weights=filled(weights, len(predicted)),
    )
    return np.searchsorted(np.unique(edges), predicted, side="left")


def reliability(
    labels: Floats, predicted: Floats, weights: Floats | None = None, bins: int = CALIBRATION_BINS
) -> tuple[Floats, Floats, Floats]:
    """Mean forecast, observed rate and weight of each bin, the lowest forecasts first."""
    weights = filled(weights, len(labels))
    number = calibration_bins(predicted, weights, bins)
    each = np.bincount(number, weights=weights)
    kept = each > 0
    forecast = np.bincount(number, weights=weights * predicted)[kept] / each[kept]
    observed = np.bincount(number, weights=weights * labels)[kept] / each[kept]
    return forecast, observed, each[kept]


def calibration_error(
    labels: Floats, predicted: Floats, weights: Floats | None = None, bins: int = CALIBRATION_BINS
) -> float:
    """Expected calibration error: |forecast - observed| averaged over equal-mass bins, weighted by rows.

    Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, 2015; with bins of equal
    mass (Nguyen and O'Connor, 2015), as bins of equal width leave most of them empty where events are rare.
    """
    forecast, observed, each = reliability(labels, predicted, weights, bins)
    return ratio(float(np.abs(forecast - observed) @ each), float(each.sum()))
