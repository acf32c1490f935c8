"""Starting and stopping everything that a home runs."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nightshift import database
from nightshift.errors import NightshiftError
from nightshift.home import MARKER, is_home, prepare_home
from nightshift.services import processes
from nightshift.services.airflow_api import AirflowApi
from nightshift.services.airflow_env import connection_info, environment, load_secrets, password_file, url
from nightshift.services.ports import Ports
from nightshift.services.supervisor import STOP_SECONDS, Supervisor, log_of
from nightshift.settings import Settings, get_settings
from nightshift.use_case import UseCase

Say = Callable[[str], None]
# Seconds on an idle machine; minutes where other work has the cores.
_PATIENCE_SECONDS = 300
_COMPONENTS = ("scheduler", "dag_processor", "triggerer")


@dataclass(frozen=True)
class Addresses:
    """Where a person finds the services of a home."""

    airflow: str
    mlflow: str
    data_docs: str
    user: str
    password: str
    password_file: Path


def start(say: Say = print, settings: Settings | None = None) -> Addresses:
    """Start what does not run yet, and return once Airflow would run a task.

    Raises:
        NightshiftError: if a service does not come up, with the end of its log.
    """
    settings = settings or get_settings()
    prepare_home(settings)
    say("PostgreSQL: Airflow's, MLflow's and Optuna's data and the ledger")
    database.database_url("airflow")
    supervisor = Supervisor(settings)
    with port_lock():
        ports = _launched(supervisor, settings)
        supervisor.start("mlflow", "data-docs")
        _migrate(settings, ports, say)
        say("Airflow: API server and DAG processor")
        supervisor.start("api-server", "dag-processor")
        with AirflowApi(connection_info(settings.home)) as api:
            _until(lambda: bool(api.health()), supervisor, ("api-server",), "the API server answers", _PATIENCE_SECONDS)
            say("Airflow: scheduler and triggerer")
            # A scheduler that starts before the API server answers fails its first tasks.
            supervisor.start("scheduler", "triggerer")
            for use_case in UseCase.load_all():
                api.ensure_pool(use_case.lake_pool, 1, "One writer at a time on the tables of this use case.")
            say("waiting until every component is healthy")
            _until(
                lambda: all(api.health().get(name) == "healthy" for name in _COMPONENTS),
                supervisor,
                ("api-server", "scheduler", "dag-processor", "triggerer"),
                "Airflow is healthy",
                _PATIENCE_SECONDS,
            )
        mlflow = url(settings, ports.mlflow)
        _until(lambda: _answers(f"{mlflow}/health"), supervisor, ("mlflow",), "MLflow answers", _PATIENCE_SECONDS)
    return addresses(settings)


def addresses(settings: Settings | None = None) -> Addresses:
    """Addresses and login of a home whose services were started once."""
    settings = settings or get_settings()
    connection = connection_info(settings.home)
    ports = Ports.load(settings)
    assert ports is not None
    return Addresses(
        airflow=connection.base_url,
        mlflow=url(settings, ports.mlflow),
        data_docs=url(settings, ports.data_docs),
        user=connection.user,
        password=connection.password,
        password_file=password_file(settings),
    )


def stop(say: Say = print, settings: Settings | None = None) -> int:
    """End every process that this home's services started, and its PostgreSQL; how many there were.

    Works on what a killed supervisor left behind as well.
    """
    settings = settings or get_settings()
    supervised = [process for process in processes.of_home(settings.home) if "supervisord" in _command(process)]
    ended = len(processes.of_home(settings.home))
    if supervised:
        say("stopping Airflow, MLflow and Data Docs")
        for process in supervised:
            with contextlib.suppress(Exception):
                process.terminate()
        processes.wait_gone(supervised, STOP_SECONDS + 5)
    if left := processes.end(settings.home, grace_seconds=0 if supervised else STOP_SECONDS):
        say(f"ended {left} processes that were left")
    if database.stop(settings):
        say("stopped PostgreSQL")
        ended += 1
    shutil.rmtree(Supervisor(settings).folder, ignore_errors=True)
    return ended


def clean(say: Say = print, settings: Settings | None = None) -> None:
    """Stop everything and remove the home with all its data.

    Raises:
        NightshiftError: if the folder does not carry the mark of a home.
    """
    settings = settings or get_settings()
    home = settings.home
    if not home.exists():
        say(f"{home} does not exist")
        return
    if home.is_symlink() or not is_home(home):
        raise NightshiftError(
            f"{home} is not removed: it has no {MARKER}, so it may hold other things than nightshift's"
        )
    stop(say, settings)
    shutil.rmtree(home)
    say(f"removed {home}")


def port_lock() -> contextlib.AbstractContextManager[Any]:
    """Held from choosing ports until the services listen, so that two homes started at once take different ones."""
    from filelock import FileLock

    return FileLock(Path(tempfile.gettempdir()) / f"nightshift-{os.getuid()}-ports.lock", timeout=600)


def _launched(supervisor: Supervisor, settings: Settings) -> Ports:
    ports = Ports.load(settings)
    if ports is not None and supervisor.is_running():
        return ports
    # Orphans of a supervisor that was killed hold the ports and would run every task twice.
    processes.end(settings.home, grace_seconds=5)
    ports = Ports.choose(settings)
    load_secrets(settings)
    for folder in (settings.data_docs, settings.mlflow_artifacts, settings.home / "airflow"):
        folder.mkdir(parents=True, exist_ok=True)
    supervisor.launch(ports)
    return ports


def _migrate(settings: Settings, ports: Ports, say: Say) -> None:
    stamp = settings.run / "airflow_version"
    installed = version("apache-airflow")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == installed:
        return
    say("Airflow: creating its tables (once)")
    with log_of(settings, "migrate").open("w", encoding="utf-8") as log:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=environment(settings, ports),
            cwd=settings.project_dir,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        tail = log_of(settings, "migrate").read_text(errors="replace").splitlines()[-15:]
        raise NightshiftError("Airflow's tables could not be created:\n" + "\n".join(tail))
    stamp.write_text(installed, encoding="utf-8")


def _until(
    condition: Callable[[], bool], supervisor: Supervisor, names: tuple[str, ...], what: str, seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        for name in names:
            supervisor.check(name)
        if time.monotonic() > deadline:
            states = ", ".join(f"{name} {supervisor.state(name)}" for name in names)
            raise NightshiftError(
                f"waited {seconds:.0f} s until {what}: {states}; see {log_of(supervisor.settings, names[0]).parent}"
            )
        time.sleep(0.5)


def _answers(address: str) -> bool:
    import httpx

    try:
        return httpx.get(address, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _command(process: Any) -> str:
    try:
        return " ".join(process.cmdline())
    except Exception:
        return ""
