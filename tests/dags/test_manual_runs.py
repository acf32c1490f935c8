"""A run that a person starts has its tasks, whatever its logical date is: it is never green with nothing done.

The DAGs run in a process of their own, with Airflow's plugins folder and an empty database.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from airflow.sdk import DAG

from nightshift.home.settings import PROJECT_DIR

AFTER_THE_LAST = "2020-06-01T14:09:31+00:00"
BEFORE_THE_FIRST = "2012-06-01T04:00:00+00:00"
ALLOWED = "is outside the batch dates of flight_delays: 2013-01-01..2013-12-31"
# The form of a backfill wants them.
RANGE = {"first_date": "2013-10-01", "last_date": "2013-10-02"}

SCRIPT = """
import datetime as dt, json, sys
import airflow.models
from airflow import settings
from airflow.models.base import Base
from airflow.models.backfill import Backfill, BackfillDagRun
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.db import add_default_pool_if_not_exists, synchronize_log_template
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from nightshift_airflow import listener
from nightshift_airflow.dag_pages import load_dags
from nightshift_airflow.stopped_backfill import write_notes
from sqlalchemy import select

airflow.models.import_all_models()
Base.metadata.create_all(settings.engine)
synchronize_log_template()
add_default_pool_if_not_exists()
runs = []
for dag_id, moment, conf, is_real in json.loads(sys.argv[1]):
    run = load_dags()[dag_id].test(
        logical_date=dt.datetime.fromisoformat(moment),
        run_conf=conf,
        # Everything is called a success and does not run.
        mark_success_pattern=None if is_real else ".*",
    )
    tasks = {task.task_id: str(task.state) for task in run.get_task_instances()}
    made = {"dag": dag_id, "moment": moment, "real": is_real, "state": str(run.state), "tasks": tasks}
    runs.append({**made, "run_id": run.run_id})
def found(session, run):
    return session.scalars(select(DagRun).where(DagRun.run_id == run["run_id"], DagRun.dag_id == run["dag"])).one()

with create_session() as session:
    # As the stop button of a backfill leaves a run that had been green and was to run again.
    stopped = found(session, runs[0])
    backfill = Backfill(dag_id=stopped.dag_id, from_date=stopped.run_after, to_date=stopped.run_after)
    session.add(backfill)
    session.flush()
    of = {"backfill_id": backfill.id, "dag_run_id": stopped.id, "sort_ordinal": 1}
    session.add(BackfillDagRun(logical_date=stopped.logical_date, **of))
    stopped.state, stopped.end_date = DagRunState.FAILED, None
    number = backfill.id
write_notes(number)
with create_session() as session:
    for run in runs:
        if run["state"] == "failed":
            # As the scheduler does, which holds the run in a session; `test` above does not.
            listener.on_dag_run_failed(found(session, run), "")
        run["note"] = found(session, run).note
scheduled = {dag.dag_id: str(dag.next_dagrun_create_after) for dag in settings.Session().query(DagModel)}
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump({"runs": runs, "scheduled": scheduled}, file)
"""
BACK = {"version": 1, "from_date": "2013-10-02", "why": "it warns of everything"}
KINDS: dict[str, dict[str, Any]] = {"backfill": RANGE, "catch_up": {}, "nightly": {}, "rollback": BACK, "train": {}}
MOMENTS = (AFTER_THE_LAST, BEFORE_THE_FIRST)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of each run, and all that was logged."""
    folder = tmp_path_factory.mktemp("airflow")
    asked = [[f"flight_delays_{kind}", moment, KINDS[kind], False] for kind in KINDS for moment in MOMENTS]
    asked += [[f"flight_delays_{kind}", "2020-06-02T14:09:31+00:00", {}, True] for kind in ("nightly", "train")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "NIGHTSHIFT"))}
    environment |= {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_DIR / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_DIR / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "NIGHTSHIFT_HOME": str(folder / "nightshift"),
    }
    found = folder / "found.json"
    command = [sys.executable, "-c", SCRIPT, json.dumps(asked), str(found)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=300)
    log = done.stdout + done.stderr
    assert done.returncode == 0, log[-3000:]
    return {**json.loads(found.read_text(encoding="utf-8")), "log": log}


def runs(made: dict[str, Any], real: bool) -> list[dict[str, Any]]:
    return [run for run in made["runs"] if run["real"] is real]


def test_a_run_has_all_tasks_of_its_dag(made: dict[str, Any], dags: dict[str, DAG]) -> None:
    assert len(runs(made, real=False)) == len(KINDS) * len(MOMENTS)
    for run in runs(made, real=False):
        assert run["tasks"] == dict.fromkeys(dags[run["dag"]].task_ids, "success"), run


def test_a_run_of_no_batch_date_fails_in_its_first_task_and_names_the_dates_there_are(made: dict[str, Any]) -> None:
    nightly, train = runs(made, real=True)
    for run in (nightly, train):
        assert run["state"] == "failed"
    assert nightly["tasks"].pop("wait_for_delivery") == "failed"
    assert set(nightly["tasks"].values()) == {"upstream_failed"}
    assert train["tasks"].pop("train") == "failed"
    assert set(train["tasks"]) == {"approve", "promote", "decline", "describe_features"}
    assert set(train["tasks"].values()) == {"upstream_failed"}
    said = " ".join(re.findall(r"\[error *\] (.*?) +\[", made["log"]))
    assert f"2020-06-02 {ALLOWED}" in said
    assert f"..2020-06-01 {ALLOWED}" in said


def test_the_note_of_a_run_that_failed_says_why_and_that_of_a_stopped_one_that_nothing_was_done(
    made: dict[str, Any],
) -> None:
    nightly, train = runs(made, real=True)
    empty = (
        "failed: Batch date is empty: fill it in, with a date from 2013-01-01 to 2013-12-31. The logical date is none:"
    )
    assert nightly["note"].startswith(f"No batch date. `wait_for_delivery` {empty} 2020-06-02 {ALLOWED} ")
    assert train["note"].startswith(f"No batch date. `train` {empty} ")
    stopped, *others = runs(made, real=False)
    assert "Its backfill was stopped before this run began: nothing was done" in stopped["note"]
    assert not [run for run in others if "stopped" in (run["note"] or "")]


def test_switching_a_dag_on_starts_nothing_after_the_last_date(made: dict[str, Any]) -> None:
    use_cases = [path.parent.name for path in PROJECT_DIR.glob("use_cases/*/use_case.yaml")]
    assert made["scheduled"] == {f"{name}_{kind}": "None" for name in use_cases for kind in KINDS}
