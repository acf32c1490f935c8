"""Which batch dates a use case has: its cadence, and lengths of time in days or in deliveries."""

from __future__ import annotations

import datetime as dt
import functools
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from nightshift.dates import DAILY, WEEKDAYS, Calendar, Length, Listed, Monthly, Weekly
from nightshift.declarations.yaml_form import Declared
from nightshift.errors import DeclarationError
from nightshift.home.outside_errors import unusable

CALENDAR_FILE = "batch_dates.txt"
# Which field of `dates` says which day it is.
_DAY_OF = {"daily": None, "weekly": "weekday", "monthly": "day", "calendar": None}
# A list with a longer pause has a year that was left out.
_LONGEST_GAP_DAYS = 366
_TICKS_LOOKED_AT = 400


def _day_of_month(given: Any) -> Any:
    if type(given) is int and 28 < given <= 31:
        raise ValueError(f"not every month has a day {given}: write `last` for the last day, or a day from 1 to 28")
    return given


class HasLengths(Declared):
    """Base of declarations with lengths of time, each as `<name>_days` or as `<name>_deliveries`."""

    @model_validator(mode="after")
    def _each_length_once(self) -> Self:
        for name in type(self).model_fields:
            stem = name.removesuffix("_deliveries")
            if stem != name and {name, f"{stem}_days"} <= self.model_fields_set:
                raise ValueError(f"{name} and {stem}_days say the same twice: keep the one that is meant")
        return self

    def length(self, name: str) -> Length:
        """The length of a name, as it is declared, or its default."""
        deliveries = getattr(self, f"{name}_deliveries")
        return Length(getattr(self, f"{name}_days")) if deliveries is None else Length(deliveries, "deliveries")


class Dates(HasLengths):
    """The batch dates that exist, and how many one run may take."""

    first: dt.date = Field(description="Of the first delivery.")
    last: dt.date | None = Field(None, description="Unset: open-ended, as real sources are.")
    cadence: Literal["daily", "weekly", "monthly", "calendar"] = Field(
        "daily", description=f"How often a delivery comes; `calendar`: on the dates that {CALENDAR_FILE} lists."
    )
    weekday: Literal[WEEKDAYS] | None = Field(None, description="Weekly: the day of the week, like sunday.")  # type: ignore[valid-type]
    day: Annotated[Annotated[int, Field(ge=1, le=28)] | Literal["last"] | None, BeforeValidator(_day_of_month)] = Field(
        None, description="Monthly: the day of the month, from 1 to 28, or `last`."
    )
    max_range_deliveries: PositiveInt = Field(366, description="Batch dates that one run may have at most.")
    max_range_days: PositiveInt | None = Field(None, description="The same in days, instead of batch dates.")

    @property
    def max_range(self) -> Length:
        """How long the range of one run may be."""
        days = self.max_range_days
        return Length(self.max_range_deliveries, "deliveries") if days is None else Length(days)

    @model_validator(mode="after")
    def _day_fits_the_cadence(self) -> Self:
        wanted = _DAY_OF[self.cadence]
        for name in ("weekday", "day"):
            given = getattr(self, name)
            if name == wanted and given is None:
                example = "sunday" if name == "weekday" else "1, or `last`"
                raise ValueError(f"{name}: is missing: which one a {self.cadence} delivery has, like {example}")
            if name != wanted and given is not None:
                raise ValueError(f"{name}: means nothing where the cadence is {self.cadence}: take it out")
        return self

    def calendar(self, folder: Path) -> Calendar:
        """The batch dates of a use case, also those before its first and after its last one.

        Args:
            folder: of the use case.

        Raises:
            DeclarationError: if a list of dates can't be read, with its line; or the first or last one is none of them.
        """
        found: Calendar = DAILY
        if self.cadence == "weekly":
            found = Weekly(WEEKDAYS.index(str(self.weekday)))
        elif self.cadence == "monthly":
            found = Monthly(self.day if isinstance(self.day, int) else None)
        elif self.cadence == "calendar":
            found = _listed(folder / CALENDAR_FILE)
        for name, date in (("first", self.first), ("last", self.last)):
            if date is not None and date not in found:
                near = f"{found.newest(date)} or {found.next(date)}"
                raise DeclarationError(
                    f"{folder / 'use_case.yaml'}: dates.{name}: {date} is no batch date: these are {found.words}",
                    remedy=f"write one of them, like {near}",
                )
        return found


def refuse_other_ticks(cron: str, calendar: Calendar, first: dt.date) -> None:
    """Refuse a cron expression that says something else than the midnights of the batch dates.

    Args:
        first: the first batch date.

    Raises:
        ValueError: with the first tick that is another one, and what to write.
    """
    from croniter import croniter

    ticks = croniter(cron, dt.datetime.combine(first, dt.time()) - dt.timedelta(minutes=1))
    date = first
    for _ in range(_TICKS_LOOKED_AT):
        if date not in calendar:
            return
        tick = ticks.get_next(dt.datetime)
        if tick != dt.datetime.combine(date, dt.time()):
            raise ValueError(
                f"{cron!r} ticks at {tick:%Y-%m-%d %H:%M}, and a night begins at midnight of its batch date, here "
                f"{date}: leave `schedule` out, and say with `dates.cadence` which days are batch dates"
            )
        date = calendar.later(date, 1)


def _listed(path: Path) -> Listed:
    """A list of dates, one a line; empty lines and what follows a ``#`` are left out."""
    try:
        seen = path.stat()
        return _read(path, seen.st_mtime_ns, seen.st_size)
    except FileNotFoundError:
        raise DeclarationError(
            f"{path} is missing, and `dates.cadence: calendar` reads the batch dates there",
            remedy="write it: one date like 2024-01-31 a line, in order",
        ) from None
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path} is not text in UTF-8: save the file as UTF-8") from error
    except OSError as error:
        raise unusable(f"{path} can't be read", error) from error


@functools.lru_cache(maxsize=64)
def _read(path: Path, *_state: int) -> Listed:
    """The list, read once for each state of its file: whoever counts dates asks for it."""
    dates: list[dt.date] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if text := line.partition("#")[0].strip():
            dates.append(_next_date(text, dates, f"{path}, line {number}"))
    if not dates:
        raise DeclarationError(f"{path} holds no date", remedy="write one date like 2024-01-31 a line, in order")
    return Listed(tuple(dates), path.name)


def _next_date(text: str, before: list[dt.date], place: str) -> dt.date:
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        raise DeclarationError(f"{place}: {text!r} is no date", remedy="write it like 2024-01-31") from None
    if before and date <= before[-1]:
        twice = "stands there twice" if date == before[-1] else f"comes after {before[-1]}"
        raise DeclarationError(f"{place}: {date} {twice}", remedy="put the dates in order, each once")
    if before and (gap := (date - before[-1]).days) > _LONGEST_GAP_DAYS:
        raise DeclarationError(
            f"{place}: between {before[-1]} and {date} there is none for {gap} days",
            remedy="add the dates that are missing; a use case that paused for years goes on as another one",
        )
    return date
