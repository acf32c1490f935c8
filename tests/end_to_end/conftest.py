"""A whole installation of its own: services, a use case with short deadlines, and one that ticks every minute."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from nightshift import ledger
from nightshift.services.airflow_api import AirflowApi
from nightshift.settings import PROJECT_DIR, get_settings
from nightshift.use_case import UseCase

NIGHTSHIFT = Path(sys.executable).with_name("nightshift")
USE_CASE = "flight_delays"
TICKING = "ticking"
FIRST = dt.date(2013, 6, 1)
KINDS = ("nightly", "train", "backfill", "catch_up")


@dataclass
class Station:
    """A running installation."""

    home: Path
    api: AirflowApi
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def use_case(self) -> UseCase:
        return UseCase.load(USE_CASE)

    def deliver(self, dates: str) -> None:
        nightshift("deliver-sample", USE_CASE, "--dates", dates, "--quiet")

    def midnight(self, day: str) -> dt.datetime:
        return dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), self.use_case.zone)

    def succeed(
        self, kind: str, seconds: float, logical_date: dt.datetime | None = None, **conf: Any
    ) -> dict[str, Any]:
        """Run a DAG to its good end."""
        dag_id = f"{USE_CASE}_{kind}"
        run_id = self.api.trigger(dag_id, logical_date, conf)
        return self.assert_succeeds(dag_id, run_id, seconds)

    def assert_succeeds(self, dag_id: str, run_id: str, seconds: float) -> dict[str, Any]:
        run = self.api.wait_for_run(dag_id, run_id, seconds)
        assert run["state"] == "success", self.logs_of_failed_tasks(dag_id, run_id)
        return run

    def logs_of_failed_tasks(self, dag_id: str, run_id: str) -> str:
        failed = [task for task in self.api.task_instances(dag_id, run_id) if task["state"] == "failed"]
        logs = [self.api.task_log(dag_id, run_id, task["task_id"], task["try_number"]) for task in failed]
        return "\n\n".join("\n".join(log.splitlines()[-60:]) for log in logs)

    def jobs(self, module: str) -> list[psutil.Process]:
        """The running processes of a job of this home."""
        return [process for process in self.processes() if module in _command(process) and _is_python(process)]

    def jvms(self) -> list[psutil.Process]:
        return [process for process in self.processes() if process.name() == "java"]

    def processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if _home_of(process) == str(self.home)]


def nightshift(*arguments: str) -> str:
    """Run one command of the command line; its output."""
    done = subprocess.run(
        [str(NIGHTSHIFT), *arguments], capture_output=True, text=True, check=False, cwd=PROJECT_DIR, timeout=600
    )
    assert done.returncode == 0, f"nightshift {' '.join(arguments)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def station() -> Iterator[Station]:
    """Services up, DAGs found and switched on; everything is removed at the end."""
    # A short folder of its own: sockets lie in it, and their paths must not be long.
    root = Path(tempfile.mkdtemp(prefix="ns-e2e-"))
    home = root / "home"
    of_this_test = {
        "NIGHTSHIFT_HOME": str(home),
        "NIGHTSHIFT_USE_CASES_DIR": str(_use_cases(root / "use_cases")),
    }
    before = {name: os.environ.get(name) for name in (*of_this_test, "NIGHTSHIFT_DATABASE_URL")}
    os.environ.pop("NIGHTSHIFT_DATABASE_URL", None)
    os.environ.update(of_this_test)
    _forget_settings()
    try:
        nightshift("up")
        with AirflowApi() as api:
            for dag_id in (f"{name}_{kind}" for name in (USE_CASE, TICKING) for kind in KINDS):
                api.wait_for_dag(dag_id)
            for dag_id in (*(f"{USE_CASE}_{kind}" for kind in KINDS), f"{TICKING}_nightly"):
                api.set_paused(dag_id, paused=False)
            yield Station(home, api)
    finally:
        nightshift("clean", "--yes")
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        _forget_settings()
        shutil.rmtree(root, ignore_errors=True)


def _use_cases(folder: Path) -> Path:
    """Copies of the real use case: one with a short deadline, one whose night ticks every minute of these days."""
    original = PROJECT_DIR / "use_cases" / USE_CASE
    today = dt.datetime.now(dt.UTC).date()
    for name in (USE_CASE, TICKING):
        shutil.copytree(original, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        file = folder / name / "use_case.yaml"
        declared = yaml.safe_load(file.read_text(encoding="utf-8"))
        declared |= {"name": name, "delivery": {**declared["delivery"], "poll_seconds": 2, "deadline_minutes": 1}}
        declared["dates"] = {**declared["dates"], "first": FIRST}
        declared.pop("demo", None)
        if name == TICKING:
            day = dt.timedelta(days=1)
            declared["dates"] = {"first": today - 2 * day, "last": today + 2 * day, "max_range_days": 10}
            declared["nightly"] = {**declared["nightly"], "schedule": "* * * * *"}
            _forget_agreements(folder / name / "tables.yaml")
        file.write_text(yaml.safe_dump(declared), encoding="utf-8")
    return folder


def _forget_agreements(file: Path) -> None:
    """It has no dbt models, so nothing can be held against their tables."""
    declared = yaml.safe_load(file.read_text(encoding="utf-8"))
    for table in declared["tables"]:
        table.pop("agrees_with", None)
    file.write_text(yaml.safe_dump(declared), encoding="utf-8")


def _forget_settings() -> None:
    get_settings.cache_clear()
    ledger.engine.cache_clear()


def _home_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("NIGHTSHIFT_HOME")
    except (psutil.Error, OSError):
        return None


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _is_python(process: psutil.Process) -> bool:
    return "python" in _command(process).partition(" ")[0]
