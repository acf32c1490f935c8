"""What the demo does before it starts anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from nightshift.declarations.use_case import UseCase
from nightshift.errors import DecisionError, UsageError
from nightshift.home.settings import Settings, get_settings
from nightshift.install.demo.demo_command import _challenged, _switch_on, _through_the_scheduler, demonstrable
from nightshift_airflow.dag_kinds import KINDS


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
    _switch_on(airflow, UseCase.load("flight_delays", get_settings()))  # type: ignore[arg-type]
    assert sorted(airflow.on) == [f"flight_delays_{kind}" for kind in KINDS]


@pytest.fixture
def use_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two use cases, of which `shown` has a demo, and one that can't be read."""
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(tmp_path))
    get_settings.cache_clear()
    declare(tmp_path, "plain")
    declare(tmp_path, "shown", sample_source="sample_source", demo=DEMO)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "use_case.yaml").write_text("name: [")
    return tmp_path


DEMO = dict.fromkeys(("history", "first_model", "nights"), "2024-01-01") | {"show_title": "All", "show": "SELECT 1"}


def declare(folder: Path, name: str, **more: object) -> None:
    declared = {
        "name": name, "title": name, "description": "A value.", "owner": "tests", "timezone": "UTC",
        "dates": {"first": "2024-01-01"}, "task": "regression", "training": {},
        "target": {"cases": "a", "table": "b", "column": "c"},
    }  # fmt: skip
    (folder / name).mkdir()
    (folder / name / "use_case.yaml").write_text(yaml.safe_dump(declared | more))
    (folder / name / "tables.yaml").write_text("tables: []")


def test_the_only_use_case_with_a_demo_needs_no_name(use_cases: Path) -> None:
    assert demonstrable(get_settings(), None).name == demonstrable(get_settings(), "shown").name == "shown"


def test_of_several_one_must_be_named(use_cases: Path) -> None:
    declare(use_cases, "another", sample_source="sample_source", demo=DEMO)
    with pytest.raises(UsageError, match=r"2 use cases have a demo(.|\n)*USE_CASE=<name>`; there are: another, shown"):
        demonstrable(get_settings(), None)
    assert demonstrable(get_settings(), "another").name == "another"


def test_of_several_the_default_needs_no_name_unless_there_are_two(use_cases: Path) -> None:
    declare(use_cases, "another", sample_source="sample_source", demo=DEMO | {"default": True})
    assert demonstrable(get_settings(), None).name == "another"
    declare(use_cases, "third", sample_source="sample_source", demo=DEMO | {"default": True})
    with pytest.raises(UsageError, match="another and third each declare `default: true`"):
        demonstrable(get_settings(), None)


def test_the_checkout_has_one_default() -> None:
    demonstrable(get_settings(), None)


def test_one_without_a_sample_or_a_demo_says_what_is_missing_and_which_have_one(use_cases: Path) -> None:
    declare(use_cases, "unplayed", demo=DEMO)
    with pytest.raises(UsageError, match=r"plain/use_case.yaml declares no demo and sample_source(.|\n)*are: shown"):
        demonstrable(get_settings(), "plain")
    with pytest.raises(UsageError, match=r"unplayed/use_case\.yaml declares no sample_source: unplayed has no demo"):
        demonstrable(get_settings(), "unplayed")


class Asking:
    """Every run succeeds, but that of the training, which waits for a person."""

    class connection:
        public_url = "http://airflow"

    def wait_for_dag(self, dag_id: str) -> None: ...

    def set_paused(self, dag_id: str, paused: bool) -> None: ...

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        state = "running" if dag_id.endswith("_train") else "success"
        return {"dag_id": dag_id, "dag_run_id": run_id, "state": state}

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        return [{"task_id": "approve", "state": "awaiting_input", "start_date": None}]


def test_without_a_champion_it_ends_at_the_form_about_the_first_model(home: Settings, use_cases: Path) -> None:
    (use_cases / "shown" / "sample_source.py").write_text(
        "from types import SimpleNamespace\n"
        "def deliver(*_, **__):\n    return SimpleNamespace(written=[], unchanged=[])\n"
    )
    form = "http://airflow/dags/shown_train/runs/demo__2024-01-02/tasks/approve/required_actions"
    with pytest.raises(DecisionError, match=rf"waits for a person(.|\n)*{form}, then run `make demo USE_CASE=shown`"):
        _through_the_scheduler(Asking(), demonstrable(get_settings(), "shown"), [].append)  # type: ignore[arg-type]


def test_a_demo_that_declares_no_challenger_trains_none(use_cases: Path) -> None:
    case = demonstrable(get_settings(), "shown")
    assert case.demo is not None
    # Anything that it asked of Airflow would fail.
    assert _challenged(None, case, case.demo.challenger, print) is None  # type: ignore[arg-type]
