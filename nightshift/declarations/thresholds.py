"""Thresholds for unusual slices: what a table declares under `thresholds`, and the defaults."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Self

from pydantic import Field, PositiveInt, StringConstraints, model_validator

from nightshift.dates import Length
from nightshift.declarations.dates_section import HasLengths

Reason = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class Thresholds(HasLengths):
    """Against what a slice is compared, and how far it may be from it."""

    weeks: PositiveInt = Field(8, description="How far back slices of the same weekday are looked up.")
    recent_deliveries: PositiveInt = Field(
        7, description="How many batch dates before are compared, whatever their weekday."
    )
    recent_days: PositiveInt | None = Field(None, description="The same in days, instead of batch dates.")
    recent_snapshots: PositiveInt = Field(
        8, description="How many snapshots before are compared, of a source with `required: false`."
    )
    history_at_least: PositiveInt = Field(
        3,
        description="Slices that the rows must be compared with to be judged; of snapshots, which change little, one.",
    )
    column_history_at_least: PositiveInt = Field(
        5, description="The same for null shares and distinct counts of columns."
    )
    too_few: float = Field(
        0.1, ge=0, lt=1, description="Share of the usual rows under which a slice is refused: nine tenths are missing."
    )
    # Not ten: a tenfold delivery of a weak day is less than ten times the usual one.
    too_many: float = Field(6, gt=1, description="Multiple of the usual rows over which a slice is refused.")
    unusual_share: float = Field(
        0.3,
        gt=0,
        description="Deviation from the usual rows, as a share of them, that draws a warning, if it is also more than "
        "`unusual_deviations` and than chance makes of a small number.",
    )
    unusual_deviations: float = Field(
        5, ge=0, description="Median absolute deviations, scaled to standard deviations, that rows may be off unwarned."
    )
    null_share: float = Field(
        0.1,
        gt=0,
        le=1,
        description="How far a column's share of nulls may be outside of what earlier slices had, beyond the distance "
        "between their highest and lowest, unwarned.",
    )
    distinct_factor: float = Field(
        3, gt=1, description="Factor by which a column's distinct values may differ from earlier slices, unwarned."
    )
    accepted_volumes: dict[dt.date, Reason] = Field(
        {}, description="Batch dates whose rows are unusual for a known reason, with that reason."
    )

    def __hash__(self) -> int:
        # Tables are keys, and a mapping has no hash.
        return hash(self.model_dump_json())

    @model_validator(mode="after")
    def _something_is_judged(self) -> Self:
        # Of days at most so many are batch dates.
        recent, name = self.recent.count, f"recent_{self.recent.unit}"
        if self.history_at_least > max(self.weeks, recent):
            raise ValueError(
                f"history_at_least {self.history_at_least} is over weeks {self.weeks} and {name} {recent}, so that "
                "rows would never be judged"
            )
        if self.column_history_at_least > self.weeks + recent - min(self.weeks, recent // 7):
            raise ValueError(
                f"column_history_at_least {self.column_history_at_least} is over what weeks {self.weeks} and {name} "
                f"{recent} look up, so that columns would never be judged"
            )
        return self

    @property
    def recent(self) -> Length:
        """How long before a slice those are that it is compared with, whatever their weekday."""
        days = self.recent_days
        return Length(self.recent_deliveries, "deliveries") if days is None else Length(days)
