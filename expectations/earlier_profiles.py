"""Profiles of earlier slices, from the ledger: what a new slice is compared with. No row of the lake is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from expectations.profile import is_readable
from nightshift import lake, ledger
from nightshift.dates import DAILY, BatchDates, Calendar
from nightshift.declarations.tables import Table
from nightshift.declarations.thresholds import Thresholds

Profile = Mapping[str, Any]


@dataclass(frozen=True)
class History:
    """Profiles by batch date: published ones of earlier dates, and those of the range that is audited.

    Slices without rows are not in it: whether a date may be empty is judged where its delivery is taken.

    Attributes:
        calendar: the batch dates; only where they are all days, those of one weekday are like each other.
        of_snapshots: the table comes with some deliveries only, each time as a whole: what it is compared with are the
            snapshots before, whatever the days between them.
    """

    profiles: Mapping[dt.date, Profile]
    thresholds: Thresholds
    of_snapshots: bool = False
    calendar: Calendar = DAILY

    def alike(self, date: dt.date) -> list[Profile]:
        """Earlier slices that should have as many rows, newest first: of the weekday of ``date``, or snapshots."""
        if self.of_snapshots or self.calendar != DAILY:
            return self.comparable(date)
        return self._found(_weekly(date, self.thresholds))

    def recent(self, date: dt.date) -> list[Profile]:
        """The slices of the days before, newest first."""
        return self._found(_recent(date, self.thresholds, self.calendar))

    def comparable(self, date: dt.date) -> list[Profile]:
        """All of them, each once."""
        if self.of_snapshots:
            return self._found(snapshots_before(date, self.profiles, self.thresholds))
        return self._found(compared_dates(date, self.thresholds, self.calendar))

    @property
    def at_least(self) -> int:
        """How many earlier slices volume must be compared with; of snapshots, which change little, one is enough."""
        return 1 if self.of_snapshots else self.thresholds.history_at_least

    @property
    def columns_at_least(self) -> int:
        """The same for null shares and distinct counts."""
        return 1 if self.of_snapshots else self.thresholds.column_history_at_least

    def last(self, date: dt.date) -> tuple[dt.date, Profile] | None:
        """The newest slice before ``date``."""
        earlier = [day for day in self.profiles if day < date]
        return (max(earlier), self.profiles[max(earlier)]) if earlier else None

    def _found(self, dates: list[dt.date]) -> list[Profile]:
        return [self.profiles[date] for date in dates if date in self.profiles]


def load_earlier(table: Table, dates: BatchDates, own: Mapping[dt.date, Profile]) -> History:
    """What the slices of ``dates`` are compared with; asks the ledger for a bounded number of profiles."""
    thresholds = table.thresholds
    of_snapshots = table.source is not None and not table.source.required
    if of_snapshots:
        asked = set(snapshots_before(dates.first, lake.published_dates(table), thresholds))
    else:
        asked = {day for date in dates for day in compared_dates(date, thresholds, dates.calendar)}.difference(dates)
    published = ledger.profiles(table.use_case, table.short_name, sorted(asked))
    known = {date: each for date, each in {**published, **own}.items() if is_readable(each) and each["rows"]}
    return History(known, thresholds, of_snapshots, dates.calendar)


def compared_dates(date: dt.date, thresholds: Thresholds, calendar: Calendar = DAILY) -> list[dt.date]:
    """The batch dates that ``date`` is compared with, newest first."""
    weekly = _weekly(date, thresholds) if calendar == DAILY else []
    return sorted({*_recent(date, thresholds, calendar), *weekly}, reverse=True)


def _recent(date: dt.date, thresholds: Thresholds, calendar: Calendar) -> list[dt.date]:
    first, last = calendar.begin(date, thresholds.recent + 1), calendar.later(date, -1)
    return list(BatchDates(first, last, calendar)) if first <= last < date else []


def _weekly(date: dt.date, thresholds: Thresholds) -> list[dt.date]:
    return _before(date, range(7, 7 * thresholds.weeks + 1, 7))


def _before(date: dt.date, days: Iterable[int]) -> list[dt.date]:
    """The dates so many days before, as far as the calendar has them."""
    return [date - dt.timedelta(days=each) for each in days if each < date.toordinal()]


def snapshots_before(date: dt.date, known: Iterable[dt.date], thresholds: Thresholds) -> list[dt.date]:
    """Of some dates with snapshots, those that the one of ``date`` is compared with, newest first."""
    return sorted((each for each in known if each < date), reverse=True)[: thresholds.recent_snapshots]
