"""Where things of a home are is asked once, at the entries of programs; everything else is given it."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR, Settings

# Files and folders whose code begins a program, or is called by one that knows no settings, as Airflow.
ENTRIES = {
    "benchmarks": "programs",
    "dags": "read by Airflow",
    "docs": "programs",
    "nightshift/home/command_settings.py": "the command line",
    "nightshift/install/services/container.py": "a service in a container",
    "nightshift/install/services/housekeeping.py": "a service",
    "nightshift/install/setup/jvm_class_archive_run.py": "a program of set-up",
    "nightshift/install/setup/image.py": "a program of the Makefile",
    "nightshift/install/setup/lock_files.py": "a program of the Makefile",
    "nightshift/job.py": "jobs",
    "plugins/nightshift_airflow/deliveries.py": "a trigger of Airflow's",
    "plugins/nightshift_airflow/run_notes.py": "pages of Airflow's",
    "plugins/nightshift_airflow/pools.py": "a program",
    "plugins/nightshift_airflow/ui_zone.py": "pages of Airflow's",
    "spark_jobs/erase.py": "a job",
    # Where an error ends, nobody knows whose it is.
    "nightshift/home/outside_errors.py": "errors of all entries",
    # A process has one connection, made when it is first needed.
    "nightshift/ledger/run_environment.py": "the ledger",
    "nightshift/ledger/database_engine.py": "the ledger",
}
ROOMS = (
    "benchmarks",
    "dags",
    "docs",
    "expectations",
    "nightshift",
    "plugins",
    "scoring",
    "spark_jobs",
    "training",
    "use_cases",
)


def askers() -> Iterator[str]:
    """The files of the rooms that make settings or ask for those of the process."""
    for path in sorted(path for room in ROOMS for path in (PROJECT_DIR / room).rglob("*.py")):
        if "tests" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node, "id", getattr(node, "attr", None))
            makes = isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Settings"
            if name in ("get_settings", "make_pass_decorator") or makes:
                yield path.relative_to(PROJECT_DIR).as_posix()


def entry_of(file: str) -> str | None:
    return next((entry for entry in ENTRIES if file == entry or file.startswith(f"{entry}/")), None)


def test_only_entries_ask_for_the_settings_and_each_of_them_does() -> None:
    found = {file: entry_of(file) for file in askers() if file != "nightshift/home/settings.py"}
    assert [file for file, entry in found.items() if entry is None] == [], "take them from job, use case or table"
    assert set(found.values()) == ENTRIES.keys()


def test_declarations_know_the_home_they_were_read_for_and_no_other(tmp_path: Path) -> None:
    homes = [Settings(home=tmp_path / name) for name in ("one", "other")]
    one, other = (Catalog(UseCase.load("flight_delays", home)) for home in homes)
    assert one["gold.scores"].location.path == homes[0].lake.path / "gold" / "flight_delays" / "scores"
    assert {table.home for table in other} == {homes[1]}
    assert one["gold.scores"].within(homes[1]) == other["gold.scores"] != one["gold.scores"]


def test_executors_are_sent_no_settings_which_may_hold_a_password(tmp_path: Path) -> None:
    home = Settings(home=tmp_path, database_url="postgresql://reader:s3cret@host/ledger")
    table = Catalog(UseCase.load("flight_delays", home))["gold.scores"]
    sent = pickle.dumps(table)
    assert b"s3cret" not in sent
    assert "s3cret" not in repr(table)
    again = pickle.loads(sent)
    assert again.columns == table.columns
    with pytest.raises(RuntimeError, match="is in no home"):
        _ = again.location
