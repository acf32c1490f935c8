"""The first task of a catch-up says what was found, gives each stage its dates, and skips those that have none."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import DownstreamTasksSkipped

import nightshift.ingest.late
from nightshift.dates import BatchDates
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.ingest.late import Changes, DeliveryChange
from nightshift.stages import STAGES
from nightshift_airflow.catch_up import FindChanges
from nightshift_airflow.retries import TaskFailedError
from tests.in_home import UseCaseInHome

USE_CASE = UseCaseInHome.load("flight_delays", get_settings())
PARAMS = {"all_dates": False, "leave_out": None, "model": "as_of", "announce": False}
FIRST, SECOND, LAST = (dt.date(2013, 10, number) for number in (2, 5, 20))
LOOKED_AT = BatchDates(dt.date(2013, 9, 16), LAST)
ALL = Changes(
    LOOKED_AT,
    (DeliveryChange(FIRST, "late", ("schedule.csv",)), DeliveryChange(SECOND, "corrected", ("weather.parquet",))),
    {
        "land": (BatchDates.of(FIRST), BatchDates.of(SECOND)),
        "refine": (BatchDates.of(FIRST), BatchDates.of(SECOND)),
        **dict.fromkeys(("features", "score", "marts"), (BatchDates(FIRST, LAST),)),
    },
)


class Instance:
    """Stands in for the task's instance: keeps what was pushed."""

    def __init__(self) -> None:
        self.pushed: dict[str, str] = {}

    def xcom_push(self, key: str, value: str) -> None:
        self.pushed[key] = value


def run(found: Changes | NightshiftError, monkeypatch: pytest.MonkeyPatch, **filled_in: Any) -> tuple[Instance, dict]:
    """Let the task run where `find` gives something; what it pushed, and what `find` was asked."""
    asked: dict[str, Any] = {}

    def find(use_case: UseCase, catalog: object, all_dates: bool, leave_out: frozenset[dt.date]) -> Changes:
        asked.update(use_case=use_case.name, all_dates=all_dates, leave_out=leave_out)
        if isinstance(found, NightshiftError):
            raise found
        return found

    monkeypatch.setattr(nightshift.ingest.late, "find", find)
    instance = Instance()
    dag_run = SimpleNamespace(run_type="manual", run_id="manual__x", logical_date=None, conf=filled_in)
    params = PARAMS | filled_in
    context = {"dag_run": dag_run, "dag": SimpleNamespace(params=PARAMS), "params": params, "ti": instance}
    task = FindChanges(use_case=USE_CASE)
    # Airflow warns that no task runner calls.
    monkeypatch.setattr(type(task), "log", SimpleNamespace(info=print, warning=lambda *_: None, error=print))
    try:
        task.execute(context)
    except DownstreamTasksSkipped as skipped:
        instance.pushed["skipped"] = " ".join(skipped.tasks)
    return instance, asked


def test_each_stage_gets_its_ranges_and_people_see_what_was_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instance, asked = run(ALL, monkeypatch)
    assert asked == {"use_case": "flight_delays", "all_dates": False, "leave_out": frozenset()}
    text = instance.pushed.pop("found")
    assert instance.pushed == {
        "land": "2013-10-02 2013-10-05",
        "refine": "2013-10-02 2013-10-05",
        **dict.fromkeys(("features", "score", "marts"), "2013-10-02..2013-10-20"),
        # The newest date that was looked at is theirs, too.
        "tonight": "features score marts",
    }
    assert text.splitlines() == [
        "flight_delays, batch dates 2013-09-16..2013-10-20: 2 deliveries to land",
        "  2013-10-02  came late: schedule.csv",
        "  2013-10-05  was corrected: weather.parquet",
        "dates that each stage redoes:",
        "  land      2013-10-02, 2013-10-05",
        "  refine    2013-10-02, 2013-10-05",
        "  features  2013-10-02..2013-10-20",
        "  score     2013-10-02..2013-10-20",
        "  marts     2013-10-02..2013-10-20",
    ]
    assert capsys.readouterr().out == "".join(f"%s {line}\n" for line in text.splitlines())


def test_all_stages_are_skipped_where_nothing_came_late(monkeypatch: pytest.MonkeyPatch) -> None:
    instance, _ = run(Changes(LOOKED_AT), monkeypatch)
    assert instance.pushed["skipped"].split() == list(STAGES)
    assert "nothing came late" in instance.pushed["found"]


def test_only_the_rest_of_what_was_begun_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = dict.fromkeys(STAGES, ()) | {"score": (BatchDates.of(LAST),), "marts": (BatchDates.of(LAST),)}
    instance, _ = run(Changes(LOOKED_AT, (), rest), monkeypatch)
    assert instance.pushed["skipped"].split() == ["land", "refine", "features"]
    assert instance.pushed["score"] == "2013-10-20"
    assert "all deliveries are landed" in instance.pushed["found"]


def test_what_a_person_filled_in_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _, asked = run(ALL, monkeypatch, all_dates=True, leave_out="2013-10-02..2013-10-03")
    assert asked["all_dates"] is True
    assert asked["leave_out"] == {FIRST, dt.date(2013, 10, 3)}


@pytest.mark.parametrize(
    ("filled_in", "message"),
    [
        ({"leave_out": "2013-10-03..2013-10-02"}, "ends before its start"),
        ({"leave": "2013-10-03"}, "this DAG has no param leave"),
    ],
)
def test_fields_that_make_no_sense_fail_for_good(
    filled_in: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TaskFailedError, match=message):
        run(ALL, monkeypatch, **filled_in)


def test_what_a_person_must_fix_fails_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TaskFailedError, match="no such database"):
        run(NightshiftError("no such database"), monkeypatch)
