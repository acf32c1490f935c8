"""Ranges of batch dates, as jobs take them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self

from nightshift.dates.calendars import DAILY, Calendar, Length
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
    """An inclusive range of batch dates; iterating gives each date in order.

    Attributes:
        first: a day; the range has no batch date before it.
        last: a day; the range has no batch date after it.
        calendar: says which days in between are batch dates.
    """

    first: dt.date
    last: dt.date
    calendar: Calendar = field(default=DAILY, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise UsageError(f"the range {self} ends before its start: {ALLOWED}")

    @classmethod
    def parse(cls, text: str, calendar: Calendar = DAILY) -> Self:
        """Read ``2013-10-01`` or ``2013-10-01..2013-10-03``; a range begins and ends with a batch date, or is cut.

        Raises:
            NightshiftError: if the text is neither, the range ends before its start, or there is no batch date in it.
        """
        first, separator, last = text.strip().partition("..")
        asked = cls(parse_date(first), parse_date(last if separator else first), calendar)
        if not len(asked):
            before, after = calendar.newest(asked.first), calendar.later(asked.last, 1)
            raise UsageError(
                f"{asked} is no batch date: these are {calendar.words}", remedy=f"take {before}, or {after}"
            )
        return cls(calendar.next(asked.first), calendar.newest(asked.last), calendar)

    @classmethod
    def of(cls, date: dt.date, calendar: Calendar = DAILY) -> Self:
        """The range of one night."""
        return cls(date, date, calendar)

    def within(self, limit: Length) -> Self:
        """This range, if it is no longer than ``limit``.

        Raises:
            NightshiftError: if it is.
        """
        if self.calendar.begin(self.last, limit) > self.first:
            raise UsageError(
                f"the range {self} has {len(self)} dates, and one run may have {limit} "
                f"(`max_range_{limit.unit}` in use_case.yaml): split it"
            )
        return self

    def between(self, first: dt.date, last: dt.date) -> Self:
        """Another range of the same calendar."""
        return type(self)(first, last, self.calendar)

    def __iter__(self) -> Iterator[dt.date]:
        for number in self._numbers():
            yield self.calendar.date(number)

    def __len__(self) -> int:
        return len(self._numbers())

    def _numbers(self) -> range:
        last = self.calendar.number(self.last)
        first = self.calendar.number(self.first)
        return range(first if self.first in self.calendar else first + 1, last + 1)

    def __contains__(self, date: object) -> bool:
        return isinstance(date, dt.date) and self.first <= date <= self.last and date in self.calendar

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}..{self.last}"

    def sql(self, column: str = "batch_date") -> str:
        """A predicate on ``column``; the dates are typed, so nothing a person typed reaches SQL."""
        return f"{column} >= DATE'{self.first}' AND {column} <= DATE'{self.last}'"


def shifted(dates: BatchDates, deliveries: int) -> BatchDates:
    """A range moved by a number of deliveries."""
    return dates.between(*(dates.calendar.later(date, deliveries) for date in (dates.first, dates.last)))


def as_ranges(dates: Iterable[dt.date], longest: Length | None = None, calendar: Calendar = DAILY) -> list[BatchDates]:
    """Batch dates, in any order, as few ranges without gaps.

    Args:
        longest: no range is longer than this; None where one may have any number of dates.
    """
    made: list[BatchDates] = []
    for date in sorted(set(dates)):
        follows = bool(made) and calendar.distance(made[-1].last, date) == 1
        if follows and (longest is None or calendar.begin(date, longest) <= made[-1].first):
            made[-1] = made[-1].between(made[-1].first, date)
        else:
            made.append(BatchDates.of(date, calendar))
    return made
