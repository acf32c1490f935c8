"""What pictures are drawn of."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from training.judging.metrics import GroupedJackknife
from training.plots.shap_values import Contributions, contributions

if TYPE_CHECKING:
    from nightshift.declarations.training_section import Training
    from training.challenger import Challenger
    from training.data.dataset import Dataset, Part
    from training.fitting.fitted_model import FittedModel
    from training.judging.evaluate import Evaluation
    from training.judging.metrics.arrays import Floats


@dataclass(frozen=True)
class Subject:
    """A model on its test period.

    Attributes:
        challenger: the model and its evaluation.
        dataset: that it was made from.
        training: what was declared: costs, seed, monotone features.
        units: of features, by name, where they are declared.
        unit: of the label; empty for an event.
    """

    challenger: Challenger
    dataset: Dataset
    training: Training
    units: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""

    @property
    def model(self) -> FittedModel:
        """Trees, calibration, threshold or interval."""
        return self.challenger.model

    @property
    def evaluation(self) -> Evaluation:
        """Of the test period."""
        return self.challenger.evaluation

    @property
    def test(self) -> Part:
        """Its rows."""
        return self.dataset.test

    @property
    def predicted(self) -> Floats:
        """The model's predictions of them."""
        return self.evaluation.predicted["test"]

    @functools.cached_property
    def jackknife(self) -> GroupedJackknife:
        """The groups of the test rows that the intervals of the metrics rest on."""
        return GroupedJackknife(self.test.days, self.test.weights, self.test.units)

    @functools.cached_property
    def contributions(self) -> Contributions:
        """What each feature added to the scores of some rows."""
        return contributions(self.model, self.test, self.training.seed)

    def named(self, feature: str) -> str:
        """A feature with its unit."""
        unit = self.units.get(feature)
        return f"{feature} [{unit}]" if unit else feature

    @property
    def value_axis(self) -> str:
        """The unit of values in brackets, or nothing."""
        return f" [{self.unit}]" if self.unit else ""
