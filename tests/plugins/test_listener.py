"""A failed run gets a note, and what a person wrote stays."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from nightshift_airflow.listener import NOTE, on_dag_run_failed


@pytest.mark.parametrize(
    ("dag_id", "note", "expected"),
    [
        ("flight_delays_nightly", None, NOTE),
        ("flight_delays_backfill", "", NOTE),
        ("flight_delays_catch_up", None, NOTE),
        ("flight_delays_train", "known, see ticket", "known, see ticket"),
        ("of_someone_else", None, None),
    ],
)
def test_a_failed_run_gets_a_note(dag_id: str, note: str | None, expected: str | None) -> None:
    dag_run = SimpleNamespace(dag_id=dag_id, note=note)
    on_dag_run_failed(dag_run, "task_failure")
    assert dag_run.note == expected
