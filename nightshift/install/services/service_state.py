"""What of a home's services runs: found by the home, and decided in one place for `up` and `doctor`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from nightshift.home.settings import Settings
from nightshift.home.sockets import same_file
from nightshift.install.services import home_processes, supervisor_client
from nightshift.install.services.ports import Ports

AGAIN = "when no task runs, run `nightshift down` and `nightshift up`"
# The title that Airflow gives to a process which runs tasks, and the commands of jobs.
_WORKER, _IDLE = "airflow worker -- LocalExecutor", "<idle>"
_JOB = re.compile(r" -m (?P<job>(?:spark_jobs|training|scoring|nightshift(?!\.install\.services))\..*?)(?= --run-id|$)")


@dataclass(frozen=True)
class Services:
    """The state of a home's services, and what to tell a person where it is not as it should be."""

    state: Literal["never", "stopped", "ending", "orphaned", "silent", "moved", "running"]
    found: str = ""
    remedy: str = ""
    # What tasks do that run; ending their processes would fail them.
    tasks: tuple[str, ...] = ()


def look(settings: Settings, seconds: float = supervisor_client.ANSWER_SECONDS) -> Services:
    """The state of the services; a control socket that was removed is put back, and nothing is started or ended.

    Args:
        settings: of the home.
        seconds: how long the supervisor has to answer.
    """
    marked = home_processes.of_home(settings.home)
    tasks = _tasks([_command(process) for process in marked])
    try:
        pid = supervisor_client.ask(settings, "getPID", seconds=seconds)
        return _supervised(settings, psutil.Process(pid), tasks)
    except supervisor_client.EndingError:
        return Services("ending", "are being ended", "ask again in half a minute", tasks)
    except (supervisor_client.SilentError, psutil.NoSuchProcess):
        pass
    supervisor = next(filter(is_supervisor, marked), None)
    if supervisor is None:
        return _unsupervised(settings, marked, tasks)
    found = (
        f"the supervisor (process {supervisor.pid}) does not answer at {supervisor_client.socket_file(settings)}; "
        f"the services keep running without it{_with(tasks)}"
    )
    return Services("silent", found, f"{AGAIN}; a supervisor that hangs for a moment answers again by itself", tasks)


def is_supervisor(process: psutil.Process) -> bool:
    """Whether a process of a home is its supervisor."""
    return "supervisord" in _command(process)


def _unsupervised(settings: Settings, marked: list[psutil.Process], tasks: tuple[str, ...]) -> Services:
    if marked:
        found = f"{len(marked)} processes run without their supervisor, which was killed{_with(tasks)}"
        wait = "when that has ended, run" if tasks else "run"
        return Services("orphaned", found, f"{wait} `nightshift up`: it starts the services again", tasks)
    if Ports.load(settings) is None:
        return Services("never", "never started here; `make up` does it")
    return Services("stopped", "stopped: no night runs, and no page answers", "run `nightshift up`")


def _supervised(settings: Settings, supervisor: psutil.Process, tasks: tuple[str, ...]) -> Services:
    home = home_processes.variable(supervisor, "NIGHTSHIFT_HOME")
    if os.path.realpath(home) != os.path.realpath(settings.home):
        found = f"run for {home}, where this home was when they were started: they find nothing there{_with(tasks)}"
        return Services("moved", found, "run `nightshift down` and `nightshift up`", tasks)
    checkout = home_processes.variable(supervisor, "NIGHTSHIFT_PROJECT_DIR")
    if not same_file(Path(checkout), settings.project_dir):
        found = f"run the code of another checkout, {checkout}"
        return Services("running", found, f"to run this one's, {AGAIN}", tasks)
    return Services("running", tasks=tasks)


def _with(tasks: tuple[str, ...]) -> str:
    return f", and {', '.join(tasks)} with them" if tasks else ""


def _tasks(commands: list[str]) -> tuple[str, ...]:
    """The jobs that run; where there is none, whether Airflow's executor has another task."""
    jobs = {found["job"] for command in commands if (found := _JOB.search(command))}
    busy = any(command.startswith(_WORKER) and not command.endswith(_IDLE) for command in commands)
    return tuple(sorted(jobs)) or (("a task of Airflow",) if busy else ())


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()
    except (psutil.Error, OSError):
        return ""
