"""supervisord of one home: its configuration, its start, and talking to it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightshift.errors import InstallationError
from nightshift.home import sockets
from nightshift.home.postgres_server import database_url
from nightshift.home.settings import Settings
from nightshift.home.variables.known_variables import SERVICE_MARK
from nightshift.install.services import run_service, supervisor_client
from nightshift.install.services.airflow_env import environment
from nightshift.install.services.home_processes import home_mark
from nightshift.install.services.ports import LOOPBACK, Ports

GROUP = "nightshift"
# The scheduler may take a minute to end; what it started is killed with it and resumes from the database.
STOP_SECONDS = 15
# Not as variables of the environment: a program that drops those starts once more to be without them.
_PYTHON = (sys.executable, "-u", "-W", "ignore")


@dataclass(frozen=True)
class Program:
    """One supervised process."""

    name: str
    command: tuple[str, ...]


def programs(settings: Settings, ports: Ports) -> list[Program]:
    """All services but PostgreSQL, which outlives a supervisor so that jobs run by hand can use it."""
    airflow = (*_PYTHON, "-m", "airflow")
    # Neither has a login, so neither ever listens beyond this machine, whatever the bind address is.
    mlflow = (
        *(*_PYTHON, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(ports.mlflow), "--workers", "1"),
        *("--no-serve-artifacts", "--default-artifact-root", settings.mlflow_artifacts.as_uri()),
    )
    docs = (*_PYTHON, "-m", "nightshift.install.services.audit_pages", str(settings.data_docs), str(ports.data_docs))
    return [
        Program("housekeeping", (*_PYTHON, "-m", "nightshift.install.services.housekeeping")),
        Program("mlflow", mlflow),
        Program("data-docs", docs),
        Program("api-server", (*airflow, "api-server")),
        Program("dag-processor", (*airflow, "dag-processor")),
        # Task logs are read from the disk; a log server would only take a port that another home has.
        Program("scheduler", (*airflow, "scheduler", "--skip-serve-logs")),
        Program("triggerer", (*airflow, "triggerer", "--skip-serve-logs")),
    ]


def log_of(settings: Settings, name: str) -> Path:
    """Where a service writes its output."""
    return settings.logs / "services" / f"{name}.log"


class Supervisor:
    """The supervisor of one home."""

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing yet."""
        self.settings = settings

    def launch(self, ports: Ports) -> None:
        """Start it as a daemon with no program running yet.

        Raises:
            NightshiftError: if it does not answer, with what it printed.
        """
        settings = self.settings
        log_of(settings, "x").parent.mkdir(parents=True, exist_ok=True)
        listed = programs(settings, ports)
        started = {each.name: {"command": each.command, "log": str(log_of(settings, each.name))} for each in listed}
        (settings.run / run_service.PROGRAMS_FILE).write_text(json.dumps(started), encoding="utf-8")
        configuration = settings.run / "supervisord.conf"
        configuration.write_text(self._configuration([each.name for each in listed]), encoding="utf-8")
        done = subprocess.run(
            [*_PYTHON, "-m", "supervisor.supervisord", "-c", configuration],
            env={
                **environment(settings, ports),
                SERVICE_MARK: home_mark(settings.home),
                "MLFLOW_BACKEND_STORE_URI": database_url(settings, "mlflow"),
            },
            cwd=settings.project_dir,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                self._ask("getState")
            except supervisor_client.SilentError as silent:
                if done.returncode == 0 and time.monotonic() < deadline:
                    time.sleep(0.1)
                    continue
                raise InstallationError(
                    f"the supervisor did not start: {done.stdout}{done.stderr}see {log_of(settings, 'supervisor')}; "
                    "`nightshift down` ends what is left of an earlier one"
                ) from silent
            return

    def start(self, *names: str) -> None:
        """Start those of the named programs that do not run; returns at once."""
        for name in names:
            if self.state(name) not in {"RUNNING", "STARTING", "BACKOFF"}:
                # One that ends at once is an error for supervisord, which tries it again; `check` sees it give up.
                with contextlib.suppress(xmlrpc.client.Fault):
                    self._ask("startProcess", f"{GROUP}:{name}", False)

    def state(self, name: str) -> str:
        """Supervisord's word for a program's state, like RUNNING or FATAL."""
        return str(self._ask("getProcessInfo", f"{GROUP}:{name}")["statename"])

    def check(self, name: str) -> None:
        """Raise if a program has given up.

        Raises:
            NightshiftError: with the end of its log.
        """
        if self.state(name) in {"FATAL", "EXITED"}:
            log = log_of(self.settings, name)
            tail = log.read_text(errors="replace").splitlines()[-15:] if log.is_file() else []
            raise InstallationError(f"{name} does not stay up; the end of {log}:\n" + "\n".join(tail))

    def _ask(self, method: str, *arguments: Any) -> Any:
        return supervisor_client.ask(self.settings, method, *arguments)

    def _configuration(self, names: list[str]) -> str:
        """Without a path but the short one of the home, which has no sign that supervisord would read as its own."""
        home = sockets.short(self.settings.home)
        log = home / log_of(self.settings, "supervisor").relative_to(self.settings.home)
        user = "user=root\n" if os.getuid() == 0 else ""
        head = (
            f"[unix_http_server]\nfile={supervisor_client.socket_file(self.settings)}\nchmod=0600\n\n"
            f"[supervisord]\n{user}logfile={log}\n"
            f"logfile_maxbytes=5MB\nlogfile_backups=1\npidfile={home / self.settings.run.name / 'supervisord.pid'}\n\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\n"
            # One group: its programs are stopped at the same time, not one after the other.
            f"[group:{GROUP}]\nprograms={','.join(names)}\n"
        )
        return head + "".join(
            # Found by PATH, which begins with the folder of this interpreter.
            f"\n[program:{name}]\ncommand={Path(sys.executable).name} -m {run_service.__name__} {name}\n"
            f"autostart=false\nautorestart=true\nstartsecs=3\nstopasgroup=true\nkillasgroup=true\n"
            f"stopwaitsecs={STOP_SECONDS}\nredirect_stderr=true\nstdout_logfile=NONE\n"
            for name in names
        )
