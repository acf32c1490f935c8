"""Keeps the note of each run: its batch dates, why it failed, what it did not do; the list of runs shows it.

This runs in the scheduler within its own transaction, and in the API server where a person marks a run: it must be
quick, and its one query is of what the run's own tasks left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

from nightshift_airflow import run_notes

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun


@hookimpl
def on_dag_run_running(dag_run: DagRun, msg: str) -> None:
    """Name the batch dates; what was said of an earlier try is gone."""
    run_notes.write(dag_run, run_notes.begun(dag_run))


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """Say what was not done, where there is such a thing."""
    run_notes.write(dag_run, run_notes.succeeded(dag_run, run_notes.left(dag_run)))


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Say which task failed and why."""
    run_notes.write(dag_run, run_notes.failed(dag_run, run_notes.left(dag_run)))
