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

from nightshift.dates import DAILY, Calendar
from training.fitting.fit import Parts, raw_scores, refit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.data.dataset import Part

STRETCHES = 5


def left_out_scores(
    parts: Parts,
    train: Part,
    parameters: Mapping[str, Any],
    rounds: int,
    embargo: int = 0,
    calendar: Calendar = DAILY,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Leave out each stretch of days in turn, grow as many rounds on the others, and score what was left out.

    Args:
        parts: the binned data.
        train: its train part.
        parameters: of the search's winner.
        rounds: after which validation was best.
        embargo: batch dates around a stretch that the trees do not see either, as between the periods.
        calendar: of the batch dates.

    Returns:
        Raw scores of the train rows, and which of them there are: none where neither days nor independent units make
        two stretches, or the embargo leaves nothing to grow on.
    """
    days, number = np.unique(train.days, return_inverse=True)
    raw, there = np.zeros(len(train)), np.zeros(len(train), dtype=bool)
    # Where a row stands in the calendar; of a single batch date, units are left out instead, and none is near another.
    place = np.array([calendar.number(day) for day in days.tolist()])[number]
    if len(days) < 2 and train.units is not None:
        days, number = np.unique(train.units, return_inverse=True)
        place, embargo = number, 0
    stretches = min(STRETCHES, len(days))
    if stretches < 2:
        return raw, there
    stretch = number * stretches // len(days)
    for each in range(stretches):
        left_out = stretch == each
        first, last = place[left_out].min(), place[left_out].max()
        seen = np.flatnonzero((place < first - embargo) | (place > last + embargo))
        if not len(seen):
            continue
        booster = refit(parts, parameters, seen, rounds)
        raw[left_out], there[left_out] = raw_scores(booster, train.matrix[left_out]), True
    return raw, there
