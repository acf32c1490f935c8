"""Measures in words, for people who do not train models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightshift.figures import number

if TYPE_CHECKING:
    from training.fitting.fitted_model import Calibrated, FittedModel


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
    "validation": "stopped them, chose between trials, set what decides",
    "test": "took part in no choice; all that is judged was measured on it",
}
MAPS = {"none": "no map", "platt": "Platt scaling", "isotonic": "isotonic regression"}


def period_words(name: str, model: FittedModel) -> str:
    """What a period was used for."""
    made = "calibrated" if model.threshold is not None else "gave the interval"
    also = {
        "train": f"; left out in turn, it {made} too" if model.calibrated.train else "",
        "validation": f", {made}",
    }
    # Where no map was fitted, no row calibrated.
    return PERIODS[name] + (also.get(name, "") if model.threshold is None or _is_fitted(model) else "")


def calibration_words(model: FittedModel) -> str:
    """How raw scores became what is published: what was done, why, and on which rows."""
    calibration, made = model.calibration, model.calibrated
    if calibration.kind == "identity":
        return f"none, as values need none; their interval comes from the residuals of {_rows_of(made)}"
    done = f"{MAPS[calibration.kind]}, fitted on {_rows_of(made)}"
    if calibration.kind == "none":
        done = "none: probabilities are the raw scores' own"
    elif not _is_fitted(model):
        done = f"only the known shift of the weight of events is taken out ({calibration.intercept:+.4g} log-odds)"
    if made.declared != "auto":
        return f"{done}; declared by training.calibration, not chosen"
    if len(made.losses) < 2:
        return f"{done}; no map could be fitted on some of these rows and tried on the others"
    tried = ", ".join(f"{MAPS[name]} {number(loss, 5)}" for name, loss in made.losses.items())
    rows = "these rows" if _is_fitted(model) else _rows_of(made)
    return f"{done}; it had the least log-loss when blocks of {rows} were left out in turn: {tried}"


def _is_fitted(model: FittedModel) -> bool:
    """Whether a map was fitted; no fit gives exactly the slope of that which takes the weight of events out."""
    return model.calibration.kind == "isotonic" or (model.calibration.kind == "platt" and model.calibration.slope != 1)


def _rows_of(made: Calibrated) -> str:
    validation = f"{made.validation:,} rows of validation"
    if not made.train:
        return f"{validation} alone, as no part of train could be left out"
    return f"{made.train:,} rows of train, each scored by trees that had not seen it, and {validation}"


def interval_in_words(lower: float | None, upper: float | None, digits: int = 4) -> str:
    """An interval as people read it, each end of which may be no number; empty where there is none."""
    if lower is None or upper is None:
        return ""
    if not (math.isfinite(lower) or math.isfinite(upper)):
        return "not computable"
    return f"{number(lower, digits)} to {number(upper, digits)}"
