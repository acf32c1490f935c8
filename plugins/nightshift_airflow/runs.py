"""The batch dates of a DAG run, whatever started it: schedule, backfill, trigger form or REST.

Nothing here reads a clock or knows Airflow's classes, so that every kind of run can be tested as plain values.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from nightshift.dates import BatchDates, parse_date
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError, UsageError

MANUAL = "manual"
# How far a backfill goes: values of its param `stages`.
INGEST_ONLY, EVERYTHING = "ingest", "everything"
# What `model` is where nobody chose another.
AS_OF = "as_of"


@dataclass(frozen=True)
class Run:
    """What a DAG run says about its dates.

    Attributes:
        kind: Airflow's run type: ``scheduled``, ``backfill`` or ``manual`` (the trigger form and REST).
        logical_date: instant that the run stands for; none when a person left it out.
        params: the DAG's params, with what a person filled in.
    """

    use_case: UseCase
    kind: str
    logical_date: dt.datetime | None
    params: Mapping[str, Any]

    @classmethod
    def of(cls, use_case: UseCase, context: Mapping[str, Any]) -> Self:
        """The run of a task's context.

        Raises:
            NightshiftError: if the run was given fields that its DAG does not have: a misspelt one would otherwise
                be left out of account in silence.
        """
        dag_run = context["dag_run"]
        known = set(context["dag"].params)
        unknown = sorted(set(dag_run.conf or ()) - known)
        if unknown:
            fields = ", ".join(sorted(known))
            raise UsageError(f"this DAG has no param {', '.join(unknown)}; it has: {fields}. Start a new run")
        kind = getattr(dag_run.run_type, "value", dag_run.run_type)
        return cls(use_case, str(kind), dag_run.logical_date, context["params"])

    def asked(self, name: str) -> dt.date | None:
        """The date that was filled in for a param, if any.

        Raises:
            NightshiftError: if it is not a date.
        """
        value = self.params.get(name)
        if value is None or value == "":
            return None
        try:
            return parse_date(str(value))
        except NightshiftError as error:
            raise UsageError(
                f"{words(name)} {value!r} is no date: fill in one like 2013-10-01 (param {name})"
            ) from error

    def chosen_days(self) -> list[dt.date]:
        """The days that a logical date can mean that a person chose: a midnight; the form fills in the moment."""
        if self.kind != MANUAL or self.logical_date is None or _is_filled_in_by_the_form(self.logical_date, self):
            return []
        return _days(self.logical_date, self)


def words(param: str) -> str:
    """A param of a date as its form calls it."""
    return param.replace("_", " ").capitalize()


def span(use_case: UseCase) -> str:
    """The dates that a use case has, in words."""
    first, last = use_case.dates.first, use_case.dates.last
    which = "" if use_case.dates.cadence == "daily" else f"{use_case.calendar.words}, "
    return f"{which}from {first} to {last}" if last else f"{which}from {first} on"


DatesOfRun = Callable[[Run], BatchDates]


def night(run: Run) -> BatchDates:
    """The one batch date of a nightly run.

    Raises:
        NightshiftError: if there is none, if what was filled in contradicts the logical date, or if the use case
            has no such date; the message says where to fill it in.
    """
    return _allowed(run, str(batch_date(run)))


def learned_from(run: Run) -> BatchDates:
    """The range that a training run learns from.

    It ends with the newest date whose labels the run's own delivery brings, the maturity of `target` before the run's
    batch date, so that a new champion may score that date. It is as long as the history of `training`, cut at the use
    case's first date; ``first_date`` and ``last_date`` replace either end.

    Raises:
        NightshiftError: as :func:`night` does, if the range ends before its start, and if the batch date and the last
            date that were filled in contradict each other.
    """
    first, last = run.asked("first_date"), run.asked("last_date")
    calendar, maturity = run.use_case.calendar, run.use_case.maturity

    def learned_up_to(date: dt.date) -> dt.date:
        # A training may run on any day; what it knows came with the newest delivery.
        return calendar.last_due(calendar.newest(date), maturity)

    if last is None:
        last = learned_up_to(batch_date(run))
    elif (asked := run.asked("batch_date")) is not None and learned_up_to(asked) != last:
        raise UsageError(
            f"Batch date {asked} and Last date {last} contradict each other: the run of that batch date learns up to "
            f"{learned_up_to(asked)}. Leave one of the two empty"
        )
    else:
        _refuse_other_day(run, BatchDates.of(calendar.due(last, maturity)))
    if first is None:
        first = max(calendar.begin(last, run.use_case.training.length("history")), run.use_case.dates.first)
    return _allowed(run, f"{first}..{last}")


def asked_range(run: Run) -> BatchDates:
    """The range that a person filled in as ``first_date`` and ``last_date``; one of them alone is a range of one.

    Raises:
        NightshiftError: if neither is given, the range ends before its start, is too long or outside the use case, or
            what else was filled in contradicts it.
    """
    first, last = run.asked("first_date"), run.asked("last_date")
    if first is None and last is None:
        raise UsageError(f"First date and Last date are empty: fill them in, with dates {span(run.use_case)}")
    if run.params.get("stages") == INGEST_ONLY and (model := run.params.get("model", AS_OF)) != AS_OF:
        raise UsageError(
            f"Model {model} is chosen, and Stages leaves out what a model does: choose Everything, or leave Model as "
            f"{AS_OF}"
        )
    dates = run.use_case.batch_dates(f"{first or last}..{last or first}")
    _refuse_other_day(run, dates)
    return dates


def from_date(run: Run) -> BatchDates:
    """The batch date that a person filled in as ``from_date``.

    Raises:
        NightshiftError: if there is none, or the use case has no such date.
    """
    first = run.asked("from_date")
    if first is None:
        raise UsageError(f"From date is empty: fill it in, with a date {span(run.use_case)}")
    dates = run.use_case.batch_dates(str(first))
    _refuse_other_day(run, dates)
    return dates


def _refuse_other_day(run: Run, dates: BatchDates) -> None:
    """Refuse a logical date that a person chose beside other dates: nothing would come of it."""
    if (chosen := run.chosen_days()) and not set(chosen) & set(dates):
        raise UsageError(
            f"the logical date {chosen[0]} is none of the run's batch dates, {dates}: leave the logical date as the "
            "form has it, or empty"
        )


def _allowed(run: Run, dates: str) -> BatchDates:
    """The dates, if the use case has them; where they come from a logical date that nobody chose, it says so."""
    try:
        return run.use_case.batch_dates(dates)
    except NightshiftError as error:
        if run.kind != MANUAL or run.logical_date is None or run.asked("batch_date") or run.asked("last_date"):
            raise
        raise UsageError(
            f"Batch date is empty: fill it in, with a date {span(run.use_case)}. The logical date is none: {error}"
        ) from error


def batch_date(run: Run) -> dt.date:
    """The day in the use case's time zone that a run stands for.

    A scheduled or backfilled run has its tick. A manual one has the param ``batch_date``, or a logical date that
    can mean one day only: 2013-10-01T00:00Z is still 30 September in New York, and which of the two was meant
    only the person knows. The trigger form fills in the present moment as logical date, which nobody chose: the
    param outweighs a logical date that is no midnight.

    Raises:
        NightshiftError: if there is neither, or if they contradict each other.
    """
    asked = run.asked("batch_date")
    if run.logical_date is None:
        if asked is None:
            raise UsageError(f"Batch date is empty: fill it in, with a date {span(run.use_case)}")
        return asked
    possible = _days(run.logical_date, run)
    if asked is None:
        if len(possible) > 1:
            meant = "with the one that is meant" if _any_exists(possible, run) else f"with a date {span(run.use_case)}"
            raise UsageError(
                f"Batch date is empty: fill it in, {meant}. The run's logical date {run.logical_date.isoformat()} is "
                f"{possible[0]} in {run.use_case.timezone} and {possible[1]} in UTC"
            )
        return possible[0]
    if asked not in possible and not _is_filled_in_by_the_form(run.logical_date, run):
        raise UsageError(
            f"Batch date is {asked}, but the run's logical date is {possible[0]} in {run.use_case.timezone}: leave one "
            "of the two out"
        )
    return asked


def _days(moment: dt.datetime, run: Run) -> list[dt.date]:
    """The days that a logical date can mean, the one in the use case's zone first."""
    if moment.tzinfo is None:
        raise UsageError(f"the logical date {moment.isoformat()} has no time zone: add one, like +00:00")
    local = moment.astimezone(run.use_case.zone)
    universal = moment.astimezone(dt.UTC)
    is_unmistakable = run.kind != MANUAL or _is_midnight(local)
    if is_unmistakable or local.date() == universal.date():
        return [local.date()]
    return [local.date(), universal.date()]


def _any_exists(days: list[dt.date], run: Run) -> bool:
    first, last = run.use_case.dates.first, run.use_case.dates.last
    return any(first <= day and (last is None or day <= last) for day in days)


def _is_filled_in_by_the_form(moment: dt.datetime, run: Run) -> bool:
    local = moment.astimezone(run.use_case.zone)
    return run.kind == MANUAL and not (_is_midnight(local) or _is_midnight(moment.astimezone(dt.UTC)))


def _is_midnight(moment: dt.datetime) -> bool:
    return moment.time() == dt.time()
