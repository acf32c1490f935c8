"""The split by time: train, then validation, then test, never at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from nightshift.dates import BatchDates, Length
from nightshift.declarations.training_section import FEWEST_TEST_DAYS, TOO_FEW_DATES
from nightshift.declarations.use_case import UseCase
from nightshift.errors import UsageError

_NONE = Length(0)


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

        Unless an embargo is declared, a period ends so early that all its labels come with the first delivery of the
        next one at the latest: no outcome's window reaches from one period into the next.

        Raises:
            NightshiftError: if a period would be empty, or the test period too short to judge by.
        """
        training = use_case.training
        embargo = training.length("embargo") if training.has_embargo else use_case.maturity - 1
        return cls.at_end(
            dates,
            training.length("validation") if validation_days is None else Length(validation_days),
            training.length("test") if test_days is None else Length(test_days),
            embargo,
            training.fewest_test_dates,
        )

    @classmethod
    def at_end(
        cls,
        dates: BatchDates,
        validation: Length,
        test: Length,
        embargo: Length = _NONE,
        fewest_test_dates: int = FEWEST_TEST_DAYS,
    ) -> Self:
        """Take the test period from the end of the range, validation before it, and train on the rest.

        Args:
            dates: the whole range.
            validation: length of the validation period.
            test: length of the test period.
            embargo: what is left out before the validation and before the test period.
            fewest_test_dates: that the test period must have.

        Raises:
            NightshiftError: if a period would be empty, or the test period too short to judge by.
        """
        if validation.count < 1 or test.count < 1 or embargo.count < 0:
            raise UsageError(
                f"{validation} to validate, {test} to test and {embargo} of embargo: each period needs at least one, "
                "and an embargo has none or more"
            )
        calendar = dates.calendar
        test_first = calendar.begin(dates.last, test)
        validation_last = calendar.last_due(test_first, embargo + 1)
        validation_first = calendar.begin(validation_last, validation)
        train_last = calendar.last_due(validation_first, embargo + 1)
        if len(dates.between(test_first, dates.last)) < fewest_test_dates:
            raise UsageError(
                f"{test} to test are too few: how far chance moves a measure is told by how batch dates differ, and "
                f"that needs {fewest_test_dates} of them: {TOO_FEW_DATES}"
            )
        if train_last < dates.first or not validation_first <= validation_last < test_first:
            apart = f", {embargo} of embargo before each of them" if embargo.count else ""
            raise UsageError(
                f"{dates} has {len(dates)} batch dates; {validation} to validate, {test} to test{apart} "
                f"leave none to train on: ask for a longer range, or for less of them "
                "(--validation-days, --test-days; `training` in use_case.yaml)"
            )
        return cls(
            train=dates.between(dates.first, train_last),
            validation=dates.between(validation_first, validation_last),
            test=dates.between(test_first, dates.last),
        )

    def items(self) -> tuple[tuple[str, BatchDates], ...]:
        """The periods by name, in order."""
        return ("train", self.train), ("validation", self.validation), ("test", self.test)
