"""Raw scores of the train period by trees that did not see the days they score: what a calibration can be fitted on.

Validation alone is one stretch of time, and says how far forecasts were off in that stretch. A calibration that is
fitted on it carries its weather into the next season: measured on six origins of the sample year, it left an error of
0.043 (Platt) and 0.048 (isotonic) where no calibration left 0.047. Fitted on all stretches of train, left out in turn,
and validation, it left 0.040 (docs/models.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from training.fit import Parts, raw_scores, refit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.dataset import Part

STRETCHES = 5


def left_out_scores(
    parts: Parts, train: Part, parameters: Mapping[str, Any], rounds: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Leave out each stretch of days in turn, grow as many rounds on the others, and score what was left out.

    Args:
        parts: the binned data.
        train: its train part.
        parameters: of the search's winner.
        rounds: after which validation was best.

    Returns:
        Raw scores of the train rows, and which of them there are: none where the days do not make two stretches.
    """
    days, number = np.unique(train.days, return_inverse=True)
    stretches = min(STRETCHES, len(days))
    raw, there = np.zeros(len(train)), np.zeros(len(train), dtype=bool)
    if stretches < 2:
        return raw, there
    stretch = number * stretches // len(days)
    for each in range(stretches):
        left_out = stretch == each
        booster = refit(parts, parameters, np.flatnonzero(~left_out), rounds)
        raw[left_out], there[left_out] = raw_scores(booster, train.matrix[left_out]), True
    return raw, there
