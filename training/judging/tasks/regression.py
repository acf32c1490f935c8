"""Regression: values, and an interval around each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from training.judging.metrics.arrays import mean, ratios
from training.judging.metrics.grouped_jackknife import GroupedJackknife
from training.judging.metrics.regression_measures import covered, pinball_losses, squared_errors, value_metrics

if TYPE_CHECKING:
    from nightshift.models.calibrated_predictions import Interval
    from training.judging.metrics.arrays import Floats


@dataclass(frozen=True)
class Regression:
    """Measures of values.

    Attributes:
        interval: around each value; None leaves it unmeasured.
    """

    interval: Interval | None

    paired: ClassVar[tuple[str, ...]] = ()
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        **dict.fromkeys(("mae", "mse", "rmse", "pinball_lower", "pinball_upper"), (0.0, math.inf)),
        "r2": (-math.inf, 1.0),
        "coverage": (0.0, 1.0),
    }

    def counts(self, labels: Floats, weights: Floats) -> dict[str, float]:
        """Rows as they were counted, and the mean label of the period."""
        return {"rows": float(len(labels)), "label_mean": mean(labels, weights)}

    def losses(self, labels: Floats, predicted: Floats) -> Floats:
        """Squared error of each row, in the label's unit squared."""
        return squared_errors(labels, predicted)

    def measures(self, labels: Floats, predicted: Floats, weights: Floats) -> dict[str, float]:
        """Errors of the values and, where there is an interval, pinball loss of its ends and its coverage."""
        measured = value_metrics(labels, predicted, weights)
        rows = self._of_interval(labels, predicted)
        return {"loss": measured["mse"], **measured, **{name: mean(each, weights) for name, each in rows.items()}}

    def replicates(self, jackknife: GroupedJackknife, labels: Floats, predicted: Floats) -> dict[str, Floats]:
        """Of the measures."""
        squared = jackknife.means(squared_errors(labels, predicted))
        # From the overall mean, so that the difference of the sums does not lose the digits that matter.
        centred = labels - mean(labels, jackknife.weights)
        variance = jackknife.means(centred**2) - jackknife.means(centred) ** 2
        found = {
            "mae": jackknife.means(np.abs(predicted - labels)),
            "mse": squared,
            "rmse": np.sqrt(squared),
            "r2": 1 - ratios(squared, variance),
            "bias": jackknife.means(predicted - labels),
        }
        return found | {name: jackknife.means(rows) for name, rows in self._of_interval(labels, predicted).items()}

    def in_slice(self, labels: Floats, predicted: Floats, weights: Floats, bins: int) -> dict[str, float]:
        """All measures, and the mean label."""
        return {"label_mean": mean(labels, weights), **self.measures(labels, predicted, weights)}

    def worst(self, judged: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """The largest mean absolute error of the slices that are judged."""
        return {"worst_slice_mae": float(np.max([each["mae"] for each in judged])) if judged else float("nan")}

    def _of_interval(self, labels: Floats, predicted: Floats) -> dict[str, Floats]:
        """What is measured on each row of the interval; nothing where there is none."""
        if self.interval is None:
            return {}
        lower, upper = self.interval.around(predicted)
        tail = (1 - self.interval.coverage) / 2
        return {
            "pinball_lower": pinball_losses(labels, lower, tail),
            "pinball_upper": pinball_losses(labels, upper, 1 - tail),
            "coverage": covered(labels, lower, upper),
        }
