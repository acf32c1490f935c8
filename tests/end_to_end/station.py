"""A running installation, and what tests ask of it."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import deltalake
import psutil
import pyarrow as pa
from click.testing import CliRunner

from nightshift.commands.cli import cli
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift.install.demo.dag_runs import ended_or_asking
from nightshift.install.services import home_processes
from nightshift.install.services.airflow_api import AirflowApi

NIGHTSHIFT = Path(sys.executable).with_name("nightshift")
USE_CASE = "flight_delays"
# One whose night ticks every minute of these days.
TICKING = "ticking"
# The thunderstorms of July follow a pattern that a model of few weeks can learn: the gates refuse one that is not
# surely better than always guessing the base rate, and in most other weeks so small a model is not.
HISTORY = ("2013-06-01", "2013-07-23")
NIGHT = "2013-07-24"
BACKFILLED = "2013-07-25"
# From it on another model is champion; it is never scored.
TO_COME = "2013-07-26"
NIGHTLY = f"{USE_CASE}_nightly"
# Seconds; each step takes one to two minutes on a machine of two cores that does nothing else.
PATIENCE = 900
# Of a training, as small as its gates allow: the labels of the last day are not there yet.
SMALL = {"trials": 2, "validation_days": 7, "test_days": 8}
# What people say of its models.
WHY_REJECTED = "The card does not say what storms do to it"
WHY_APPROVED = "Ranks well; the desk asked for it"
WHY_PROMOTED = "Declined by mistake"


@dataclass
class Station:
    """A running installation."""

    home: Path
    api: AirflowApi
    finished: dict[str, dict[str, Any]] = field(default_factory=dict)
    # What the forms showed that were answered in a browser.
    forms: dict[str, str] = field(default_factory=dict)
    # Its services before and after their sockets were removed.
    fixed: tuple[set[tuple[int, float]], set[tuple[int, float]]] = (set(), set())
    # Versions of the model by which the backfilled date was scored first.
    scored_by: set[int] = field(default_factory=set)

    @property
    def landing(self) -> Path:
        return get_settings().landing.path

    @property
    def use_case(self) -> UseCase:
        return UseCase.load(USE_CASE, get_settings())

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
        run = ended_or_asking(self.api, dag_id, run_id, seconds, print)
        assert run["state"] == "success", self.logs_of_failed_tasks(dag_id, run_id)
        return run

    def backfill(self, dag_id: str, first: str, last: str, conf: dict[str, Any] | None = None) -> None:
        """Start a backfill of the dates that have no run yet, as the dialog of the UI does."""
        body = {
            "dag_id": dag_id,
            "from_date": self.midnight(first).isoformat(),
            "to_date": self.midnight(last).isoformat(),
            "dag_run_conf": conf or {},
            "reprocess_behavior": "none",
            "max_active_runs": 1,
            "run_backwards": False,
        }
        self.api.call("POST", "backfills", body)

    def train_until_asked(self, **conf: Any) -> str:
        """Start a training, and wait until it asks a person; the run's id."""
        dag_id = f"{USE_CASE}_train"
        run_id = self.api.trigger(dag_id, None, {**SMALL, **conf})

        def asked() -> bool:
            ended = self.api.run(dag_id, run_id)["state"] in ("success", "failed")
            assert not ended, f"it asked nobody\n{self.end_of_log(dag_id, run_id, 'train')}"
            return self.states(dag_id, run_id)["approve"] == "awaiting_input"

        until(asked, PATIENCE, every=1)
        return run_id

    def whole_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """What a try of a task logged, with all that stands beside the messages, as JSON."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        return json.dumps(self.api.call("GET", path, params={"full_content": "true"}), ensure_ascii=False)

    def end_of_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        return "\n".join(self.api.task_log(dag_id, run_id, task_id, try_number).splitlines()[-60:])

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """The state of each task of a run."""
        return {task["task_id"]: task["state"] for task in self.api.task_instances(dag_id, run_id)}

    def logs_of_failed_tasks(self, dag_id: str, run_id: str) -> str:
        failed = [task for task in self.api.task_instances(dag_id, run_id) if task["state"] == "failed"]
        return "\n\n".join(self.end_of_log(dag_id, run_id, task["task_id"], task["try_number"]) for task in failed)

    def scheduled_flights(self, day: str) -> int:
        """As many as the delivery of a day has."""
        file = self.landing / USE_CASE / day / "schedule.csv"
        with file.open(newline="", encoding="utf-8") as stream:
            return sum(1 for _ in csv.DictReader(stream))

    def services(self) -> set[tuple[int, float]]:
        """The supervisor and its own children: those of Airflow come and go."""
        running = home_processes.of_home(self.home)
        [supervisor] = [each for each in running if any("supervisord" in part for part in each.cmdline())]
        return {(each.pid, each.create_time()) for each in (supervisor, *supervisor.children())}

    def jobs(self, module: str) -> list[psutil.Process]:
        """The running processes of a job of this home."""
        return [process for process in self.processes() if module in _command(process) and _is_python(process)]

    def jvms(self) -> list[psutil.Process]:
        return [process for process in self.processes() if _name(process) == "java"]

    def processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if _home_of(process) == str(self.home)]


def nightshift(*arguments: str, **variables: str) -> str:
    """Run one command of the command line, with further variables in its environment; its output."""
    done = called(*arguments, **variables)
    assert done.returncode == 0, f"nightshift {' '.join(arguments)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def told(*arguments: str) -> str:
    """The same for one that only reads, without a process of its own."""
    shown = CliRunner().invoke(cli, arguments)
    assert shown.exit_code == 0, shown.output
    return shown.stdout


def called(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The same for one that may be refused."""
    return subprocess.run(
        [str(NIGHTSHIFT), *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_DIR,
        timeout=600,
    )


def until(condition: Callable[[], Any], seconds: float, every: float = 0.5) -> Any:
    """The first true value of a condition."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"nothing after {seconds} s"
        time.sleep(every)
    return value


def slice_of(table: str, day: str) -> pa.Table:
    """One batch date of a published table, read without Spark."""
    path = Catalog(UseCase.load(USE_CASE, get_settings()))[table].location.path
    return deltalake.DeltaTable(str(path)).to_pyarrow_table([("batch_date", "=", day)])


def versions_of(day: str) -> set[int]:
    """The versions of the model that made the scores of a day."""
    return set(slice_of("gold.scores", day)["model_version"].to_pylist())


def hash_of_rows(rows: pa.Table) -> str:
    """The same for the same rows in any order."""
    names = sorted(rows.column_names)
    lines = sorted(json.dumps([row[name] for name in names], default=str) for row in rows.to_pylist())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _home_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("NIGHTSHIFT_HOME")
    except (psutil.Error, OSError):
        return None


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        # It ended meanwhile.
        return ""


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _is_python(process: psutil.Process) -> bool:
    return "python" in _command(process).partition(" ")[0]
