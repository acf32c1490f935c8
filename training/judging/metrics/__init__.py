"""Measures of forecasts, weighted by rows, and how far chance could move them. Plain numpy."""

from training.judging.metrics.binary_measures import (
    auc,
    average_precision,
    brier,
    curve,
    lift,
    log_loss,
    log_losses,
)
from training.judging.metrics.calibration_error import calibration_error, reliability
from training.judging.metrics.chance_bands import Band, precision_recall_band, reliability_band, roc_band
from training.judging.metrics.decision_costs import NEVER_WARN, best_threshold, cost_curve, decision_metrics
from training.judging.metrics.grouped_jackknife import LEVEL, GroupedJackknife
from training.judging.metrics.regression_measures import value_metrics

__all__ = [
    "LEVEL",
    "NEVER_WARN",
    "Band",
    "GroupedJackknife",
    "auc",
    "average_precision",
    "best_threshold",
    "brier",
    "calibration_error",
    "cost_curve",
    "curve",
    "decision_metrics",
    "lift",
    "log_loss",
    "log_losses",
    "precision_recall_band",
    "reliability",
    "reliability_band",
    "roc_band",
    "value_metrics",
]
