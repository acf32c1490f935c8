"""Runs of DAGs as the demo needs them: started once, resumed after a failure, shown while they go on."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from typing import Any

import httpx

from nightshift.errors import BusyError, NightshiftError
from nightshift.install.services.airflow_api import FINAL_STATES, AirflowApi, AirflowRefused
from nightshift.terminal import Say

LOG_LINES = 25
# Airflow's word for a task that waits for a person.
ASKS = "awaiting_input"


def finish_run(
    api: AirflowApi,
    dag_id: str,
    run_id: str,
    say: Say,
    *,
    logical_date: dt.datetime | None = None,
    conf: Mapping[str, Any] | None = None,
    seconds: float = 1800,
) -> dict[str, Any]:
    """See a run through to success: start it, resume it if it had failed, or find it done.

    A run that waits for a person goes on waiting, and is returned as it is (`asks_a_person`).

    Raises:
        NightshiftError: if it fails, with the end of the failed task's log, or takes longer than ``seconds``.
    """
    run = _existing(api, dag_id, run_id, logical_date)
    if run is None:
        run_id = api.trigger(dag_id, logical_date, conf, run_id)
    else:
        run_id = run["dag_run_id"]
        if run["state"] == "success":
            say(f"{dag_id} {run_id} is done already")
            return run
        if run["state"] == "failed":
            say(f"{dag_id} {run_id} had failed: its failed tasks run again")
            clear = {"dry_run": False, "only_failed": True}
            api.call("POST", f"dags/{dag_id}/dagRuns/{run_id}/clear", clear)
    run = ended_or_asking(api, dag_id, run_id, seconds, say)
    if run["state"] == "failed":
        raise NightshiftError(_failure(api, dag_id, run_id))
    return run


def asks_a_person(run: Mapping[str, Any]) -> bool:
    """Whether a run that was seen through waits for an answer."""
    return run["state"] not in FINAL_STATES


def wall_seconds(run: Mapping[str, Any]) -> float:
    """From the start of a finished run to its end."""
    start, end = (dt.datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
    return (end - start).total_seconds()


def ended_or_asking(api: AirflowApi, dag_id: str, run_id: str, seconds: float, say: Say) -> dict[str, Any]:
    """The run, once it has ended, however it did, or waits for a person; its tasks are said as they begin and end.

    Raises:
        BusyError: if it takes longer than ``seconds``, with the state of each task.
    """
    shown = _Shown(say)
    deadline = time.monotonic() + seconds
    while True:
        run, tasks = api.run(dag_id, run_id), api.task_instances(dag_id, run_id)
        shown(tasks)
        if run["state"] in FINAL_STATES or any(task["state"] == ASKS for task in tasks):
            return run
        if time.monotonic() > deadline:
            states = ", ".join(f"{task['task_id']} {task['state']}" for task in tasks)
            raise BusyError(f"{dag_id} {run_id} has not ended after {seconds:.0f} s: {states}")
        time.sleep(1)


class _Shown:
    """Says a line whenever a task of the run starts or ends."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._states: dict[str, str | None] = {}
        self._began: dict[str, float] = {}

    def __call__(self, tasks: list[dict[str, Any]]) -> None:
        for task in sorted(tasks, key=lambda task: task["start_date"] or "9"):
            name, state = task["task_id"], task["state"]
            if state == self._states.get(name):
                continue
            self._states[name] = state
            if state == "running":
                self._began[name] = time.monotonic()
                self._say(f"  {name} …")
            elif state in ("success", "failed", "skipped", "up_for_retry", "upstream_failed"):
                took = f" after {time.monotonic() - self._began[name]:.0f} s" if name in self._began else ""
                self._say(f"  {name} {state}{took}")
            elif state == ASKS:
                self._say(f"  {name} waits for a person")


def _existing(api: AirflowApi, dag_id: str, run_id: str, logical_date: dt.datetime | None) -> dict[str, Any] | None:
    """The run of this id, or of this logical date, of which there can be only one."""
    try:
        return api.run(dag_id, run_id)
    except AirflowRefused as refused:
        if refused.status != httpx.codes.NOT_FOUND:
            raise
    if logical_date is None:
        return None
    at = logical_date.isoformat()
    found = api.runs(dag_id, logical_date_gte=at, logical_date_lte=at)
    return found[0] if found else None


def _failure(api: AirflowApi, dag_id: str, run_id: str) -> str:
    failed = [task for task in api.task_instances(dag_id, run_id) if task["state"] == "failed"]
    lines = [f"{dag_id} {run_id} failed"]
    for task in failed:
        log = api.task_log(dag_id, run_id, task["task_id"], task["try_number"])
        lines += [f"task {task['task_id']}, end of its log:", *log.splitlines()[-LOG_LINES:]]
    lines.append("fix the cause, then run `make demo` again: it resumes where it stopped")
    return "\n".join(lines)
