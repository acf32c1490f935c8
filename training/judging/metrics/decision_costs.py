"""What the decisions cost that a threshold makes, and which threshold costs least."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nightshift.declarations.training_section import Costs
from training.judging.metrics.arrays import filled, ratio
from training.judging.metrics.binary_measures import curve

if TYPE_CHECKING:
    from training.judging.metrics.arrays import Floats

# The threshold of a model that should never warn: calibrated probabilities stay under 1.
NEVER_WARN = 1.0


def cost_curve(labels: Floats, predicted: Floats, weights: Floats, costs: Costs) -> tuple[Floats, Floats]:
    """Thresholds, highest first and beginning with ``NEVER_WARN``, and the cost per row of warning from each on."""
    hits, false_alarms, thresholds = curve(labels, predicted, weights)
    hits, false_alarms = np.append(0.0, hits), np.append(0.0, false_alarms)
    total = costs.false_alarm * false_alarms + costs.missed * (hits[-1] - hits)
    return np.append(NEVER_WARN, thresholds), total / (hits[-1] + false_alarms[-1])


def best_threshold(labels: Floats, predicted: Floats, weights: Floats, costs: Costs) -> float:
    """The probability from which to warn so that wrong decisions cost least; of equal ones, the highest."""
    thresholds, per_row = cost_curve(labels, predicted, weights, costs)
    return float(thresholds[int(np.argmin(per_row))])


def outcomes(labels: Floats, predicted: Floats, threshold: float) -> dict[str, Floats]:
    """Which rows are ``hits``, ``false_alarms`` and ``missed`` events, as 0 or 1."""
    warned, event = predicted >= threshold, labels > 0.5
    found = {"hits": warned & event, "false_alarms": warned & ~event, "missed": ~warned & event}
    return {name: which.astype(np.float64) for name, which in found.items()}


def decision_metrics(
    labels: Floats, predicted: Floats, weights: Floats | None, threshold: float, costs: Costs
) -> dict[str, float]:
    """Costs and rates of the decisions; costs are per row, in the use case's unit.

    The precision of a model that never warns and the recall where nothing happened are not numbers.
    """
    weights = filled(weights, len(labels))
    sums = {name: float(weights @ which) for name, which in outcomes(labels, predicted, threshold).items()}
    hits, false_alarms, missed = sums["hits"], sums["false_alarms"], sums["missed"]
    rows, events = float(weights.sum()), hits + missed
    return {
        "threshold": threshold,
        "precision": ratio(hits, hits + false_alarms),
        "recall": ratio(hits, events),
        "warned_share": ratio(hits + false_alarms, rows),
        "cost_per_row": ratio(costs.false_alarm * false_alarms + costs.missed * missed, rows),
        "cost_per_row_never_warning": ratio(costs.missed * events, rows),
        "cost_per_row_always_warning": ratio(costs.false_alarm * (rows - events), rows),
    }
