"""What a model is worth on the untouched test period, beside a constant and beside the champion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nightshift.training_plan import Costs
from training.dataset import Dataset, Part
from training.fit import probabilities_of
from training.metrics import Bootstrap, curve, forecast_metrics, log_losses

if TYPE_CHECKING:
    import lightgbm as lgb

    from training.metrics import Floats

# Chance must not pass: the lower end of a 99 % interval. A better model should: that of a 95 % one.
CHANCE_QUANTILE = 0.005
CHAMPION_QUANTILE = 0.025
# At least this probability is never reached: the threshold of a model that should never warn.
NEVER = 1.0


@dataclass(frozen=True)
class Evaluation:
    """The result of one evaluation.

    Attributes:
        threshold: decision threshold, chosen on validation.
        metrics: by name; those without a prefix are the model's on test.
        probabilities: of the test rows.
    """

    threshold: float
    metrics: dict[str, float]
    probabilities: Floats


def evaluate(
    booster: lgb.Booster, dataset: Dataset, costs: Costs, seed: int, champion: Floats | None = None
) -> Evaluation:
    """Measure a model on test, with the threshold that validation chooses.

    ``champion`` holds the champion's probabilities of the same test rows; None when there is no champion.
    """
    test, validation = dataset.test, dataset.validation
    tuned = probabilities_of(booster, validation.matrix)
    threshold = best_threshold(validation.labels, tuned, costs)
    probabilities = probabilities_of(booster, test.matrix)
    metrics = {
        "rows": float(len(test)),
        "events": float(test.labels.sum(dtype=np.float64)),
        "event_rate": test.rate,
        **forecast_metrics(test.labels, probabilities),
        **_prefixed("train_", forecast_metrics(dataset.train.labels, probabilities_of(booster, dataset.train.matrix))),
        **_prefixed("validation_", forecast_metrics(validation.labels, tuned)),
        **_prefixed("constant_", forecast_metrics(test.labels, np.full(len(test), dataset.known_rate))),
        **decision_metrics(test.labels, probabilities, threshold, costs),
        **_against(test, probabilities, dataset.known_rate, champion, seed),
    }
    if champion is not None:
        metrics |= _prefixed("champion_", forecast_metrics(test.labels, champion))
    return Evaluation(threshold, metrics, probabilities)


def best_threshold(labels: Floats, probabilities: Floats, costs: Costs) -> float:
    """The probability from which to warn so that wrong decisions cost least; of equal ones, the highest."""
    hits, false_alarms, thresholds = curve(labels, probabilities)
    warned = costs.false_alarm * false_alarms + costs.missed * (hits[-1] - hits)
    never = costs.missed * hits[-1]
    cheapest = int(np.argmin(warned))
    return NEVER if never <= warned[cheapest] else float(thresholds[cheapest])


def decision_metrics(labels: Floats, probabilities: Floats, threshold: float, costs: Costs) -> dict[str, float]:
    """Costs and rates of the decisions that a threshold makes; costs are per row, in the use case's unit."""
    warned, event = probabilities >= threshold, labels > 0.5
    hits, false_alarms, missed = (
        float(np.count_nonzero(which)) for which in (warned & event, warned & ~event, ~warned & event)
    )
    rows = len(labels)
    return {
        "threshold": threshold,
        "cost_per_row": (costs.false_alarm * false_alarms + costs.missed * missed) / rows,
        "cost_per_row_never_warning": costs.missed * float(np.count_nonzero(event)) / rows,
        "cost_per_row_always_warning": costs.false_alarm * float(np.count_nonzero(~event)) / rows,
        "precision": hits / (hits + false_alarms) if hits + false_alarms else 0.0,
        "recall": hits / (hits + missed) if hits + missed else 0.0,
        "warned_share": (hits + false_alarms) / rows,
    }


def _against(
    test: Part, probabilities: Floats, known_rate: float, champion: Floats | None, seed: int
) -> dict[str, float]:
    """Gains in log-loss over a constant and over the champion, with the lower ends of their intervals."""
    losses = log_losses(test.labels, probabilities)
    gains = {"gain_over_constant": log_losses(test.labels, np.full(len(test), known_rate)) - losses}
    if champion is not None:
        gains["gain_over_champion"] = log_losses(test.labels, champion) - losses
    bootstrap = Bootstrap(test.days, seed)
    drawn = {name: bootstrap.means(values) for name, values in gains.items()}
    drawn["auc"] = bootstrap.aucs(test.labels, probabilities)
    metrics = {name: float(values.mean()) for name, values in gains.items()}
    for name, values in drawn.items():
        lower = CHAMPION_QUANTILE if name == "gain_over_champion" else CHANCE_QUANTILE
        bounds = np.quantile(values, (lower, 1 - lower))
        metrics |= {f"{name}_lower": float(bounds[0]), f"{name}_upper": float(bounds[1])}
    return metrics


def _prefixed(prefix: str, metrics: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}{name}": value for name, value in metrics.items()}
