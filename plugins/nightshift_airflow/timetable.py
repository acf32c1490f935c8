"""When scheduled runs come: with each batch date of a use case, or at the ticks of a cron expression among them."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from typing import Any, Self

import pendulum
from airflow.sdk import timezone
from airflow.timetables import trigger
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from airflow.utils.types import DagRunType

from nightshift.dates import Calendar, calendar_from, calendar_values

_DAY = dt.timedelta(days=1)


class _Bounded(Timetable):
    """Ticks without a data interval, none before the first batch date and none after the last.

    It is the schedule that has bounds, and not the DAG: for a run whose logical date lies outside a DAG's
    ``start_date`` and ``end_date``, Airflow makes no tasks and calls it a success.

    Args:
        zone: IANA time zone of the ticks and of the batch dates.
        first: batch date of the first tick.
        last: batch date of the last tick; none where there is no end.
    """

    def __init__(self, zone: str, first: dt.date, last: dt.date | None = None) -> None:
        self.zone = zone
        self.first = first
        self.last = last

    @property
    def _span(self) -> str:
        return f"from {self.first} " + (f"to {self.last}" if self.last else "on")

    def serialize(self) -> dict[str, Any]:
        """What the scheduler and the UI make it from again."""
        last = self.last.isoformat() if self.last else None
        return {"zone": self.zone, "first": self.first.isoformat(), "last": last, **self._what()}

    @abstractmethod
    def _what(self) -> dict[str, Any]:
        """What it is made from, beside zone and bounds."""

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """The moment at which a person started a run."""
        return DataInterval.exact(run_after)

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: pendulum.DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """The run's id; that of a run by hand also names the batch date, where a person chose its midnight."""
        chosen = data_interval.start.in_timezone(self.zone) if data_interval else None
        if run_type != DagRunType.MANUAL or chosen is None or chosen != chosen.start_of("day"):
            return super().generate_run_id(run_type=run_type, run_after=run_after, data_interval=data_interval, **extra)
        return run_type.generate_run_id(suffix=f"{chosen.date()}__{run_after.isoformat()}")

    def _within(self, restriction: TimeRestriction) -> TimeRestriction:
        earliest = _midnight(self.first, self.zone)
        latest = _midnight(self.last, self.zone).end_of("day") if self.last else None
        return TimeRestriction(
            max(filter(None, (restriction.earliest, earliest))),
            min(filter(None, (restriction.latest, latest)), default=None),
            restriction.catchup,
        )


class BatchDateTicks(_Bounded):
    """A tick at the midnight of each batch date.

    A date that was missed, because the scheduler was down, is made up for when it is the newest one.

    Args:
        calendar: says which days are batch dates.
    """

    def __init__(self, calendar: Calendar, zone: str, first: dt.date, last: dt.date | None = None) -> None:
        super().__init__(zone, first, last)
        self.calendar = calendar
        self.description = f"At midnight of {calendar.words}, {self._span}"

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """The timetable that was stored."""
        return cls(calendar_from(data["calendar"]), data["zone"], *_bounds(data))

    def _what(self) -> dict[str, Any]:
        return {"calendar": calendar_values(self.calendar)}

    @property
    def words(self) -> str:
        """When it ticks, for a page."""
        return f"midnight of {self.calendar.words}"

    @property
    def summary(self) -> str:
        """What the list of DAGs shows as the schedule."""
        return self.calendar.words

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next tick; none when the next one is after the last batch date."""
        within = self._within(restriction)
        assert within.earliest is not None
        days: list[dt.date] = [within.earliest.add(microseconds=-1).in_timezone(self.zone).date() + _DAY]
        if last_automated_data_interval is not None:
            days.append(last_automated_data_interval.end.in_timezone(self.zone).date() + _DAY)
            if restriction.catchup:
                del days[0]
        if not restriction.catchup:
            today = pendulum.instance(timezone.utcnow()).in_timezone(self.zone).date()
            days.append(self.calendar.newest(today))
        date = self.calendar.next(max(days))
        if date not in self.calendar:
            return None
        tick = _midnight(date, self.zone)
        return None if within.latest is not None and within.latest < tick else DagRunInfo.exact(tick)


class BoundedCron(_Bounded):
    """The ticks of a cron expression.

    Args:
        cron: the expression, in the zone.
    """

    def __init__(self, cron: str, zone: str, first: dt.date, last: dt.date | None = None) -> None:
        super().__init__(zone, first, last)
        # It holds Airflow's class and is none: Airflow's calendar takes such a one's ticks without asking for bounds.
        self._ticks = trigger.CronTriggerTimetable(cron, timezone=zone)
        self.cron = cron
        self.description = f"{self._ticks.description}, {self._span}"

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """The timetable that was stored."""
        return cls(data["cron"], data["zone"], *_bounds(data))

    def _what(self) -> dict[str, Any]:
        return {"cron": self.cron}

    @property
    def words(self) -> str:
        """When it ticks, for a page."""
        return f"`{self.cron}`"

    @property
    def summary(self) -> str:
        """What the list of DAGs shows as the schedule."""
        return self._ticks.summary

    def validate(self) -> None:
        """Refuse a text that is no cron expression.

        Raises:
            AirflowTimetableInvalid: says what is wrong with it.
        """
        self._ticks.validate()

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next tick; none when the next one is after the last batch date."""
        return self._ticks.next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=self._within(restriction)
        )


def _bounds(data: dict[str, Any]) -> tuple[dt.date, dt.date | None]:
    return dt.date.fromisoformat(data["first"]), dt.date.fromisoformat(data["last"]) if data["last"] else None


def _midnight(day: dt.date, zone: str) -> pendulum.DateTime:
    return pendulum.datetime(day.year, day.month, day.day, tz=zone)
