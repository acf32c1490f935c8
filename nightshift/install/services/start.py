"""Starting everything that a home runs; nothing that runs is ended by it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version

from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.errors import BusyError, InstallationError, ServerUnreachableError
from nightshift.home import file_locks, postgres_server, sockets
from nightshift.home.home_folder import make_folders, prepare_home, refuse_transfer
from nightshift.home.settings import Settings
from nightshift.install.services import external_services, home_processes, service_state
from nightshift.install.services.airflow_api import AirflowApi
from nightshift.install.services.airflow_env import connection_info, environment, load_secrets, local_url, password_file
from nightshift.install.services.airflow_pools import pools
from nightshift.install.services.ports import Ports, refuse_foreign_address
from nightshift.install.services.ready import READY_SECONDS, Addresses, is_healthy, wait_for_dags
from nightshift.install.services.supervisor import STOP_SECONDS, Supervisor, log_of
from nightshift.terminal import Say

# Of all homes of this user, whatever their TMPDIR.
PORTS_LOCK = sockets.TEMPORARY / f"nightshift-{os.getuid()}-ports.lock"


def start(say: Say, settings: Settings) -> Addresses:
    """Start what does not run yet, and return once Airflow would run a task.

    Raises:
        NightshiftError: if a service does not come up, with the end of its log.
        psycopg2.Error: if a server of one's own does not answer.
    """
    external_services.refuse(settings)
    refuse_foreign_address(settings)
    if settings.database_url:
        postgres_server.ask_each(settings)
    prepare_home(settings)
    refuse_transfer(settings)
    say("PostgreSQL: Airflow's, MLflow's and Optuna's data and the ledger")
    postgres_server.database_url(settings, "airflow")
    supervisor = Supervisor(settings)
    with contextlib.ExitStack() as turn:
        ports = _running(settings, say)
        if ports is None:
            turn.enter_context(_one_at_a_time(say))
            # Another one may have started them meanwhile.
            ports = _running(settings, say) or _launched(supervisor, settings, say)
        supervisor.start("housekeeping", "mlflow", "data-docs")
        _migrate(settings, ports, say)
        say("Airflow: API server and DAG processor")
        supervisor.start("api-server", "dag-processor")
        with AirflowApi(connection_info(settings)) as api:
            _until(api.serves_tasks, supervisor, ("api-server",), "the API server answers", READY_SECONDS)
            say("Airflow: scheduler and triggerer")
            # A scheduler that starts before the API server answers fails its first tasks.
            supervisor.start("scheduler", "triggerer")
            for name, description in pools(find_use_cases(settings).use_cases).items():
                api.ensure_pool(name, 1, description)
            say("waiting until every component is healthy")
            _until(
                lambda: is_healthy(api),
                supervisor,
                ("api-server", "scheduler", "dag-processor", "triggerer"),
                "Airflow is healthy",
                READY_SECONDS,
            )
            wait_for_dags(api, settings, say)
        health = f"{local_url(ports.mlflow)}/health"
        _until(lambda: _answers(health), supervisor, ("mlflow",), "MLflow answers", READY_SECONDS)
    return addresses(settings)


def addresses(settings: Settings) -> Addresses:
    """Addresses and login of a home whose services were started once."""
    connection = connection_info(settings)
    ports = Ports.load(settings)
    assert ports is not None
    return Addresses(
        airflow=connection.base_url,
        mlflow=local_url(ports.mlflow),
        data_docs=local_url(ports.data_docs),
        user=connection.user,
        password=connection.password,
        password_file=password_file(settings),
    )


@contextlib.contextmanager
def _one_at_a_time(say: Say) -> Iterator[None]:
    """Held from choosing ports until the services listen, so that two homes started at once take different ones."""
    try:
        if (lock := file_locks.take(PORTS_LOCK)) is None:
            say("waiting for another `nightshift up` of this user to end")
            lock = file_locks.take(PORTS_LOCK, 2 * READY_SECONDS)
    except OSError as error:
        raise InstallationError(
            f"{PORTS_LOCK} cannot be opened ({error.strerror}), and keeps two homes from taking one port",
            remedy="remove it, or have its owner remove it",
        ) from error
    if lock is None:
        raise BusyError(
            f"another `nightshift up` of this user has not ended for {2 * READY_SECONDS // 60} minutes",
            remedy="look what it waits for, and end it",
        )
    try:
        yield
    finally:
        lock.release()


def _running(settings: Settings, say: Say) -> Ports | None:
    """Ports of the services, if their supervisor runs; None where they may be started.

    Raises:
        InstallationError: if something runs that can't be continued, and would have to be ended.
    """
    services = service_state.look(settings)
    if services.state == "ending":
        say("waiting until the services have ended that are being stopped")
        deadline = time.monotonic() + 2 * STOP_SECONDS
        while services.state == "ending" and time.monotonic() < deadline:
            time.sleep(0.5)
            services = service_state.look(settings)
    if services.state in {"ending", "silent", "moved"} or (services.state == "orphaned" and services.tasks):
        raise InstallationError(
            f"services of {settings.home}: {services.found}; nothing was ended", remedy=services.remedy
        )
    if services.state != "running":
        return None
    if services.found:
        say(f"the services {services.found}: {services.remedy}")
    return Ports.load(settings)


def _launched(supervisor: Supervisor, settings: Settings, say: Say) -> Ports:
    # What a supervisor that was killed left, without a task: it would hold the ports, and run every task twice.
    if home_processes.end(settings.home, grace_seconds=5):
        say("ended what was left of services whose supervisor was killed, as no task runs")
    ports = Ports.choose(settings)
    load_secrets(settings)
    make_folders(settings.data_docs, settings.mlflow_artifacts, settings.home / "airflow")
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
        raise InstallationError("Airflow's tables could not be created:\n" + "\n".join(tail))
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
            raise ServerUnreachableError(
                f"waited {seconds:.0f} s until {what}: {states}; see {log_of(supervisor.settings, names[0]).parent}"
            )
        time.sleep(0.5)


def _answers(address: str) -> bool:
    import httpx

    try:
        return httpx.get(address, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
