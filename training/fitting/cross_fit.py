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

from training.fitting.fit import Parts, raw_scores, refit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.data.dataset import Part

STRETCHES = 5


def left_out_scores(
    parts: Parts, train: Part, parameters: Mapping[str, Any], rounds: int, embargo_days: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Leave out each stretch of days in turn, grow as many rounds on the others, and score what was left out.

    Args:
        parts: the binned data.
        train: its train part.
        parameters: of the search's winner.
        rounds: after which validation was best.
        embargo_days: batch dates around a stretch that the trees do not see either, as between the periods.

    Returns:
        Raw scores of the train rows, and which of them there are: none where the days do not make two stretches, or
        the embargo leaves nothing to grow on.
    """
    days, number = np.unique(train.days, return_inverse=True)
    stretches = min(STRETCHES, len(days))
    raw, there = np.zeros(len(train)), np.zeros(len(train), dtype=bool)
    if stretches < 2:
        return raw, there
    stretch = number * stretches // len(days)
    for each in range(stretches):
        left_out = stretch == each
        seen = np.flatnonzero(_apart(train.days, train.days[left_out], embargo_days))
        if not len(seen):
            continue
        booster = refit(parts, parameters, seen, rounds)
        raw[left_out], there[left_out] = raw_scores(booster, train.matrix[left_out]), True
    return raw, there


def _apart(days: NDArray[np.datetime64], left_out: NDArray[np.datetime64], embargo_days: int) -> NDArray[np.bool_]:
    """Which days are further than the embargo from a stretch of days."""
    embargo = np.timedelta64(embargo_days, "D")
    apart: NDArray[np.bool_] = (days < left_out.min() - embargo) | (days > left_out.max() + embargo)
    return apart
