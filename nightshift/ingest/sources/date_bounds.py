"""Which rows of a database belong to a batch date: bounds of a date column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from nightshift.dates import DAILY, Calendar

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class BoundedSlice:
    """The rows of one batch date: those from ``first`` (inclusive) to ``end`` (exclusive), as SQL literals."""

    batch_date: dt.date
    first: str
    end: str

    def __str__(self) -> str:
        first, end = (bound.split("'")[1] for bound in (self.first, self.end))
        return f"[{first}, {end})"


def slices(
    dates: Sequence[dt.date], zone: ZoneInfo | None, days_before: int = 0, calendar: Calendar = DAILY
) -> list[BoundedSlice]:
    """The slices of some batch dates: each has the days since the one before, its own included, so none is left out.

    Args:
        days_before: how much earlier the days are whose rows a batch date has.
        zone: for a column of instants, whose days begin at midnight there and may have 23 or 25 hours; None for a
            column of dates.
    """
    shift = (1 - days_before) * DAY
    before = [calendar.later(date, -1) for date in dates]
    return [
        BoundedSlice(date, _literal(last + shift, zone), _literal(date + shift, zone))
        for last, date in zip(before, dates, strict=True)
    ]


def midnight(date: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The instant at which a date begins."""
    return dt.datetime.combine(date, dt.time(), zone).astimezone(dt.UTC)


def _literal(date: dt.date, zone: ZoneInfo | None) -> str:
    # With its offset, so that it means the same whatever time zone the database's session has.
    return f"DATE '{date}'" if zone is None else f"TIMESTAMPTZ '{midnight(date, zone):%Y-%m-%d %H:%M:%S}+00'"


def within(column: str, wanted: Sequence[BoundedSlice]) -> str:
    """SQL predicate for the rows of consecutive slices."""
    return f"{column} >= {wanted[0].first} AND {column} < {wanted[-1].end}"


def place(column: str, wanted: Sequence[BoundedSlice]) -> str:
    """SQL for the place, from 0, of the slice that a row within consecutive slices belongs to."""
    return f"width_bucket({column}, ARRAY[{', '.join(each.first for each in wanted)}]) - 1"
