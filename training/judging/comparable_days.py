"""On which days of the test period a champion may be compared with a challenger.

A champion that was trained or tuned on days of that period is flattered there, and would keep out a better one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError
from training.judging.metrics.grouped_jackknife import GroupedJackknife

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nightshift.models.model_version import RegisteredModel
    from training.data.dataset import Part

# Tag of a run and a version: what flatters the champion that it was compared with. Always there, as a resumed run
# keeps the tags that are not given again.
FLATTERED_TAG: Final = "champion_flattered"
BY_NOTHING: Final = "by nothing"
# Of the champion. Its own test period begins behind all that made it, and behind the embargo.
_UNSEEN_FROM: Final = "period.test"


@dataclass(frozen=True)
class Footing:
    """How fairly the two are compared.

    Attributes:
        rows: mask of the test rows on which the gain over the champion is measured.
        flattered: what people must know of the champion's measures; empty where it has seen no day of the test.
    """

    rows: NDArray[np.bool_]
    flattered: str

    @classmethod
    def of(cls, champion: RegisteredModel, period: BatchDates, test: Part) -> Self:
        """Check the champion's own periods against a challenger's test.

        Args:
            champion: whose tags say what it was made from.
            period: the challenger's test period.
            test: its rows.
        """
        name, everything = f"champion version {champion.version}", np.ones(len(test), dtype=bool)
        try:
            first = BatchDates.parse(champion.tags.get(_UNSEEN_FROM, ""), period.calendar).first
        except NightshiftError:
            return cls(
                everything,
                f"From which days {name} was made is not known, as its tag {_UNSEEN_FROM} is no range of batch dates: "
                "on those of this test period that it has seen, its measures flatter it.",
            )
        if first <= period.first:
            return cls(everything, "")
        seen = period.between(period.first, min(period.last, period.calendar.later(first, -1)))
        said = (
            f"On {seen} of this test period the measures of {name} flatter it, as it was trained and tuned on days "
            f"before {first}."
        )
        later = test.days >= np.datetime64(first)
        rest = test.of(later)
        if not later.any() or not GroupedJackknife(rest.days, rest.weights, rest.units).is_known:
            return cls(
                everything,
                f"{said} Too few rows are later to measure the gain over it on them alone: it is measured on all days, "
                "in its favour.",
            )
        return cls(later, f"{said} The gain over it is measured on {period.between(first, period.last)} alone.")
