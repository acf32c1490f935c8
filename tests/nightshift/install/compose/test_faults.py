"""What the smoke says of a fault: it healed by itself, it took a person, it did not heal, or none was played."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from nightshift.install.compose import faults, smoke_api
from nightshift.install.compose.faults import FaultOutcome, Hit, ServiceFault, play


@dataclass
class Airflow:
    """Plays one run: its task runs until a fault hits it, and then is as it is told."""

    after: str = "success"
    log_says: str = "Spark: begun"
    task: dict[str, Any] = field(default_factory=lambda: {"task_id": "land", "state": "running", "try_number": 1})

    def tasks(self, *_: str) -> list[dict[str, Any]]:
        return [self.task]

    def run(self, *_: str) -> dict[str, Any]:
        return {"state": self.task["state"]}

    def log(self, *_: object) -> str:
        return self.log_says

    def hit(self, missed: str = "") -> Callable[..., Hit]:
        def act(service: str, runs: Callable[[], bool]) -> Hit:
            assert runs()
            self.task = {**self.task, "state": self.after, "try_number": 2}
            return Hit(time.monotonic(), missed)

        return act


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services that were started again each time they are asked, and no patience."""
    started = iter(range(100))
    monkeypatch.setattr(faults, "_started", lambda _: str(next(started)))
    monkeypatch.setattr(faults, "HEALED_SECONDS", 0)
    monkeypatch.setattr(smoke_api.time, "sleep", lambda _: None)


def played(airflow: Airflow, missed: str = "", clears: tuple[int, int] = (1, 1), is_over: bool = False) -> FaultOutcome:
    fault = ServiceFault("restarted", "postgres", "dag", "run", "land", "Spark: ", airflow.hit(missed))
    counts = iter(clears)
    return play(fault, airflow, lambda _: None, lambda: is_over, lambda: next(counts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("outcome", "is_well", "said"),
    [
        (lambda: played(Airflow()), True, "by itself"),
        (lambda: played(Airflow(), clears=(1, 2)), True, "after 1 clear"),
        (lambda: played(Airflow(), clears=(1, 3)), False, "success, after 2 clear"),
        (lambda: played(Airflow(after="failed")), False, "land is failed"),
        (lambda: played(Airflow(), missed="6 of 6 tables were published"), False, "nothing was played: 6 of 6"),
        (lambda: played(Airflow(log_says=""), is_over=True), False, "never came to"),
    ],
)
def test_what_became_of_a_run_is_said(outcome: Callable[[], FaultOutcome], is_well: bool, said: str) -> None:
    found = outcome()
    assert found.is_well is is_well
    assert said in found.said


def test_a_service_that_never_ended_was_not_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_started", lambda _: "as before")
    assert "postgres never ended" in played(Airflow()).said
