"""What each feature added to the raw score of a row: exact TreeSHAP values, from LightGBM itself.

Lundberg et al., From local explanations to global understanding with explainable AI for trees, 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.data.dataset import Part
    from training.fitting.fitted_model import FittedModel
    from training.judging.metrics.arrays import Floats

# Enough for pictures; their cost grows with rows, trees and the square of the trees' depth.
EXPLAINED_ROWS = 2000


@dataclass(frozen=True)
class Contributions:
    """Some rows of the test period, drawn by weight so that they stand for all.

    Attributes:
        features: names, in the order of the columns.
        matrix: encoded values, shape (rows, features).
        values: what each added to the raw score, shape (rows, features): log-odds, or the label's unit.
    """

    features: tuple[str, ...]
    matrix: NDArray[np.float32]
    values: Floats

    @property
    def strength(self) -> Floats:
        """Mean size of each feature's contribution, shape (features,)."""
        found: Floats = np.abs(self.values).mean(axis=0)
        return found

    def strongest(self, count: int) -> list[int]:
        """Columns of the features that add most, the strongest first; those that add nothing are left out."""
        order = np.argsort(-self.strength, kind="stable")[:count]
        return [int(at) for at in order if self.strength[at] > 0]


def contributions(model: FittedModel, test: Part, seed: int) -> Contributions:
    """Explain :data:`EXPLAINED_ROWS` rows of the test period, or all where there are fewer."""
    size = min(EXPLAINED_ROWS, int(np.count_nonzero(test.weights)))
    share = test.weights / test.weights.sum()
    drawn = np.sort(np.random.default_rng(seed).choice(len(test), size=size, replace=False, p=share))
    matrix = test.matrix[drawn]
    explained = np.asarray(model.booster.predict(matrix, pred_contrib=True), dtype=np.float64)
    # The last column is the base value, equal for all rows.
    return Contributions(model.encoding.features, matrix, explained[:, :-1])
