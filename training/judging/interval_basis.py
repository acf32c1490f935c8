"""What the intervals of an evaluation rest on, and what they therefore do not cover, in words for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from nightshift.declarations.training_section import (
    BATCH_DATE,
    FEWEST_EQUAL_DATES,
    FEWEST_TEST_DAYS,
    FEWEST_UNITS,
    TOO_FEW_DATES,
)
from nightshift.figures import amount

if TYPE_CHECKING:
    from nightshift.declarations.training_section import Training
    from training.data.dataset import Part
    from training.judging.metrics.grouped_jackknife import GroupedJackknife


@dataclass(frozen=True)
class IntervalBasis:
    """What was left out in turn.

    Attributes:
        unit: `training.independent_unit`.
        units: how many batch dates, or values of that column, the test rows have.
        equal_units: how many of equally many rows tell as much.
        groups: how many groups they made.
        dates: how many batch dates the test rows have.
        date_groups: how many the dates made beside those of a column; 0 where dates were too few.
        is_known: whether these were enough for intervals.
    """

    unit: str
    units: int
    equal_units: float
    groups: int
    dates: int
    date_groups: int
    is_known: bool

    @classmethod
    def of(cls, training: Training, test: Part, jackknife: GroupedJackknife) -> Self:
        """Of the test rows of an evaluation."""
        dates = len(np.unique(test.days))
        return cls(
            training.independent_unit,
            jackknife.units,
            jackknife.equal_units,
            jackknife.groups,
            dates,
            jackknife.date_groups,
            jackknife.is_known,
        )

    @property
    def lacking(self) -> str:
        """What there is too little of, and what to do; for people who declare a training."""
        if self.unit == BATCH_DATE and self.dates >= FEWEST_TEST_DAYS:
            return (
                f"the {self.dates} batch dates of the test period tell as much as {int(self.equal_units)} of equally "
                f"many rows, and to tell how far chance moves a measure {FEWEST_EQUAL_DATES} are needed: "
                f"{TOO_FEW_DATES}"
            )
        if self.unit == BATCH_DATE:
            return (
                f"{amount(self.dates, 'batch date')} of the test period have rows, and to tell how "
                f"far chance moves a measure {FEWEST_TEST_DAYS} are needed: {TOO_FEW_DATES}"
            )
        return (
            f"the test rows have {self.units:,} values of {self.unit} (training.independent_unit), which tell as much "
            f"as {int(self.equal_units):,} of equally many rows, and to tell how far chance moves a measure "
            f"{FEWEST_UNITS} are needed: name a column of more values, or set test_days or test_deliveries to more "
            "dates and leave training.independent_unit unset"
        )

    @property
    def words(self) -> str:
        """In two sentences: what the intervals rest on, and what they do not cover."""
        if not self.is_known:
            return f"No interval could be computed: {self.lacking}."
        dates = amount(self.dates, "batch date")
        if self.unit == BATCH_DATE:
            return (
                f"Intervals rest on {self.groups} groups of neighbouring batch dates, {dates} in all. They do not "
                "cover seasons and events that the test period has not seen."
            )
        if self.date_groups:
            return (
                f"Intervals rest on {self.groups} groups of {self.units:,} {self.unit}, or on {self.date_groups} "
                f"groups of neighbouring batch dates, {dates} in all, where these give the wider one. They do not "
                "cover seasons and events that the test period has not seen."
            )
        return (
            f"Intervals rest on {self.groups} groups of {self.units:,} {self.unit}. They do not cover a change that "
            f"hits all {self.unit} at once, like another season or another economy, as the test has {dates} only."
        )
