"""The schedule ends with the last batch date; runs that people start and backfills of past dates do not."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow import plugins_manager
from airflow.exceptions import SerializationError
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowTimetableInvalid
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables import trigger
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.utils.types import DagRunType

from nightshift.dates import DAILY, Calendar, Listed, Monthly, Weekly
from nightshift_airflow import timetable as module
from nightshift_airflow.plugin import NightshiftPlugin
from nightshift_airflow.timetable import BatchDateTicks, BoundedCron

LISTED = Listed((dt.date(2013, 1, 2), dt.date(2013, 1, 4), dt.date(2013, 1, 7)), "batch_dates.txt")
OTHERS = (Weekly(6), Monthly(1), Monthly(None), LISTED)
FIRST, LAST = dt.date(2013, 1, 1), dt.date(2013, 12, 31)
NEW_YORK = "America/New_York"
MIDNIGHT = "midnight"
CRON = "0 0 * * *"
NOW = "2026-11-21T14:09:31+00:00"
Clock = Callable[[str], None]
Ticks = BatchDateTicks | BoundedCron


def ticks(calendar: Calendar = DAILY, last: dt.date | None = LAST) -> BatchDateTicks:
    return BatchDateTicks(calendar, NEW_YORK, FIRST, last)


def made(when: str, zone: str, first: dt.date, last: dt.date) -> Ticks:
    if when == MIDNIGHT:
        return BatchDateTicks(DAILY, zone, first, last)
    return BoundedCron(when, zone, first, last)


def after(
    timetable: Ticks, tick: pendulum.DateTime | None, catchup: bool = False, latest: str | None = None
) -> pendulum.DateTime | None:
    """The logical date of the run that follows a tick, or of the first run."""
    found = timetable.next_dagrun_info(
        last_automated_data_interval=DataInterval.exact(tick) if tick else None,
        restriction=TimeRestriction(None, moment(latest) if latest else None, catchup),
    )
    if found is None:
        return None
    assert found.run_after == found.logical_date == found.data_interval.end
    return found.logical_date


def all_of(timetable: Ticks) -> list[str]:
    """Every tick there is, in the zone of the timetable."""
    found = []
    tick = after(timetable, None, catchup=True)
    while tick is not None:
        assert len(found) <= 365, "there is no end"
        found.append(tick.in_timezone(timetable.zone).format("YYYY-MM-DD HH:mm"))
        tick = after(timetable, tick, catchup=True)
    return found


def moment(text: str) -> pendulum.DateTime:
    return pendulum.instance(dt.datetime.fromisoformat(text))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sets what Airflow's timetables take for the present moment."""

    def set_to(text: str) -> None:
        monkeypatch.setattr(trigger, "utcnow", lambda: moment(text))
        monkeypatch.setattr(module, "timezone", SimpleNamespace(utcnow=lambda: moment(text)))

    return set_to


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow knows the timetables that the plugin registers, and no others."""
    known = {f"{each.__module__}.{each.__qualname__}": each for each in NightshiftPlugin.timetables}
    monkeypatch.setattr(plugins_manager, "get_timetables_plugins", lambda: known)


def stored(timetable: Ticks, catchup: bool = False) -> SerializedDAG:
    """What the scheduler has of a DAG: it was text in a database before."""
    # Without a date of its own, Airflow refuses a DAG that catches up.
    start_date = dt.datetime(2010, 1, 1, tzinfo=dt.UTC) if catchup else None
    dag = DAG("of_a_test", schedule=timetable, catchup=catchup, start_date=start_date)
    return DagSerialization.deserialize_dag(json.loads(json.dumps(DagSerialization.serialize_dag(dag))))


@pytest.mark.parametrize(
    ("cron", "zone", "first", "last", "expected"),
    [
        (MIDNIGHT, "UTC", "2013-12-30", "2013-12-31", ["2013-12-30 00:00", "2013-12-31 00:00"]),
        (MIDNIGHT, NEW_YORK, "2013-12-30", "2013-12-31", ["2013-12-30 00:00", "2013-12-31 00:00"]),
        # 31 December in Tokyo ends when it is 15:00 in UTC.
        ("30 23 * * *", "Asia/Tokyo", "2013-12-30", "2013-12-31", ["2013-12-30 23:30", "2013-12-31 23:30"]),
        ("0 5 * * *", NEW_YORK, "2013-12-31", "2013-12-31", ["2013-12-31 05:00"]),
        ("0 6 1 * *", NEW_YORK, "2013-10-02", "2013-12-31", ["2013-11-01 06:00", "2013-12-01 06:00"]),
        (MIDNIGHT, NEW_YORK, "2013-03-10", "2013-03-11", ["2013-03-10 00:00", "2013-03-11 00:00"]),  # 23 hours
        (MIDNIGHT, NEW_YORK, "2013-11-03", "2013-11-04", ["2013-11-03 00:00", "2013-11-04 00:00"]),  # 25 hours
        # The first has no midnight: clocks go forward at 0:00.
        (MIDNIGHT, "America/Santiago", "2013-09-08", "2013-09-09", ["2013-09-08 01:00", "2013-09-09 00:00"]),
        # The last has 23:30 twice: clocks go back at 24:00.
        ("30 23 * * *", "America/Santiago", "2013-04-06", "2013-04-06", ["2013-04-06 23:30"]),
        ("0 6 1 * *", NEW_YORK, "2013-12-02", "2013-12-31", []),
    ],
)
def test_ticks_are_on_the_batch_dates_both_ends_included(
    cron: str, zone: str, first: str, last: str, expected: list[str]
) -> None:
    bounds = (dt.date.fromisoformat(day) for day in (first, last))
    assert all_of(made(cron, zone, *bounds)) == expected


def test_a_year_has_each_of_its_days_once() -> None:
    days = [FIRST + dt.timedelta(days=number) for number in range(365)]
    assert all_of(ticks()) == [f"{day} 00:00" for day in days]


@pytest.mark.parametrize("catchup", [True, False])
def test_nothing_follows_the_last_tick(catchup: bool, clock: Clock) -> None:
    for now in ("2013-12-31T12:00:00+00:00", NOW):
        clock(now)
        assert after(ticks(), moment("2013-12-31T05:00:00+00:00"), catchup) is None


@pytest.mark.parametrize("before", [None, "2013-06-01T04:00:00+00:00", "2013-12-30T05:00:00+00:00"])
def test_switching_on_after_the_last_date_starts_nothing(before: str | None, clock: Clock) -> None:
    clock("2014-01-01T05:00:00+00:00")
    assert after(ticks(), moment(before) if before else None) is None


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2012-11-21T14:00:00+00:00", "2013-01-01T05:00:00+00:00"),  # before the first date
        ("2013-07-01T14:00:00+00:00", "2013-07-01T04:00:00+00:00"),
        ("2013-12-31T04:59:00+00:00", "2013-12-30T05:00:00+00:00"),
        ("2014-01-01T04:59:00+00:00", "2013-12-31T05:00:00+00:00"),
    ],
)
def test_switching_on_starts_the_newest_tick_only(now: str, expected: str, clock: Clock) -> None:
    clock(now)
    assert after(ticks(), None) == moment(expected)
    assert after(ticks(), moment("2012-12-30T05:00:00+00:00")) == moment(expected)


def test_there_may_be_no_end(clock: Clock) -> None:
    clock(NOW)
    open_ended = ticks(last=None)
    assert after(open_ended, None) == moment("2026-11-21T05:00:00+00:00")
    assert after(open_ended, moment("2026-11-21T05:00:00+00:00")) == moment("2026-11-22T05:00:00+00:00")


def test_what_airflow_asks_for_narrows_the_bounds() -> None:
    assert after(ticks(), moment("2013-10-02T04:00:00+00:00"), catchup=True, latest="2013-10-03T03:59:00+00:00") is None


@pytest.mark.parametrize("last", [LAST, None])
@pytest.mark.parametrize("calendar", [DAILY, *OTHERS], ids=lambda each: each.words)
@pytest.mark.usefixtures("plugin")
def test_the_scheduler_gets_the_same_timetable(calendar: Calendar, last: dt.date | None) -> None:
    found = stored(ticks(calendar, last)).timetable
    assert type(found) is BatchDateTicks
    assert (found.calendar, found.zone, found.first, found.last) == (calendar, NEW_YORK, FIRST, last)
    assert found.summary == calendar.words
    span = f"from 2013-01-01 {'to 2013-12-31' if last else 'on'}"
    assert found.description == f"At midnight of {calendar.words}, {span}"


@pytest.mark.usefixtures("plugin")
def test_the_scheduler_gets_the_same_cron_expression() -> None:
    found = stored(BoundedCron(CRON, NEW_YORK, FIRST, None)).timetable
    assert type(found) is BoundedCron
    assert (found.cron, found.zone, found.first, found.last) == (CRON, NEW_YORK, FIRST, None)
    assert (found.summary, found.description) == (CRON, "At 00:00, from 2013-01-01 on")


@pytest.mark.parametrize(
    ("calendar", "first", "last", "expected"),
    [
        (Weekly(6), "2013-03-01", "2013-03-17", ["2013-03-03", "2013-03-10", "2013-03-17"]),  # 23 hours on the 10th
        (Weekly(0), "2013-10-28", "2013-11-11", ["2013-10-28", "2013-11-04", "2013-11-11"]),  # 25 hours on the 3rd
        (Monthly(1), "2013-01-01", "2013-04-01", ["2013-01-01", "2013-02-01", "2013-03-01", "2013-04-01"]),
        (Monthly(None), "2013-01-31", "2013-04-30", ["2013-01-31", "2013-02-28", "2013-03-31", "2013-04-30"]),
        (LISTED, "2013-01-02", "2013-12-31", ["2013-01-02", "2013-01-04", "2013-01-07"]),
    ],
)
def test_there_is_a_tick_at_midnight_of_each_batch_date(
    calendar: Calendar, first: str, last: str, expected: list[str]
) -> None:
    bounds = (dt.date.fromisoformat(day) for day in (first, last))
    assert all_of(BatchDateTicks(calendar, NEW_YORK, *bounds)) == [f"{day} 00:00" for day in expected]


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ("2013-06-04T12:00:00+00:00", None, "2013-06-02"),
        # The scheduler was down on Sunday the 9th: on Tuesday the run is made up for, and on the 17th only the newest.
        ("2013-06-11T12:00:00+00:00", "2013-06-02", "2013-06-09"),
        ("2013-06-17T12:00:00+00:00", "2013-06-02", "2013-06-16"),
        ("2013-06-11T12:00:00+00:00", "2013-06-09", "2013-06-16"),
    ],
)
def test_a_week_that_was_missed_is_made_up_for(now: str, before: str | None, expected: str, clock: Clock) -> None:
    clock(now)
    zone = ZoneInfo(NEW_YORK)
    tick = pendulum.instance(dt.datetime.combine(dt.date.fromisoformat(before), dt.time(), zone)) if before else None
    found = after(ticks(Weekly(6)), tick)
    assert found is not None
    assert found.in_timezone(zone).format("YYYY-MM-DD HH:mm") == f"{expected} 00:00"


def test_a_timetable_that_no_plugin_registers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins_manager, "get_timetables_plugins", dict)
    with pytest.raises(SerializationError, match=r"'nightshift_airflow\.timetable\.BatchDateTicks' is not registered"):
        stored(ticks())


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("catchup", [True, False])
def test_a_stored_dag_has_no_next_run_after_the_last_date(catchup: bool, clock: Clock) -> None:
    clock(NOW)
    dag = stored(ticks(), catchup)
    first = dag.next_dagrun_info(last_automated_run_info=None)
    assert (first and first.logical_date) == (moment("2013-01-01T05:00:00+00:00") if catchup else None)
    [last] = dag.iter_dagrun_infos_between(*[moment("2013-12-31T05:00:00+00:00")] * 2)
    assert dag.next_dagrun_info(last_automated_run_info=last) is None


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2013-10-01", "2013-10-03", ["2013-10-01", "2013-10-02", "2013-10-03"]),
        ("2013-11-02", "2013-11-04", ["2013-11-02", "2013-11-03", "2013-11-04"]),  # clocks go back
        ("2013-12-30", "2014-01-05", ["2013-12-30", "2013-12-31"]),
        ("2012-12-25", "2013-01-02", ["2013-01-01", "2013-01-02"]),
        ("2014-01-01", "2014-01-05", []),
    ],
)
def test_a_backfill_has_the_dates_that_were_typed_and_exist(start: str, end: str, expected: list[str]) -> None:
    zone = ZoneInfo(NEW_YORK)
    asked = [dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), zone) for day in (start, end)]
    found = [info.logical_date.in_timezone(zone) for info in stored(ticks()).iter_dagrun_infos_between(*asked)]
    assert [tick.format("YYYY-MM-DD HH:mm") for tick in found] == [f"{day} 00:00" for day in expected]


@pytest.mark.parametrize("text", [NOW, "2013-10-01T04:00:00+00:00", "2012-06-01T04:00:00+00:00"])
def test_a_manual_run_is_of_its_moment(text: str) -> None:
    at = moment(text)
    interval = ticks().infer_manual_data_interval(run_after=at)
    assert interval == DataInterval(at, at)


@pytest.mark.parametrize(
    ("kind", "logical_date", "expected"),
    [
        (DagRunType.MANUAL, "2013-10-01T04:00:00+00:00", "manual__2013-10-01__2026-11-30T00:03:21+00:00"),
        # What the form fills in is the moment of the click, and no batch date.
        (DagRunType.MANUAL, "2026-11-30T00:03:20+00:00", "manual__2026-11-30T00:03:21+00:00"),
        (DagRunType.MANUAL, None, "manual__2026-11-30T00:03:21+00:00"),
        (DagRunType.SCHEDULED, "2013-10-01T04:00:00+00:00", "scheduled__2026-11-30T00:03:21+00:00"),
    ],
)
def test_the_id_of_a_run_by_hand_names_the_batch_date_that_was_chosen(
    kind: DagRunType, logical_date: str | None, expected: str
) -> None:
    timetable = ticks()
    interval = timetable.infer_manual_data_interval(run_after=moment(logical_date)) if logical_date else None
    clicked = moment("2026-11-30T00:03:21+00:00")
    assert timetable.generate_run_id(run_type=kind, run_after=clicked, data_interval=interval) == expected


def test_what_is_no_cron_expression_is_refused() -> None:
    with pytest.raises(AirflowTimetableInvalid):
        BoundedCron("every night", NEW_YORK, FIRST).validate()
