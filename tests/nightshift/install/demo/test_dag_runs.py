"""Runs that are started, found done, resumed, failed, or wait for a person."""

from __future__ import annotations

from typing import Any

import pytest

from nightshift.errors import NightshiftError
from nightshift.install.demo.dag_runs import asks_a_person, finish_run
from nightshift.install.services.airflow_api import AirflowRefused

DAG, RUN = "flights_train", "demo__1"


class Airflow:
    """A scheduler whose run goes from one state to the next whenever it is looked at."""

    def __init__(self, *states: tuple[str, dict[str, str]]) -> None:
        """Each state of the run with those of its tasks; without any, there is no run before it is triggered."""
        self.states = list(states)
        self.exists = bool(states)
        self.called: list[str] = []

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        if not self.exists:
            raise AirflowRefused("GET", dag_id, 404, "no such run")
        return {"dag_id": dag_id, "dag_run_id": run_id, "state": self.states[0][0]}

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        _, tasks = self.states[0]
        if len(self.states) > 1:
            self.states.pop(0)
        return [{"task_id": name, "state": state, "start_date": None, "try_number": 1} for name, state in tasks.items()]

    def trigger(self, dag_id: str, logical_date: Any, conf: Any, run_id: str) -> str:
        self.called.append(f"trigger {conf}")
        self.exists = True
        self.states = [("running", {"train": "running"}), ("success", {"train": "success"})]
        return run_id

    def call(self, method: str, path: str, json: Any = None, params: Any = None) -> None:
        self.called.append(f"{method} {path}")
        self.states = [("success", {"train": "success"})]

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> str:
        return f"the log of {task_id}"


def finished(airflow: Airflow, said: list[str] | None = None) -> dict[str, Any]:
    say = [].append if said is None else said.append
    return finish_run(airflow, DAG, RUN, say, conf={"trials": 2})  # type: ignore[arg-type]


def test_one_that_is_not_there_is_started_and_followed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    airflow, said = Airflow(), []
    assert finished(airflow, said)["state"] == "success"
    assert airflow.called == ["trigger {'trials': 2}"]
    assert [line.split(" after")[0] for line in said] == ["  train …", "  train success"]


def test_one_that_is_done_stays_done() -> None:
    airflow = Airflow(("success", {"train": "success"}))
    assert not asks_a_person(finished(airflow))
    assert airflow.called == []


def test_one_that_waits_for_a_person_is_not_waited_for() -> None:
    said: list[str] = []
    run = finished(Airflow(("running", {"train": "success", "approve": "awaiting_input"})), said)
    assert asks_a_person(run)
    assert "  approve waits for a person" in said


def test_failed_tasks_run_again() -> None:
    airflow = Airflow(("failed", {"train": "failed"}))
    assert finished(airflow)["state"] == "success"
    assert airflow.called == [f"POST dags/{DAG}/dagRuns/{RUN}/clear"]


def test_a_failure_ends_the_demo_with_the_log_of_what_failed() -> None:
    airflow = Airflow(("running", {"train": "running"}), ("failed", {"train": "failed"}))
    with pytest.raises(NightshiftError, match="the log of train"):
        finished(airflow)


def test_one_that_never_ends_is_given_up() -> None:
    airflow = Airflow(("running", {"train": "queued"}))
    with pytest.raises(NightshiftError, match="train queued"):
        finish_run(airflow, DAG, RUN, [].append, seconds=0)  # type: ignore[arg-type]
