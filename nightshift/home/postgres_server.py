"""The PostgreSQL server of a home: out of a wheel by default, one that a setting names otherwise.

Everything that asks for a database starts the server when it is not running. The server belongs to the home,
not to the process that happened to start it, and runs until :func:`stop`.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from nightshift.errors import BusyError, DatabaseUnreachableError, InstallationError, UsageError
from nightshift.home import file_locks, sockets
from nightshift.home.home_folder import prepare_home
from nightshift.home.postgres_tools import SUPERUSER, give_away, run_tool
from nightshift.home.settings import Settings
from nightshift.home.variables.database_address import written_for

DATABASES = ("airflow", "ledger", "mlflow", "optuna")
# A server far away, or a busy one, may take that long to accept a connection.
CONNECT_SECONDS = 30
_READY = "nightshift.databases"
_SOCKET = ".s.PGSQL.5432"
_SPARE = "postgres.spare"
# Airflow's components, MLflow and two jobs hold about 60 connections; one backend costs 2 to 3 MB.
_SERVER_SETTINGS = {
    "max_connections": "150",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "listen_addresses": "",
    # Relative to the data folder: so short in every home that it always fits, and no cleaner comes there.
    "unix_socket_directories": ".",
    # Parallel workers and I/O workers would compete with Spark for two cores.
    "max_parallel_workers_per_gather": "0",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class Server:
    """A running server: its process and the folder of its socket."""

    pid: int
    socket_folder: Path

    def url(self, name: str, driver: str) -> str:
        """SQLAlchemy URL of one database."""
        return f"postgresql+{driver}://{SUPERUSER}@/{name}?host={quote(str(self.socket_folder), safe='/')}"


def database_url(settings: Settings, name: str, driver: str = "psycopg2") -> str:
    """SQLAlchemy URL of one of :data:`DATABASES`; starts the embedded server when it is not running.

    With ``settings.database_url`` the server that it names is used; its databases must exist.

    Raises:
        NightshiftError: if the name is unknown or the server cannot be started, with the end of its log.
    """
    if name not in DATABASES:
        raise UsageError(f"there is no database {name!r}; there are: {', '.join(DATABASES)}")
    if address := _address(settings, name):
        return written_for(address, name, driver)
    return ensure_server(settings).url(name, driver)


def _address(settings: Settings, name: str) -> str | None:
    """Of the server that a setting names for a database; None for the embedded one."""
    own = {"airflow": settings.airflow_database_url, "mlflow": settings.mlflow_database_url}
    return own.get(name) or settings.database_url


def ask_each(settings: Settings) -> None:
    """Ask each database that settings name, and that is used from here, something.

    Raises:
        psycopg2.Error: if one does not answer, with its name in front.
    """
    import psycopg2

    # Who asks a server for them may have no role there.
    elsewhere = {"airflow": settings.airflow_url, "mlflow": settings.mlflow_tracking_uri}
    for name in DATABASES:
        address = _address(settings, name)
        if address is None or (address == settings.database_url and elsewhere.get(name)):
            continue
        libpq = written_for(address, name, "psycopg2").replace("+psycopg2", "", 1)
        try:
            with contextlib.closing(psycopg2.connect(libpq, connect_timeout=CONNECT_SECONDS)) as connection:
                connection.cursor().execute("SELECT 1")
        except psycopg2.Error as error:
            raise type(error)(f"database {name}: {error}") from None


def ensure_server(settings: Settings) -> Server:
    """The embedded server, started and with all databases; a fraction of a millisecond when it runs.

    Raises:
        NightshiftError: if it cannot be started.
    """
    if (server := running(settings)) and (settings.postgres / _READY).is_file():
        return server
    prepare_home(settings)
    with _locked(settings):
        server = running(settings)
        if server is None:
            if not (settings.postgres / "PG_VERSION").is_file():
                _create_cluster(settings)
            server = _start(settings)
        _create_databases(server)
        (settings.postgres / _READY).write_text("\n".join(DATABASES))
        return server


def running(settings: Settings) -> Server | None:
    """The embedded server of this home, if it accepts connections; its socket is put back where it was removed.

    Raises:
        NightshiftError: if the server runs and cannot be reached. It is left alone, as jobs may use it.
    """
    pid, status = _pid_file(settings.postgres)
    if pid is None:
        return None
    home = sockets.short(settings.home)
    server = Server(pid, home / settings.postgres.name)
    if status != "ready":
        return None
    if sockets.listens(server.socket_folder / _SOCKET, home / settings.run.name / _SPARE):
        return server
    if serving(settings) is not None:
        raise InstallationError(
            f"PostgreSQL runs and cannot be reached (process {pid}): its socket in {settings.postgres} was removed; "
            "what is connected goes on",
            remedy="when no task runs, run `nightshift down` and `nightshift up`",
        )
    return None


def serving(settings: Settings) -> int | None:
    """Process id of the server on this home's data, whether or not it can be reached.

    A pid file outlives a crash, a restart of the machine, a move and a copy of the home: what counts is that the
    process is a server and works in this very folder.
    """
    import psutil

    pid, _ = _pid_file(settings.postgres)
    try:
        process = psutil.Process(pid) if pid else None
        # Where nothing reaps orphans, a killed server stays as a zombie, which PostgreSQL takes for a live one.
        if process is None or process.status() == psutil.STATUS_ZOMBIE or process.name() != "postgres":
            return None
        return pid if Path(process.cwd()).samefile(settings.postgres) else None
    except (psutil.Error, OSError):
        return None


def stop(settings: Settings) -> bool:
    """Stop the embedded server of this home; False when it did not run.

    Raises:
        NightshiftError: if it does not end.
    """
    if not (settings.postgres / "postmaster.pid").is_file():
        return False
    with _locked(settings):
        # pg_ctl signals whatever has the number by now.
        if was_running := serving(settings) is not None:
            stopped = _in_data_folder(settings, "pg_ctl", "stop", "-w", "-t", "60", "-m", "fast", "-D", ".")
            if stopped.returncode != 0:
                raise InstallationError(f"PostgreSQL of {settings.home} does not end: {stopped.stdout.strip()}")
        # What a server leaves that did not end by itself.
        for left in (settings.postgres / "postmaster.pid", settings.run / _SPARE):
            left.unlink(missing_ok=True)
    return was_running


@contextlib.contextmanager
def kept_as_it_was(settings: Settings) -> Iterator[None]:
    """Let what is done start the embedded server, and end it afterwards where it did not run."""
    was_running = serving(settings) is not None
    try:
        yield
    finally:
        if not was_running:
            stop(settings)


@contextlib.contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    settings.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    busy = BusyError(
        f"another process has been starting PostgreSQL of {settings.home} for 3 minutes",
        remedy=f"see {settings.postgres / 'server.log'}, and end that process",
    )
    with file_locks.held(settings.run / "database.lock", 180, busy):
        yield


def _create_cluster(settings: Settings) -> None:
    """Initialise the data folder beside its place and move it there, so that a kill leaves no half of one."""
    new = settings.postgres.with_name("postgres.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    give_away(new)
    options = [f"--set={key}={value}" for key, value in _SERVER_SETTINGS.items()]
    _must(
        run_tool(
            *("initdb", f"--username={SUPERUSER}", "--encoding=utf8", "--locale=C.UTF-8", "--auth=peer"),
            *(*options, "-D", new),
        ),
        settings,
    )
    # Only the system user that owns the home may connect, whoever else can reach the socket.
    (new / "pg_hba.conf").write_text("local all all peer map=nightshift\n")
    (new / "pg_ident.conf").write_text(f'nightshift "{pwd.getpwuid(os.getuid()).pw_name}" {SUPERUSER}\n')
    new.rename(settings.postgres)


def _start(settings: Settings) -> Server:
    if serving(settings) is None:
        # PostgreSQL itself refuses to start when the id of a server that is gone is another process by now.
        for left in ("postmaster.pid", _SOCKET, f"{_SOCKET}.lock"):
            (settings.postgres / left).unlink(missing_ok=True)
        started = _in_data_folder(
            settings,
            *("pg_ctl", "start", "-w", "-t", "120", "-D", ".", "-l", "server.log"),
            # Data folders of earlier versions have other settings.
            *("-o", f"-c unix_socket_directories={_SERVER_SETTINGS['unix_socket_directories']}"),
        )
        _must(started, settings)
    # One that another process began to start is waited for.
    deadline = time.monotonic() + 120
    while (server := running(settings)) is None:
        if serving(settings) is None or time.monotonic() > deadline:
            log = settings.postgres / "server.log"
            raise DatabaseUnreachableError(
                f"PostgreSQL of {settings.home} started and accepts no connection: see {log}"
            )
        time.sleep(0.1)
    return server


def _in_data_folder(settings: Settings, name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program there: pg_ctl hands paths to a shell, where those of some homes would mean something else."""
    return run_tool(name, *arguments, folder=settings.postgres)


def _pid_file(data: Path) -> tuple[int | None, str]:
    """Process id and status that a server of this data folder left."""
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
        # Lines: process id, data folder, start time, port, socket folder, address, shared memory, status.
        return int(lines[0]), lines[7].strip() if len(lines) > 7 else ""
    except (OSError, ValueError, IndexError):
        return None, ""


def _create_databases(server: Server) -> None:
    import psycopg2

    connection = psycopg2.connect(host=str(server.socket_folder), user=SUPERUSER, dbname="postgres")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            existing = {row[0] for row in cursor.fetchall()}
            for name in DATABASES:
                if name not in existing:
                    cursor.execute(f"CREATE DATABASE {name}")
    finally:
        connection.close()


def _must(done: subprocess.CompletedProcess[str], settings: Settings) -> None:
    if done.returncode == 0:
        return
    log = settings.postgres / "server.log"
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:]) if log.is_file() else ""
    raise InstallationError(
        f"PostgreSQL of {settings.home} did not start ({Path(done.args[0]).name}):\n{done.stdout.strip()}\n{tail}\n"
        "`nightshift doctor` checks disk and memory"
    )
