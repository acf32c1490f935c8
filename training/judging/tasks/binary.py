"""Binary classification: probabilities, and decisions at a threshold that minimises declared costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from nightshift.declarations.training_section import Costs
from training.judging.metrics.arrays import mean
from training.judging.metrics.binary_measures import (
    TOP_SHARE,
    auc,
    average_precision,
    brier,
    lift,
    log_loss,
    log_losses,
    squared_distances,
)
from training.judging.metrics.calibration_error import CALIBRATION_BINS, calibration_error
from training.judging.metrics.decision_costs import decision_metrics, outcomes
from training.judging.metrics.grouped_jackknife import GroupedJackknife
from training.judging.metrics.ranking_replicates import calibration_errors, ranking_measures

if TYPE_CHECKING:
    from training.judging.metrics.arrays import Floats


@dataclass(frozen=True)
class Binary:
    """Measures of probabilities.

    Attributes:
        costs: of wrong decisions.
        threshold: from which the forecast warns; None leaves decisions unmeasured.
    """

    costs: Costs
    threshold: float | None

    paired: ClassVar[tuple[str, ...]] = ("auc", "average_precision")
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        **dict.fromkeys(("auc", "average_precision", "brier", "calibration_error"), (0.0, 1.0)),
        **dict.fromkeys(("precision", "recall", "warned_share"), (0.0, 1.0)),
        **dict.fromkeys(("log_loss", "cost_per_row"), (0.0, math.inf)),
        "lift_at_10": (0.0, 1 / TOP_SHARE),
    }

    def counts(self, labels: Floats, weights: Floats) -> dict[str, float]:
        """Rows and events as they were counted, and the rate of the event as it is in the period."""
        rows, events = len(labels), int(np.count_nonzero(labels > 0.5))
        return {
            "rows": float(rows),
            "events": float(events),
            "rows_of_rarer_class": float(min(events, rows - events)),
            "event_rate": mean(labels, weights),
        }

    def losses(self, labels: Floats, predicted: Floats) -> Floats:
        """Log-loss of each row, in nats."""
        return log_losses(labels, predicted)

    def measures(
        self, labels: Floats, predicted: Floats, weights: Floats, bins: int = CALIBRATION_BINS
    ) -> dict[str, float]:
        """Ranking, probabilities and, where there is a threshold, decisions."""
        loss = log_loss(labels, predicted, weights)
        measured = {
            "loss": loss,
            "auc": auc(labels, predicted, weights),
            "average_precision": average_precision(labels, predicted, weights),
            "log_loss": loss,
            "brier": brier(labels, predicted, weights),
            "calibration_error": calibration_error(labels, predicted, weights, bins),
            "lift_at_10": lift(labels, predicted, weights),
        }
        if self.threshold is not None:
            measured |= decision_metrics(labels, predicted, weights, self.threshold, self.costs)
        return measured

    def replicates(self, jackknife: GroupedJackknife, labels: Floats, predicted: Floats) -> dict[str, Floats]:
        """Of the headline measures, at the threshold and in the bins of the rows as they are."""
        found = {
            **ranking_measures(jackknife, labels, predicted),
            "log_loss": jackknife.means(log_losses(labels, predicted)),
            "brier": jackknife.means(squared_distances(labels, predicted)),
            "calibration_error": calibration_errors(jackknife, labels, predicted),
        }
        if self.threshold is not None:
            decided = outcomes(labels, predicted, self.threshold)
            hits, false_alarms, missed = decided["hits"], decided["false_alarms"], decided["missed"]
            found["precision"] = jackknife.ratios(hits, hits + false_alarms)
            found["recall"] = jackknife.ratios(hits, hits + missed)
            found["warned_share"] = jackknife.means(hits + false_alarms)
            found["cost_per_row"] = jackknife.means(self.costs.false_alarm * false_alarms + self.costs.missed * missed)
        return found

    def in_slice(self, labels: Floats, predicted: Floats, weights: Floats, bins: int) -> dict[str, float]:
        """All measures, and the rate of the event."""
        measured = self.measures(labels, predicted, weights, min(bins, CALIBRATION_BINS))
        return {"event_rate": mean(labels, weights), **measured}

    def worst(self, judged: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """The lowest AUC and the largest calibration error of the slices that are judged."""
        if not judged:
            return {"worst_slice_auc": float("nan"), "worst_slice_calibration_error": float("nan")}
        return {
            "worst_slice_auc": float(np.min([each["auc"] for each in judged])),
            "worst_slice_calibration_error": float(np.max([each["calibration_error"] for each in judged])),
        }
