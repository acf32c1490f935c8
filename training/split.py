"""The split by time: train, then validation, then test, never at random."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Self

from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError


@dataclass(frozen=True)
class Periods:
    """Three periods that follow each other without a gap.

    Attributes:
        train: what trees are grown on.
        validation: what stops them, chooses between trials and sets the decision threshold.
        test: touched once, by the evaluation.
    """

    train: BatchDates
    validation: BatchDates
    test: BatchDates

    @classmethod
    def at_end(cls, dates: BatchDates, validation_days: int, test_days: int) -> Self:
        """Take the test period from the end of the range, validation before it, and train on the rest.

        Raises:
            NightshiftError: if a period would be empty.
        """
        if validation_days < 1 or test_days < 1:
            raise NightshiftError(
                f"{validation_days} validation days and {test_days} test days: each period needs at least one"
            )
        needed = validation_days + test_days + 1
        if len(dates) < needed:
            raise NightshiftError(
                f"{dates} has {len(dates)} batch dates; {validation_days} to validate, {test_days} to test and at "
                f"least one to train make {needed}: ask for a longer range, or for fewer days "
                "(--validation-days, --test-days)"
            )
        day = dt.timedelta(days=1)
        test_first = dates.last - (test_days - 1) * day
        validation_first = test_first - validation_days * day
        return cls(
            train=BatchDates(dates.first, validation_first - day),
            validation=BatchDates(validation_first, test_first - day),
            test=BatchDates(test_first, dates.last),
        )

    def items(self) -> tuple[tuple[str, BatchDates], ...]:
        """The periods by name, in order."""
        return ("train", self.train), ("validation", self.validation), ("test", self.test)
