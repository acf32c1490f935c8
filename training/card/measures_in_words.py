"""Measures in words, for people who do not train models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightshift.figures import number

if TYPE_CHECKING:
    from nightshift.models.calibrated_predictions import Calibration


@dataclass(frozen=True)
class Measure:
    """One line of the tables of measures.

    Attributes:
        name: among the metrics.
        title: for people.
        better: the direction that is better.
        meaning: in a sentence.
    """

    name: str
    title: str
    better: str
    meaning: str


MEASURES_IN_WORDS = (
    Measure(
        "auc", "Area under the ROC curve", "higher",
        "How often an event gets a higher score than a row without; 0.5 is a coin toss.",
    ),
    Measure(
        "average_precision", "Average precision", "higher",
        "Share of right warnings, averaged over all ways to warn; the rate of the event is what chance gets.",
    ),
    Measure("log_loss", "Log-loss", "lower", "What the search minimises: surprise per row, in nats."),
    Measure("brier", "Brier score", "lower", "Mean squared distance of the probability to what happened."),
    Measure(
        "calibration_error", "Calibration error", "lower",
        "How far probabilities are from the rates that came true, on average.",
    ),
    Measure("lift_at_10", "Lift of the highest tenth", "higher", "Events there, against a tenth chosen by lot."),
    Measure("precision", "Precision", "higher", "Share of warnings that were right, at the threshold."),
    Measure("recall", "Recall", "higher", "Share of events that were warned of, at the threshold."),
    Measure("warned_share", "Share warned of", "", "At the threshold."),
    Measure("cost_per_row", "Cost per row", "lower", "Of wrong decisions at the threshold, by the declared costs."),
    Measure("mae", "Mean absolute error", "lower", "How far predictions miss, on average."),
    Measure("rmse", "Root mean squared error", "lower", "The same, with large misses counting more."),
    Measure("r2", "R²", "higher", "Share of the variance that is explained; 0 for a constant."),
    Measure("bias", "Bias", "nearer to 0", "Mean of predicted minus actual: above 0 predictions are too high."),
    Measure("coverage", "Coverage of the interval", "nearer to what was asked", "Share of values inside it."),
    Measure("pinball_lower", "Pinball loss, lower end", "lower", "How well the lower end of the interval lies."),
    Measure("pinball_upper", "Pinball loss, upper end", "lower", "How well the upper end of the interval lies."),
)  # fmt: skip
# Shown of each slice, by task.
OF_SLICES = {
    "binary": (
        ("event_rate", "event rate"), ("auc", "AUC"), ("calibration_error", "calibration error"), ("recall", "recall"),
        ("precision", "precision"), ("cost_per_row", "cost per row"),
    ),
    "regression": (("label_mean", "mean value"), ("mae", "MAE"), ("bias", "bias"), ("coverage", "coverage")),
}  # fmt: skip
PERIODS = {
    "train": "grew the trees",
    "validation": "stopped them, chose between trials, calibrated, set what decides",
    "test": "took part in no choice; all that is judged was measured on it",
}
NO_MAP_WON = "no map surely saved log-loss on days left out"
CALIBRATIONS = {
    "isotonic": "isotonic regression, on train days left out and validation",
    "platt": "Platt scaling, on train days left out and validation",
    "none": f"none: {NO_MAP_WON}, or it was declared so",
    "identity": "none, as values need none",
}


def calibration_words(calibration: Calibration) -> str:
    """How raw scores became what is published."""
    # No fit gives exactly this slope: it is the map that takes the weight of events out, and nothing else.
    if calibration.kind == "platt" and calibration.slope == 1:
        return f"the shift of the weight of events taken out ({calibration.intercept:+.4g} log-odds); {NO_MAP_WON}"
    return CALIBRATIONS[calibration.kind]


def interval_in_words(lower: float | None, upper: float | None, digits: int = 4) -> str:
    """An interval as people read it, each end of which may be no number; empty where there is none."""
    if lower is None or upper is None:
        return ""
    if not (math.isfinite(lower) or math.isfinite(upper)):
        return "not computable"
    return f"{number(lower, digits)} to {number(upper, digits)}"
