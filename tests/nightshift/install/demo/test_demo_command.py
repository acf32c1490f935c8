"""What the demo does before it starts anything."""

from __future__ import annotations

from nightshift.declarations.use_case import UseCase
from nightshift.install.demo.demo_command import _switch_on
from nightshift_airflow.kinds import KINDS


class Airflow:
    """Every DAG is there, and none is on."""

    def __init__(self) -> None:
        self.on: list[str] = []

    def wait_for_dag(self, dag_id: str) -> None: ...

    def set_paused(self, dag_id: str, paused: bool) -> None:
        assert not paused
        self.on.append(dag_id)


def test_every_dag_is_on_for_whoever_goes_on_from_the_demo() -> None:
    airflow = Airflow()
    _switch_on(airflow, UseCase.load("flight_delays"))  # type: ignore[arg-type]
    assert sorted(airflow.on) == [f"flight_delays_{kind}" for kind in KINDS]
