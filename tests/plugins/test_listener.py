"""The note of a run: its batch dates and why it failed, renewed at each start and end; what a person wrote stays."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.models.dagrun import DagRun
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.exc import DetachedInstanceError

from nightshift_airflow import listener, run_notes

TICK = dt.datetime.fromisoformat("2013-10-03T04:00:00+00:00")
RANGE = {"first_date": "2013-08-01", "last_date": "2013-08-04"}
CLICK = dt.datetime.fromisoformat("2026-11-30T00:03:21+00:00")


def run(dag_id: str, moment: dt.datetime | None = None, note: str | None = None, **conf: Any) -> Any:
    """A run as the scheduler has it, apart from a database."""
    kind = "scheduled" if moment == TICK else "manual"
    return SimpleNamespace(dag_id=dag_id, run_id="any", run_type=kind, logical_date=moment, conf=conf, note=note)


@pytest.mark.parametrize(
    ("dag_id", "moment", "conf", "expected"),
    [
        ("flight_delays_nightly", TICK, {}, "Batch date 2013-10-03."),
        ("flight_delays_nightly", CLICK, {"batch_date": "2013-08-04"}, "Batch date 2013-08-04."),
        ("flight_delays_nightly", CLICK, {}, "No batch date."),
        ("flight_delays_backfill", CLICK, RANGE, "Batch dates 2013-08-01..2013-08-04."),
        ("flight_delays_rollback", None, {"from_date": "2013-08-04"}, "Batch date 2013-08-04 on."),
        ("flight_delays_train", None, {"batch_date": "2013-02-01"}, "Learns from batch dates 2013-01-01..2013-01-31."),
        ("flight_delays_catch_up", TICK, {}, "Late and corrected deliveries."),
        ("of_someone_else", TICK, {}, None),
    ],
)  # fmt: skip
def test_a_run_that_begins_says_which_batch_dates_it_is_about(
    dag_id: str, moment: dt.datetime | None, conf: dict[str, Any], expected: str | None
) -> None:
    made = run(dag_id, moment, **conf)
    listener.on_dag_run_running(made, "")
    assert made.note == expected


def test_a_night_that_failed_says_why_and_no_more_once_it_is_healed(monkeypatch: pytest.MonkeyPatch) -> None:
    left = {"land": {"cause": "schedule.csv has 1,917 bytes,\n  and its manifest says 1,999"}}
    monkeypatch.setattr(run_notes, "left", lambda _: left)
    night = run("flight_delays_nightly", TICK)
    listener.on_dag_run_running(night, "")
    listener.on_dag_run_failed(night, "")
    assert night.note == (
        "Batch date 2013-10-03. `land` failed: schedule.csv has 1,917 bytes, and its manifest says 1,999. "
        "The runbook is in the DAG's docs."
    )
    night.note += "\n\nThe sender knows, ticket 17."
    listener.on_dag_run_running(night, "")
    assert night.note == "Batch date 2013-10-03.\n\nThe sender knows, ticket 17."
    left.clear()
    listener.on_dag_run_success(night, "")
    assert night.note == "Batch date 2013-10-03.\n\nThe sender knows, ticket 17."


def test_what_a_person_wrote_at_the_start_stands_below_the_batch_date() -> None:
    made = run("flight_delays_nightly", TICK, note="after the outage")
    listener.on_dag_run_running(made, "")
    listener.on_dag_run_running(made, "")
    assert made.note == "Batch date 2013-10-03.\n\nafter the outage"


def test_a_decision_that_changed_nothing_stands_in_the_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        run_notes, "left", lambda _: {"roll_back": {"nothing_done": "nothing was decided: version 1 is live"}}
    )
    made = run("flight_delays_rollback", None, from_date="2013-08-04")
    listener.on_dag_run_success(made, "")
    assert made.note == "Batch date 2013-08-04 on. `roll_back`: nothing was decided: version 1 is live."


def test_a_long_cause_leaves_room_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_notes, "left", lambda _: {"land": {"cause": "x" * 5000}})
    made = run("flight_delays_nightly", TICK)
    listener.on_dag_run_failed(made, "")
    assert len(made.note) < 700
    assert made.note.endswith("The runbook is in the DAG's docs.")


def test_a_run_without_a_session_is_left_alone() -> None:
    detached = DagRun(dag_id="flight_delays_nightly", run_id="any", run_type="manual")
    detached.id = 1
    make_transient_to_detached(detached)
    with pytest.raises(DetachedInstanceError):
        _ = detached.note
    run_notes.write(detached, "Batch date 2013-10-03.")
