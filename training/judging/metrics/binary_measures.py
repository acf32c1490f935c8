"""Measures of a probability forecast, weighted by rows.

``labels`` are 0 or 1, ``predicted`` probabilities, ``weights`` how many rows each row stands for (all of shape
(rows,)). Plain numpy: importing scikit-learn costs two seconds of every training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

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


@dataclass(frozen=True)
class Ranking:
    """Rows in the order of their forecasts, the highest first: sorted once, and measured with any weights.

    Attributes:
        order: of the rows.
        event: whether the row at each place of the order has the event.
        last_of_ties: the last place of each distinct forecast, shape (thresholds,).
        thresholds: these forecasts.
    """

    order: NDArray[np.intp]
    event: NDArray[np.bool_]
    last_of_ties: NDArray[np.intp]
    thresholds: Floats

    @classmethod
    def of(cls, labels: Floats, predicted: Floats) -> Self:
        """Sort the rows."""
        order = np.argsort(-predicted, kind="stable")
        ordered = predicted[order]
        last_of_ties = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
        return cls(order, labels[order] > 0.5, last_of_ties, ordered[last_of_ties])

    def curve(self, weights: Floats) -> tuple[Floats, Floats]:
        """Weight of true and of false positives at each threshold."""
        each = weights[self.order]
        # Two sums and not a difference: what is nothing must be exactly nothing.
        hits = np.cumsum(np.where(self.event, each, 0.0))[self.last_of_ties]
        return hits, np.cumsum(np.where(self.event, 0.0, each))[self.last_of_ties]


def curve(labels: Floats, predicted: Floats, weights: Floats | None = None) -> tuple[Floats, Floats, Floats]:
    """Weight of true and of false positives at each distinct threshold, highest first, and the thresholds."""
    ranking = Ranking.of(labels, predicted)
    return *ranking.curve(filled(weights, len(labels))), ranking.thresholds


def area(hits: Floats, false_alarms: Floats) -> float:
    """Area under the ROC curve; ties count half; not a number where only one class occurs."""
    earlier = np.append(0.0, hits[:-1])
    found = np.diff(false_alarms, prepend=0.0) @ (hits + earlier) / 2
    return ratio(float(found), float(hits[-1] * false_alarms[-1]))


def average_of_precision(hits: Floats, false_alarms: Floats) -> float:
    """Precision averaged over the steps of recall, without interpolation; not a number without an event."""
    warned = np.maximum(hits + false_alarms, np.finfo(np.float64).tiny)
    return ratio(float(np.diff(hits, prepend=0.0) @ (hits / warned)), float(hits[-1]))


def lift_of(hits: Floats, false_alarms: Floats) -> float:
    """Rate of the event among the highest tenth of the forecasts over that of all rows.

    Where the last of the tenth are tied with others, a part of the ties is taken.
    """
    warned = hits + false_alarms
    top = np.interp(TOP_SHARE * warned[-1], np.append(0.0, warned), np.append(0.0, hits))
    return ratio(float(top), TOP_SHARE * float(hits[-1]))


def auc(labels: Floats, predicted: Floats, weights: Floats | None = None) -> float:
    """The area under the ROC curve of a forecast."""
    return area(*curve(labels, predicted, weights)[:2])


def average_precision(labels: Floats, predicted: Floats, weights: Floats | None = None) -> float:
    """The average precision of a forecast."""
    return average_of_precision(*curve(labels, predicted, weights)[:2])


def lift(labels: Floats, predicted: Floats, weights: Floats | None = None) -> float:
    """The lift of the highest tenth of a forecast."""
    return lift_of(*curve(labels, predicted, weights)[:2])


def brier(labels: Floats, predicted: Floats, weights: Floats | None = None) -> float:
    """Mean squared distance of the forecast to what happened."""
    return mean(squared_distances(labels, predicted), weights)


def log_loss(labels: Floats, predicted: Floats, weights: Floats | None = None) -> float:
    """Mean negative log-likelihood, in nats per row."""
    return mean(log_losses(labels, predicted), weights)
