"""The split by time: train, then validation, then test, never at random."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Self

from nightshift.dates import BatchDates
from nightshift.declarations.training_section import FEWEST_TEST_DAYS
from nightshift.declarations.use_case import UseCase
from nightshift.errors import UsageError


@dataclass(frozen=True)
class Periods:
    """Three periods that follow each other, with an embargo between them.

    Attributes:
        train: what trees are grown on.
        validation: what stops them, chooses between trials, calibrates and sets the decision threshold.
        test: touched once, by the evaluation.
    """

    train: BatchDates
    validation: BatchDates
    test: BatchDates

    @classmethod
    def of(
        cls, use_case: UseCase, dates: BatchDates, validation_days: int | None = None, test_days: int | None = None
    ) -> Self:
        """The periods that use_case.yaml declares (`training`), or of other lengths.

        The embargo is the maturity less one day, unless declared: outcomes of the train period are then all known
        when the validation period begins, and no outcome's window reaches from one period into the next.

        Raises:
            NightshiftError: if a period would be empty, or the test period too short to judge by.
        """
        training = use_case.training
        embargo = training.embargo_days
        return cls.at_end(
            dates,
            training.validation_days if validation_days is None else validation_days,
            training.test_days if test_days is None else test_days,
            use_case.target.maturity_days - 1 if embargo is None else embargo,
        )

    @classmethod
    def at_end(cls, dates: BatchDates, validation_days: int, test_days: int, embargo_days: int = 0) -> Self:
        """Take the test period from the end of the range, validation before it, and train on the rest.

        Args:
            dates: the whole range.
            validation_days: batch dates of the validation period.
            test_days: batch dates of the test period.
            embargo_days: batch dates that are left out before the validation and before the test period.

        Raises:
            NightshiftError: if a period would be empty, or the test period too short to judge by.
        """
        if validation_days < 1 or test_days < 1 or embargo_days < 0:
            raise UsageError(
                f"{validation_days} validation days, {test_days} test days and {embargo_days} days of embargo: each "
                "period needs at least one, and an embargo has none or more"
            )
        if test_days < FEWEST_TEST_DAYS:
            raise UsageError(
                f"{test_days} test days are too few: how far chance moves a measure is told by how days differ, and "
                f"that needs {FEWEST_TEST_DAYS} days. Raise test_days: the option --test-days, the form's field "
                "Test days, or `training.test_days` in use_case.yaml"
            )
        needed = validation_days + test_days + 2 * embargo_days + 1
        if len(dates) < needed:
            embargo = f", {embargo_days} of embargo before each of them" if embargo_days else ""
            raise UsageError(
                f"{dates} has {len(dates)} batch dates; {validation_days} to validate, {test_days} to test{embargo} "
                f"and at least one to train make {needed}: ask for a longer range, or for fewer days "
                "(--validation-days, --test-days; `training` in use_case.yaml)"
            )
        day = dt.timedelta(days=1)
        test_first = dates.last - (test_days - 1) * day
        validation_last = test_first - (embargo_days + 1) * day
        validation_first = validation_last - (validation_days - 1) * day
        return cls(
            train=BatchDates(dates.first, validation_first - (embargo_days + 1) * day),
            validation=BatchDates(validation_first, validation_last),
            test=BatchDates(test_first, dates.last),
        )

    def items(self) -> tuple[tuple[str, BatchDates], ...]:
        """The periods by name, in order."""
        return ("train", self.train), ("validation", self.validation), ("test", self.test)
