"""Batch dates: the only notion of time below the DAGs.

A batch date names a delivery. Every job takes an inclusive range of them; a night is a range of one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from nightshift.errors import UsageError

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
ALLOWED = "allowed are one date like 2013-10-01 or an inclusive range like 2013-10-01..2013-10-03"


def parse_date(text: str) -> dt.date:
    """Read one ISO date.

    Raises:
        NightshiftError: if ``text`` is not exactly ``YYYY-MM-DD`` and a day of the calendar.
    """
    if not _DATE.fullmatch(text):
        raise UsageError(f"{text!r} is not a batch date: {ALLOWED}")
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a day of the calendar: {ALLOWED}") from error


@dataclass(frozen=True, order=True)
class BatchDates:
    """An inclusive range of batch dates; iterating gives each date in order."""

    first: dt.date
    last: dt.date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise UsageError(f"the range {self} ends before its start: {ALLOWED}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2013-10-01`` or ``2013-10-01..2013-10-03``.

        Raises:
            NightshiftError: if the text is neither, or the range ends before its start.
        """
        first, separator, last = text.strip().partition("..")
        return cls(parse_date(first), parse_date(last if separator else first))

    @classmethod
    def of(cls, date: dt.date) -> Self:
        """The range of one night."""
        return cls(date, date)

    def within(self, limit_days: int) -> Self:
        """This range, if it has no more than ``limit_days`` dates.

        Raises:
            NightshiftError: if it has more.
        """
        if len(self) > limit_days:
            raise UsageError(
                f"the range {self} has {len(self)} dates, and one run may have {limit_days} "
                "(`max_range_days` in use_case.yaml): split it"
            )
        return self

    def shifted(self, days: int) -> Self:
        """The range moved by a number of days."""
        step = dt.timedelta(days=days)
        return type(self)(self.first + step, self.last + step)

    def __iter__(self) -> Iterator[dt.date]:
        for offset in range(len(self)):
            yield self.first + dt.timedelta(days=offset)

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __contains__(self, date: object) -> bool:
        return isinstance(date, dt.date) and self.first <= date <= self.last

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}..{self.last}"

    def sql(self, column: str = "batch_date") -> str:
        """A predicate on ``column``; the dates are typed, so nothing a person typed reaches SQL."""
        return f"{column} >= DATE'{self.first}' AND {column} <= DATE'{self.last}'"


def near(date: dt.date, days: int) -> dt.date:
    """The date so many days later, or earlier; the calendar's own first or last where it has none."""
    return dt.date.fromordinal(min(max(date.toordinal() + days, 1), dt.date.max.toordinal()))


def as_ranges(dates: Iterable[dt.date], longest: int | None = None) -> list[BatchDates]:
    """Batch dates, in any order, as few ranges without gaps.

    Args:
        longest: no range has more dates than this; None where one may have any number.
    """
    made: list[BatchDates] = []
    for date in sorted(set(dates)):
        follows = bool(made) and date - made[-1].last == dt.timedelta(days=1)
        if follows and (longest is None or len(made[-1]) < longest):
            made[-1] = BatchDates(made[-1].first, date)
        else:
            made.append(BatchDates.of(date))
    return made
