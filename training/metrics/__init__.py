"""Measures of forecasts, weighted by rows, and how far chance could move them. Plain numpy."""

from training.metrics.bands import Band, precision_recall_band, reliability_band, roc_band
from training.metrics.binary import (
    auc,
    average_precision,
    brier,
    concordant_pairs,
    curve,
    lift,
    log_loss,
    log_losses,
)
from training.metrics.bootstrap import Bootstrap, ends
from training.metrics.calibration import calibration_error, reliability
from training.metrics.decisions import NEVER, best_threshold, cost_curve, decision_metrics
from training.metrics.regression import value_metrics

__all__ = [
    "NEVER",
    "Band",
    "Bootstrap",
    "auc",
    "average_precision",
    "best_threshold",
    "brier",
    "calibration_error",
    "concordant_pairs",
    "cost_curve",
    "curve",
    "decision_metrics",
    "ends",
    "lift",
    "log_loss",
    "log_losses",
    "precision_recall_band",
    "reliability",
    "reliability_band",
    "roc_band",
    "value_metrics",
]
