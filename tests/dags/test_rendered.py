"""What each task runs, compared with what was recorded: `UPDATE_RECORDED=1 pytest tests/dags` records again."""

from __future__ import annotations

import copy
import datetime as dt
import os
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from nightshift_airflow.operators import JobOperator

RECORDED = Path(__file__).parent / "rendered"
TICK = "2013-10-01T04:00:00+00:00"
# What the first task of a catch-up found.
FOUND = {
    "land": "2013-10-02 2013-10-05",
    "refine": "2013-10-02 2013-10-05",
    "features": "2013-10-02..2013-11-01",
    "score": "2013-10-02..2013-11-01",
    "marts": "2013-10-02..2013-11-01",
    "tonight": "features score marts",
}
# What a training and a person left, and the second task of a rollback.
TRAINED = {
    "version": 2,
    "promote": True,
    "decline": False,
    "who": "Maria M. (maria)",
    "who_id": "maria",
    "why": "better",
    "at": "2013-10-02T09:30Z",
}
LEFT = {
    "find_changes": FOUND,
    "train": TRAINED,
    "approve": TRAINED,
    "roll_back": {"decided": True},
    "show_affected": {"dates": "2013-10-03..2013-10-05 2013-10-09"},
}
ROLLBACK = {"version": 1, "from_date": "2013-10-03", "why": "version 2 warns of everything"}
RUNS: dict[str, tuple[str, str, str | None, dict[str, Any]]] = {
    # name of the recording: DAG, kind of run, logical date, filled in
    "nightly_scheduled": ("flight_delays_nightly", "scheduled", TICK, {}),
    "nightly_backfill": ("flight_delays_nightly", "backfill", "2013-11-03T04:00:00+00:00", {}),
    "nightly_manual": ("flight_delays_nightly", "manual", None, {"batch_date": "2013-10-02", "model": "3"}),
    "train_scheduled": ("flight_delays_train", "scheduled", "2013-10-01T10:00:00+00:00", {}),
    "train_manual": (
        "flight_delays_train",
        "manual",
        None,
        {"first_date": "2013-01-01", "last_date": "2013-12-30", "test_days": 91, "trials": 30},
    ),
    "backfill_ingest": (
        "flight_delays_backfill",
        "manual",
        None,
        {"first_date": "2013-01-01", "last_date": "2013-09-30", "stages": "ingest"},
    ),
    "backfill_everything": (
        "flight_delays_backfill",
        "manual",
        None,
        {"first_date": "2013-10-01", "last_date": "2013-10-03"},
    ),
    "rollback": ("flight_delays_rollback", "manual", None, ROLLBACK),
    "rollback_rescore": (
        "flight_delays_rollback",
        "manual",
        None,
        {**ROLLBACK, "block": True, "rescore": True},
    ),
    "catch_up_scheduled": ("flight_delays_catch_up", "scheduled", "2013-11-01T09:00:00+00:00", {}),
    "catch_up_manual": ("flight_delays_catch_up", "manual", None, {"all_dates": True, "model": "3"}),
}


@pytest.mark.parametrize("name", RUNS)
def test_the_rendered_commands_are_the_recorded_ones(dags: dict[str, DAG], name: str) -> None:
    dag_id, kind, moment, filled_in = RUNS[name]
    rendered = "".join(f"{line}\n" for line in commands(dags[dag_id], kind, moment, filled_in))
    file = RECORDED / f"{name}.txt"
    if os.environ.get("UPDATE_RECORDED"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(rendered, encoding="utf-8")
    assert rendered == file.read_text(encoding="utf-8")


def test_every_recording_is_still_compared() -> None:
    assert {file.stem for file in RECORDED.glob("*.txt")} == set(RUNS)


def commands(dag: DAG, kind: str, moment: str | None, filled_in: dict[str, Any]) -> list[str]:
    """One line per command of a job, or that it is skipped."""
    defaults = {name: dag.params.get_param(name).value for name in dag.params}
    context = {
        "dag": dag,
        "dag_run": SimpleNamespace(
            run_type=kind,
            run_id=f"{kind}__{moment}",
            logical_date=dt.datetime.fromisoformat(moment) if moment else None,
            conf=filled_in,
            triggering_user_name="maria",
        ),
        "params": {**defaults, **filled_in},
        "ti": SimpleNamespace(xcom_pull=found),
    }
    lines = []
    for original in dag.topological_sort():
        if isinstance(original, JobOperator):
            task = copy.copy(original)
            task.render_template_fields(context)
            commands = task.commands(context) if task.wanted == "True" else []
            lines += [f"{task.task_id}: {shlex.join(['python', *command])}" for command in commands]
            if not commands:
                lines.append(f"{task.task_id}: skipped")
    return lines


def found(task_ids: str, key: str) -> Any:
    """What a task gets from one before it."""
    return LEFT[task_ids][key]
