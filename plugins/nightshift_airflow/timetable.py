"""When scheduled runs come: at the ticks of a cron expression, on the batch dates that a use case has."""

from __future__ import annotations

import datetime as dt
from typing import Any, Self

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from airflow.timetables.trigger import CronTriggerTimetable
from airflow.utils.types import DagRunType


class BatchDateTicks(Timetable):
    """Ticks without a data interval, none before the first batch date and none after the last.

    It is the schedule that has bounds, and not the DAG: for a run whose logical date lies outside a DAG's
    ``start_date`` and ``end_date``, Airflow makes no tasks and calls it a success.

    Args:
        cron: the cron expression of the ticks.
        zone: IANA time zone of the expression and of the batch dates.
        first: batch date of the first tick.
        last: batch date of the last tick; none where there is no end.
    """

    def __init__(self, cron: str, zone: str, first: dt.date, last: dt.date | None = None) -> None:
        # It holds Airflow's class and is none: Airflow's calendar takes such a one's ticks without asking for bounds.
        self._ticks = CronTriggerTimetable(cron, timezone=zone)
        self.cron = cron
        self.zone = zone
        self.first = first
        self.last = last
        self.description = f"{self._ticks.description}, from {first} " + (f"to {last}" if last else "on")

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """The timetable that was stored."""
        last = data["last"]
        first = dt.date.fromisoformat(data["first"])
        return cls(data["cron"], data["zone"], first, dt.date.fromisoformat(last) if last else None)

    def serialize(self) -> dict[str, Any]:
        """What the scheduler and the UI make it from again."""
        last = self.last.isoformat() if self.last else None
        return {"cron": self.cron, "zone": self.zone, "first": self.first.isoformat(), "last": last}

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

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """The moment at which a person started a run."""
        return self._ticks.infer_manual_data_interval(run_after=run_after)

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: pendulum.DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """The run's id; that of a run by hand also names the batch date, where a person chose its midnight."""
        chosen = data_interval.start.in_timezone(self.zone) if data_interval else None
        if run_type != DagRunType.MANUAL or chosen is None or chosen != chosen.start_of("day"):
            return super().generate_run_id(run_type=run_type, run_after=run_after, data_interval=data_interval, **extra)
        return run_type.generate_run_id(suffix=f"{chosen.date()}__{run_after.isoformat()}")

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next tick; none when the next one is after the last batch date."""
        earliest = _midnight(self.first, self.zone)
        latest = _midnight(self.last, self.zone).end_of("day") if self.last else None
        within = TimeRestriction(
            max(filter(None, (restriction.earliest, earliest))),
            min(filter(None, (restriction.latest, latest)), default=None),
            restriction.catchup,
        )
        return self._ticks.next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=within
        )


def _midnight(day: dt.date, zone: str) -> pendulum.DateTime:
    return pendulum.datetime(day.year, day.month, day.day, tz=zone)
