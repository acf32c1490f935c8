"""Measures that mean the same on any data: relative to how common the outcome is, or to what was promised.

A calibration error of 0.1 is nothing where every third case is an event, and five times too much where every fiftieth
is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from nightshift.declarations.training_section import BINARY
from training.judging.metrics.arrays import mean, ratio

if TYPE_CHECKING:
    from training.data.dataset import Part
    from training.fitting.fitted_model import FittedModel
    from training.judging.metrics.arrays import Floats

# By task, what :func:`relative_numbers` gives.
RELATIVE_MEASURES: Mapping[str, tuple[str, ...]] = {
    "binary": ("calibration_error_share", "level_ratio"),
    "regression": ("miss_ratio",),
}


def relative_numbers(
    metrics: Mapping[str, float], test: Part, predicted: Floats, model: FittedModel
) -> dict[str, float]:
    """The relative measures of a model on the test period.

    Args:
        metrics: of its evaluation.
        test: the period.
        predicted: by the model, of its rows.
        model: with the interval that it promised.
    """
    if model.task == BINARY:
        rate, forecast = test.rate, mean(predicted, test.weights)
        return {
            "calibration_error_share": ratio(metrics["calibration_error"], min(rate, 1 - rate)),
            "level_ratio": level_ratio(forecast, rate),
        }
    assert model.interval is not None  # every regression has one
    return {"miss_ratio": ratio(1 - metrics["coverage"], 1 - model.interval.coverage)}


def level_ratio(forecast: float, rate: float) -> float:
    """How many times a mean forecast is too high or too low, of the event or of its absence, whichever is worse.

    Calibration in the large: 1 where the mean forecast is the rate that came true. A rate that rises from 0.9 to 0.975
    is a fourfold fall of the cases without the event.
    """
    pairs = ((forecast, rate), (rate, forecast), (1 - forecast, 1 - rate), (1 - rate, 1 - forecast))
    # Not a number where one is over nothing.
    return float(np.max([ratio(one, other) for one, other in pairs]))
