"""The note of a run in words. Its first line is nightshift's and is renewed; what a person adds below it stays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.job_result import NOTHING_DONE
from nightshift_airflow.dag_kinds import kind_of
from nightshift_airflow.retries import CAUSE
from nightshift_airflow.runs import DatesOfRun, Run, asked_range, from_date, learned_from, night

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

# First words of all lines that are nightshift's.
_OURS = ("Batch date", "Learns from", "Late and corrected", "No batch date")
_DATES: Mapping[str, DatesOfRun] = {
    "nightly": night,
    "backfill": asked_range,
    "rollback": from_date,
    "train": learned_from,
}
# Airflow keeps 1,000 characters of a note; a person's words below ours need some of them.
_LONGEST = 500


def begun(dag_run: DagRun) -> str:
    """What the run is about."""
    return f"{_about(dag_run)}."


def succeeded(dag_run: DagRun, said: Mapping[str, Mapping[str, str]]) -> str:
    """What the run was about, and what it was asked for and did not do."""
    undone = [f"`{task}`: {_short(each[NOTHING_DONE])}" for task, each in said.items() if NOTHING_DONE in each]
    return _line(f"{_about(dag_run)}.", *undone)


def failed(dag_run: DagRun, said: Mapping[str, Mapping[str, str]]) -> str:
    """What the run was about, which task failed, and why."""
    causes = [f"`{task}` failed: {_short(each[CAUSE])}" for task, each in said.items() if CAUSE in each]
    where = "The runbook is in the DAG's docs."
    return _line(f"{_about(dag_run)}.", *(causes or ["Failed; the red task's log says why"]), where)


def stopped(dag_run: DagRun) -> str:
    """What became of a run whose backfill was stopped before it began."""
    undone = "Its backfill was stopped before this run began: nothing was done, and the tables hold what they held"
    return _line(f"{_about(dag_run)}.", undone, "Clear it to run it")


def left(dag_run: DagRun) -> dict[str, dict[str, str]]:
    """What the tasks of the run left for its note, by task."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        return {}
    query = select(XComModel.task_id, XComModel.key, XComModel.value).where(
        XComModel.dag_id == dag_run.dag_id,
        XComModel.run_id == dag_run.run_id,
        XComModel.key.in_((CAUSE, NOTHING_DONE)),
    )
    # The state of the run is being changed, and it is not this query that should write it.
    with session.no_autoflush:
        rows = session.execute(query).all()
    found: dict[str, dict[str, str]] = {}
    for task, key, value in rows:
        found.setdefault(str(task), {})[str(key)] = _text(value)
    return found


def write(dag_run: DagRun, line: str) -> None:
    """Put a line into the note in place of the one before; a note that a person began stays as it is below it."""
    if kind_of(dag_run.dag_id) is None or _is_detached(dag_run):
        return
    first, separator, rest = (dag_run.note or "").partition("\n\n")
    if first.startswith(_OURS):
        dag_run.note = f"{line}{separator}{rest}"
    else:
        dag_run.note = f"{line}\n\n{dag_run.note}" if dag_run.note else line


def _is_detached(dag_run: DagRun) -> bool:
    """Whether its session is closed, as under ``dag.test()``: its note can't be read, and would not be written."""
    from sqlalchemy import inspect

    state: Any = inspect(dag_run, raiseerr=False)
    return state is not None and bool(state.detached)


def _about(dag_run: DagRun) -> str:
    kind = kind_of(dag_run.dag_id) or ""
    if kind == "catch_up":
        return "Late and corrected deliveries"
    try:
        use_case = UseCase.load(dag_run.dag_id.removesuffix(f"_{kind}"), get_settings())
        run_type = str(getattr(dag_run.run_type, "value", dag_run.run_type))
        dates = _DATES[kind](Run(use_case, run_type, dag_run.logical_date, dag_run.conf or {}))
    except NightshiftError:
        # The first task says what is wrong, and its reason stands beside.
        return "No batch date"
    if kind == "train":
        return f"Learns from batch dates {dates}"
    return f"Batch date {dates}" + (" on" if kind == "rollback" else "") if len(dates) == 1 else f"Batch dates {dates}"


def _line(*parts: str) -> str:
    """Sentences as one paragraph."""
    return " ".join(part.rstrip(".") + "." for part in parts)


def _short(text: str) -> str:
    """On one line, without its end where it is too long."""
    text = " ".join(text.replace("\nNext:", ". Next:").split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 2].rstrip()} …"


def _text(value: Any) -> str:
    """An XCom's text; Airflow keeps it as JSON."""
    try:
        return str(json.loads(value)) if isinstance(value, str) else str(value)
    except ValueError:
        return str(value)
