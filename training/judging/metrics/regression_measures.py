"""Measures of a forecast of a quantity, weighted by rows; in the unit of the label unless it says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.judging.metrics.arrays import mean, ratio

if TYPE_CHECKING:
    from training.judging.metrics.arrays import Floats


def squared_errors(labels: Floats, predicted: Floats) -> Floats:
    """The squared error of each row, in the label's unit squared."""
    return (predicted.astype(np.float64) - labels) ** 2


def pinball_losses(labels: Floats, quantile: Floats, level: float) -> Floats:
    """What a forecast of a quantile loses on each row (Koenker and Bassett, 1978); 0 where it is the outcome."""
    short = labels - quantile
    return np.maximum(level * short, (level - 1) * short)


def covered(labels: Floats, lower: Floats, upper: Floats) -> Floats:
    """1 where the outcome lies in its interval, ends included, else 0."""
    return ((lower <= labels) & (labels <= upper)).astype(np.float64)


def r2(labels: Floats, predicted: Floats, weights: Floats | None = None) -> float:
    """Share of the variance that is explained; under 0 for worse than the mean, not a number without variance."""
    spread = mean((labels - mean(labels, weights)) ** 2, weights)
    return 1 - ratio(mean(squared_errors(labels, predicted), weights), spread)


def value_metrics(labels: Floats, predicted: Floats, weights: Floats | None = None) -> dict[str, float]:
    """All measures of a forecast without its interval. ``bias`` is above 0 where the forecast is too high."""
    squared = mean(squared_errors(labels, predicted), weights)
    return {
        "mae": mean(np.abs(predicted - labels), weights),
        "mse": squared,
        "rmse": float(np.sqrt(squared)),
        "r2": r2(labels, predicted, weights),
        "bias": mean(predicted - labels, weights),
    }
