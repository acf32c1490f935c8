"""Puts a note on a failed run, which the list of runs shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

from nightshift_airflow.kinds import kind_of

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

NOTE = "Failed. The last lines of the red task's log say why and what to do; the DAG's docs hold the runbook."


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Write the note, unless a person wrote one.

    This runs in the scheduler within its own transaction: it must be quick and must not query anything.
    """
    if kind_of(dag_run.dag_id) and not dag_run.note:
        dag_run.note = NOTE
