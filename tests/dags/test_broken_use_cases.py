"""A broken use case costs its own DAGs, and Airflow shows why; those of all others are there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift_airflow.dag_kinds import KINDS
from tests.declaring import USE_CASE

NAME = "flight_delays"
SECOND = USE_CASE.strip().replace("name: shop", "name: second") + "\ncolour: red\n"
DAGS = {f"{NAME}_{kind}" for kind in KINDS}


@pytest.fixture
def use_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of use cases that holds a copy of one that is sound."""
    folder = tmp_path / "use_cases"
    shutil.copytree(PROJECT_DIR / "use_cases" / NAME, folder / NAME)
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(folder))
    get_settings.cache_clear()
    return folder


def _bag() -> DagBag:
    """What Airflow makes of the DAG files now."""
    folder = PROJECT_DIR / "dags"
    return DagBag(dag_folder=folder, bundle_path=folder, bundle_name="dags")


def test_airflow_shows_each_broken_use_case_once_beside_the_dags_of_the_others(use_cases: Path) -> None:
    assert (set(_bag().dags), _bag().import_errors) == (DAGS, {})
    for name, text in (("first", "name: first\n  title: too far in\n"), ("second", SECOND)):
        (use_cases / name).mkdir()
        (use_cases / name / "use_case.yaml").write_text(text)

    bag = _bag()
    assert set(bag.dags) == DAGS
    [(file, shown)] = bag.import_errors.items()
    assert Path(file).name == "broken_use_cases.py"
    assert f"the use case first is broken and left out: {use_cases}/first/use_case.yaml, line 2, is not valid" in shown
    assert f"the use case second is broken and left out: {use_cases}/second/use_case.yaml, line 11: colour: " in shown

    shutil.rmtree(use_cases / "first")
    shutil.rmtree(use_cases / "second")
    assert (set(_bag().dags), _bag().import_errors) == (DAGS, {})


def test_a_use_case_that_breaks_loses_its_dags_until_it_is_repaired(use_cases: Path) -> None:
    tables = use_cases / NAME / "tables.yaml"
    text = tables.read_text()
    tables.write_text("tables: [\n")
    bag = _bag()
    assert set(bag.dags) == set()
    assert [Path(file).name for file in bag.import_errors] == ["broken_use_cases.py"]
    tables.write_text(text)
    assert set(_bag().dags) == DAGS
