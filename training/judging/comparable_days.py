"""On which days of the test period a champion may be compared with a challenger.

A champion that was trained or tuned on days of that period is flattered there, and would keep out a better one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from nightshift.dates import BatchDates
from nightshift.declarations.training_section import FEWEST_TEST_DAYS
from nightshift.errors import NightshiftError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nightshift.models.model_version import RegisteredModel

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
    def of(cls, champion: RegisteredModel, test: BatchDates, days: NDArray[np.datetime64]) -> Self:
        """Check the champion's own periods against a challenger's test.

        Args:
            champion: whose tags say what it was made from.
            test: the challenger's test period.
            days: batch date of each test row, shape (rows,).
        """
        name, everything = f"champion version {champion.version}", np.ones(len(days), dtype=bool)
        try:
            first = BatchDates.parse(champion.tags.get(_UNSEEN_FROM, ""), test.calendar).first
        except NightshiftError:
            return cls(
                everything,
                f"From which days {name} was made is not known, as its tag {_UNSEEN_FROM} is no range of batch dates: "
                "on those of this test period that it has seen, its measures flatter it.",
            )
        if first <= test.first:
            return cls(everything, "")
        seen = test.between(test.first, min(test.last, test.calendar.later(first, -1)))
        said = (
            f"On {seen} of this test period the measures of {name} flatter it, as it was trained and tuned on days "
            f"before {first}."
        )
        later = days >= np.datetime64(first)
        if len(np.unique(days[later])) < FEWEST_TEST_DAYS:
            return cls(
                everything,
                f"{said} Fewer than {FEWEST_TEST_DAYS} later days have rows, so the gain over it is measured on all "
                "days, in its favour.",
            )
        return cls(later, f"{said} The gain over it is measured on {test.between(first, test.last)} alone.")
