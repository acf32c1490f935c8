"""What a training makes, before it is registered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nightshift.declarations.training_section import Task
from nightshift.models.calibrated_predictions import Calibration, Interval
from nightshift.models.encoding import Encoding
from training.fitting.fit import raw_scores

if TYPE_CHECKING:
    import lightgbm as lgb
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Calibrated:
    """What a calibration or an interval was made from.

    Attributes:
        declared: `training.calibration`; of values, which need none, ``none``.
        train: how many train rows it was fitted on, scored by trees that saw neither them nor what is too near.
        validation: how many rows of validation, whose loss stopped the trees.
        losses: for ``auto`` the log-loss of each map on rows that it was not fitted on.
    """

    declared: str
    train: int
    validation: int
    losses: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FittedModel:
    """Trees, and all that turns their sums into a prediction and a decision.

    Attributes:
        task: binary or regression.
        booster: LightGBM's model, cut to the rounds that are used.
        encoding: how rows of the feature table become its matrix.
        calibration: how its raw scores become probabilities or values.
        threshold: binary: the probability from which to warn.
        interval: regression: what is added to a value to give the ends of its interval.
        calibrated: what calibration or interval were made from.
    """

    task: Task
    booster: lgb.Booster
    encoding: Encoding
    calibration: Calibration
    threshold: float | None
    interval: Interval | None
    calibrated: Calibrated

    def gain_shares(self) -> dict[str, float]:
        """Share of the model's gain that the splits on each feature have, from 0 to 1."""
        gains = self.booster.feature_importance(importance_type="gain")
        total = float(sum(gains)) or 1.0
        return {name: float(gain) / total for name, gain in zip(self.encoding.features, gains, strict=True)}

    def predicted(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability (binary) or value (regression) of each row of an encoded matrix, shape (rows,)."""
        return self.calibration.apply(raw_scores(self.booster, matrix))
