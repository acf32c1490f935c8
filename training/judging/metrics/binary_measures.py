"""Measures of a probability forecast, weighted by rows.

``labels`` are 0 or 1, ``predicted`` probabilities, ``weights`` how many rows each row stands for (all of shape
(rows,)). Plain numpy: importing scikit-learn costs two seconds of every training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from training.judging.metrics.arrays import filled, mean, ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.judging.metrics.arrays import Floats

# A forecast of 0 or 1 that is wrong would cost infinitely much.
_SMALLEST = 1e-15
# `lift_at_10` looks at this share of the rows.
TOP_SHARE = 0.1


def log_losses(labels: Floats, predicted: Floats) -> Floats:
    """Negative log-likelihood of each row, in nats."""
    clipped = np.clip(predicted.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    return -np.where(labels > 0.5, np.log(clipped), np.log1p(-clipped))


def squared_distances(labels: Floats, predicted: Floats) -> Floats:
    """The squared distance of each forecast to what happened; their mean is the Brier score."""
    return (predicted.astype(np.float64) - labels) ** 2


def curve(labels: Floats, predicted: Floats, weights: Floats | None = None) -> tuple[Floats, Floats, Floats]:
    """Weight of true and of false positives at each distinct threshold, highest first, and the thresholds."""
    order = np.argsort(-predicted, kind="stable")
    ordered = predicted[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    event, each = labels[order] > 0.5, filled(weights, len(labels))[order]
    # Two sums and not a difference: what is nothing must be exactly nothing.
    hits = np.cumsum(np.where(event, each, 0.0))[last_of_ties]
    false_alarms = np.cumsum(np.where(event, 0.0, each))[last_of_ties]
    return hits, false_alarms, ordered[last_of_ties]


def auc(labels: Floats, predicted: Floats, weights: Floats | None = None) -> float:
    """Area under the ROC curve; ties count half; not a number where only one class occurs."""
    hits, false_alarms, _ = curve(labels, predicted, weights)
    earlier = np.append(0.0, hits[:-1])
    area = np.diff(false_alarms, prepend=0.0) @ (hits + earlier) / 2
    return ratio(float(area), float(hits[-1] * false_alarms[-1]))


def concordant_pairs(
    labels: Floats, predicted: Floats, unit: NDArray[np.intp], units: int, weights: Floats | None = None
) -> Floats:
    """The weight of the pairs of an event and a non-event that the forecast orders rightly, ties counting half.

    ``unit`` is the number of the unit, like a day, to which each row belongs. The result has the shape
    (units, units): events of the unit of the row, non-events of that of the column.
    """
    weights = filled(weights, len(labels))
    order = np.argsort(predicted, kind="stable")
    labels, predicted, unit, weights = labels[order], predicted[order], unit[order], weights[order]
    event = labels > 0.5
    forecast, weight, event_unit = predicted[event], weights[event], unit[event]
    pairs = np.zeros((units, units))
    for other in range(units):
        non_events = ~event & (unit == other)
        total = np.append(0.0, np.cumsum(weights[non_events]))
        below = total[np.searchsorted(predicted[non_events], forecast, "left")]
        not_above = total[np.searchsorted(predicted[non_events], forecast, "right")]
        pairs[:, other] = np.bincount(event_unit, weights=weight * (below + not_above) / 2, minlength=units)
    return pairs


def average_precision(labels: Floats, predicted: Floats, weights: Floats | None = None) -> float:
    """Precision averaged over the steps of recall, without interpolation; not a number without an event."""
    hits, false_alarms, _ = curve(labels, predicted, weights)
    warned = np.maximum(hits + false_alarms, np.finfo(np.float64).tiny)
    return ratio(float(np.diff(hits, prepend=0.0) @ (hits / warned)), float(hits[-1]))


def lift(labels: Floats, predicted: Floats, weights: Floats | None = None, share: float = TOP_SHARE) -> float:
    """Rate of the event among the highest forecasts over that of all rows.

    Where the last of the ``share`` highest are tied with others, a part of the ties is taken.
    """
    hits, false_alarms, _ = curve(labels, predicted, weights)
    warned = hits + false_alarms
    top = np.interp(share * warned[-1], np.append(0.0, warned), np.append(0.0, hits))
    return ratio(float(top), share * float(hits[-1]))


def brier(labels: Floats, predicted: Floats, weights: Floats | None = None) -> float:
    """Mean squared distance of the forecast to what happened."""
    return mean(squared_distances(labels, predicted), weights)


def log_loss(labels: Floats, predicted: Floats, weights: Floats | None = None) -> float:
    """Mean negative log-likelihood, in nats per row."""
    return mean(log_losses(labels, predicted), weights)
