"""Which days are batch dates: each day, or one of a week or month, or those of a list."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Literal

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EPOCH = dt.date(1970, 1, 1)
_LAST_ORDINAL = dt.date.max.toordinal()
# January of year 1, in months since a year 0.
_FIRST_MONTH = 12


@dataclass(frozen=True)
class Length:
    """A length of time, in days or in deliveries, as its declaration says.

    Attributes:
        count: of days, or of batch dates.
    """

    count: int
    unit: Literal["days", "deliveries"] = "days"

    def __str__(self) -> str:
        one = {"days": "day", "deliveries": "delivery"}[self.unit]
        return f"{self.count} {one if self.count == 1 else self.unit}"

    def __sub__(self, fewer: int) -> Length:
        return Length(self.count - fewer, self.unit)

    def __add__(self, more: int) -> Length:
        return Length(self.count + more, self.unit)


class Calendar(ABC):
    """The days that are batch dates, without beginning or end unless they are listed; each has a number."""

    @abstractmethod
    def number(self, day: dt.date) -> int:
        """The number of the newest batch date that is not after a day."""

    @abstractmethod
    def date(self, number: int) -> dt.date:
        """The batch date of a number; where the number is beyond all there are, another day near the first or last."""

    @property
    @abstractmethod
    def words(self) -> str:
        """Which days are batch dates, as in "batch dates are …"."""

    @abstractmethod
    def number_sql(self, column: str) -> str:
        """Spark SQL for the number of a batch date: neighbours differ by one, from whichever number it begins."""

    @property
    @abstractmethod
    def longest_gap(self) -> int:
        """How many days one batch date may be after the one before."""

    def days(self, length: Length) -> int:
        """How many days a length of time has at most."""
        return length.count * (self.longest_gap if length.unit == "deliveries" else 1)

    def __contains__(self, day: object) -> bool:
        return isinstance(day, dt.date) and self.newest(day) == day

    def newest(self, day: dt.date) -> dt.date:
        """The newest batch date that is not after a day."""
        return self.date(self.number(day))

    def next(self, day: dt.date) -> dt.date:
        """The first batch date that is not before a day."""
        return day if day in self else self.date(self.number(day) + 1)

    def later(self, date: dt.date, deliveries: int) -> dt.date:
        """The batch date so many deliveries after one, or before it."""
        return self.date(self.number(date) + deliveries)

    def distance(self, first: dt.date, last: dt.date) -> int:
        """How many deliveries one batch date is after another."""
        return self.number(last) - self.number(first)

    def begin(self, last: dt.date, length: Length) -> dt.date:
        """The first batch date of a window that ends with one, which counts as the first of its days or deliveries."""
        if length.unit == "deliveries":
            return self.later(last, 1 - length.count)
        return self.next(near(last, 1 - length.count))

    def due(self, date: dt.date, length: Length) -> dt.date:
        """The batch date with which comes what is known a length after one."""
        if length.unit == "deliveries":
            return self.later(date, length.count)
        return self.next(near(date, length.count))

    def last_due(self, date: dt.date, length: Length) -> dt.date:
        """The newest batch date of which everything has come with one that is known a length later."""
        if length.unit == "deliveries":
            return self.later(date, -length.count)
        return self.newest(near(date, -length.count))


@dataclass(frozen=True)
class Daily(Calendar):
    """Each day."""

    def number(self, day: dt.date) -> int:
        """Of the newest batch date that is not after a day."""
        return day.toordinal()

    def date(self, number: int) -> dt.date:
        """Of a number."""
        return _of_ordinal(number)

    @property
    def words(self) -> str:
        """Which days are batch dates."""
        return "every day"

    @property
    def longest_gap(self) -> int:
        """Days between batch dates."""
        return 1

    def number_sql(self, column: str) -> str:
        """Spark SQL for the number of a batch date."""
        return f"datediff({column}, date'1970-01-01')"


@dataclass(frozen=True)
class Weekly(Calendar):
    """One day of each week.

    Attributes:
        weekday: 0 for Monday.
    """

    weekday: int

    def number(self, day: dt.date) -> int:
        """Of the newest batch date that is not after a day."""
        # Ordinal 1 is a Monday.
        return (day.toordinal() - 1 - self.weekday) // 7

    def date(self, number: int) -> dt.date:
        """Of a number."""
        latest = (_LAST_ORDINAL - 1 - self.weekday) // 7
        return _of_ordinal(min(max(number, 0), latest) * 7 + 1 + self.weekday)

    @property
    def words(self) -> str:
        """Which days are batch dates."""
        return f"{WEEKDAYS[self.weekday].capitalize()}s"

    @property
    def longest_gap(self) -> int:
        """Days between batch dates."""
        return 7

    def number_sql(self, column: str) -> str:
        """Spark SQL for the number of a batch date."""
        return f"datediff({column}, date'{self.newest(_EPOCH)}') div 7"


@dataclass(frozen=True)
class Monthly(Calendar):
    """One day of each month.

    Attributes:
        day: from 1 to 28, which each month has; None for the last one.
    """

    day: int | None

    def number(self, day: dt.date) -> int:
        """Of the newest batch date that is not after a day."""
        month = day.year * 12 + day.month - 1
        return month if self._in(month) <= day else month - 1

    def date(self, number: int) -> dt.date:
        """Of a number."""
        return self._in(min(max(number, _FIRST_MONTH), dt.date.max.year * 12 + 11))

    def _in(self, month: int) -> dt.date:
        year, number = divmod(month, 12)
        return dt.date(year, number + 1, self.day or monthrange(year, number + 1)[1])

    @property
    def words(self) -> str:
        """Which days are batch dates."""
        return f"day {self.day} of each month" if self.day else "the last day of each month"

    @property
    def longest_gap(self) -> int:
        """Days between batch dates."""
        return 31

    def number_sql(self, column: str) -> str:
        """Spark SQL for the number of a batch date."""
        return f"year({column}) * 12 + month({column})"


@dataclass(frozen=True)
class Listed(Calendar):
    """The dates of a list.

    Attributes:
        dates: in order, each once.
        file: the list's name, for people.
    """

    dates: tuple[dt.date, ...]
    file: str

    def __contains__(self, day: object) -> bool:
        return isinstance(day, dt.date) and (place := self.number(day)) >= 0 and self.dates[place] == day

    def number(self, day: dt.date) -> int:
        """Of the newest batch date that is not after a day; -1 before the first."""
        return bisect_right(self.dates, day) - 1

    def date(self, number: int) -> dt.date:
        """Of a number; beyond the list a day that is no batch date, so nothing is ever delivered for it."""
        beyond = number - len(self.dates) + 1
        if number < 0 or beyond > 0:
            return near(self.dates[0], number) if number < 0 else near(self.dates[-1], beyond)
        return self.dates[number]

    def next(self, day: dt.date) -> dt.date:
        """The first batch date that is not before a day; the day itself where the list ends before it."""
        return day if day > self.dates[-1] else super().next(day)

    @property
    def words(self) -> str:
        """Which days are batch dates."""
        return f"the dates of {self.file}, from {self.dates[0]} to {self.dates[-1]}"

    @property
    def longest_gap(self) -> int:
        """Days between batch dates."""
        return max((b - a).days for a, b in pairwise(self.dates)) if len(self.dates) > 1 else 1

    def number_sql(self, column: str) -> str:
        """Spark SQL for the number of a batch date."""
        known = ", ".join(f"date'{date}'" for date in self.dates)
        return f"array_position(array({known}), {column})"


DAILY = Daily()
_CALENDARS: dict[str, type[Calendar]] = {each.__name__: each for each in (Daily, Weekly, Monthly, Listed)}


def calendar_values(calendar: Calendar) -> dict[str, Any]:
    """A calendar as values that JSON can hold."""
    values = {each.name: getattr(calendar, each.name) for each in fields(calendar)}  # type: ignore[arg-type]
    if isinstance(calendar, Listed):
        values["dates"] = [date.isoformat() for date in calendar.dates]
    return {"kind": type(calendar).__name__, **values}


def calendar_from(values: Mapping[str, Any]) -> Calendar:
    """The other way round of :func:`calendar_values`."""
    given = {name: value for name, value in values.items() if name != "kind"}
    if "dates" in given:
        given["dates"] = tuple(map(dt.date.fromisoformat, given["dates"]))
    return _CALENDARS[values["kind"]](**given)


def near(date: dt.date, days: int) -> dt.date:
    """The day so many days later, or earlier; the first or last that Python knows where there is none."""
    return _of_ordinal(date.toordinal() + days)


def _of_ordinal(number: int) -> dt.date:
    return dt.date.fromordinal(min(max(number, 1), _LAST_ORDINAL))
