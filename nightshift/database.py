"""The PostgreSQL server of a home: out of a wheel by default, one that a setting names otherwise.

Everything that asks for a database starts the server when it is not running. The server belongs to the home,
not to the process that happened to start it, and runs until :func:`stop`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from nightshift.errors import NightshiftError
from nightshift.home import prepare_home
from nightshift.postgres_tools import SUPERUSER, hand_over, run_tool, system_user
from nightshift.settings import Settings, get_settings

DATABASES = ("airflow", "ledger", "mlflow", "optuna")
SOCKET_LIMIT = 100
_READY = "nightshift.databases"
# Airflow's components, MLflow and two jobs hold about 60 connections; one backend costs 2 to 3 MB.
_SERVER_SETTINGS = {
    "max_connections": "150",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "listen_addresses": "",
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


def database_url(name: str, driver: str = "psycopg2") -> str:
    """SQLAlchemy URL of one of :data:`DATABASES`; starts the embedded server when it is not running.

    With ``settings.database_url`` the server that it names is used; its databases must exist.

    Raises:
        NightshiftError: if the name is unknown or the server cannot be started, with the end of its log.
    """
    if name not in DATABASES:
        raise NightshiftError(f"there is no database {name!r}; there are: {', '.join(DATABASES)}")
    settings = get_settings()
    if settings.database_url:
        parts = urlsplit(settings.database_url)
        return urlunsplit(parts._replace(scheme=f"postgresql+{driver}", path=f"/{name}"))
    return ensure_server(settings).url(name, driver)


def ensure_server(settings: Settings | None = None) -> Server:
    """The embedded server, started and with all databases; a fraction of a millisecond when it runs.

    Raises:
        NightshiftError: if it cannot be started.
    """
    settings = settings or get_settings()
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


def running(settings: Settings | None = None) -> Server | None:
    """The embedded server of this home, if it accepts connections."""
    data = (settings or get_settings()).postgres
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return None
    # Lines: process id, data folder, start time, port, socket folder, address, shared memory, status.
    if len(lines) < 8 or lines[7].strip() != "ready" or not _same_folder(Path(lines[1]), data):
        return None
    server = Server(int(lines[0]), Path(lines[4]))
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(server.socket_folder / ".s.PGSQL.5432"))
        except OSError:
            return None
    return server


def stop(settings: Settings | None = None) -> bool:
    """Stop the embedded server of this home; False when it did not run.

    Raises:
        NightshiftError: if it does not end.
    """
    settings = settings or get_settings()
    if not (settings.postgres / "postmaster.pid").is_file():
        return False
    with _locked(settings):
        was_running = running(settings) is not None
        # A crash leaves the pid file behind: then pg_ctl reports that there is no such process, and that is fine.
        stopped = run_tool("pg_ctl", "stop", "-w", "-t", "60", "-m", "fast", "-D", settings.postgres)
        if was_running and stopped.returncode != 0:
            raise NightshiftError(f"PostgreSQL of {settings.home} does not end: {stopped.stdout.strip()}")
        shutil.rmtree(socket_folder(settings), ignore_errors=True)
    return was_running


def socket_folder(settings: Settings) -> Path:
    """Where the server puts its socket: short, because socket paths over about 100 bytes fail."""
    digest = hashlib.sha256(str(settings.postgres).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"nightshift-{os.getuid()}-{digest}"


def _locked(settings: Settings) -> contextlib.AbstractContextManager[Any]:
    from filelock import FileLock

    settings.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    return FileLock(settings.run / "database.lock", timeout=180)


def _create_cluster(settings: Settings) -> None:
    """Initialise the data folder beside its place and move it there, so that a kill leaves no half of one."""
    new = settings.postgres.with_name("postgres.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    hand_over(new)
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
    folder = socket_folder(settings)
    if len(os.fsencode(folder / ".s.PGSQL.5432")) > SOCKET_LIMIT:
        raise NightshiftError(f"the socket folder {folder} is too long for a socket: set TMPDIR to a shorter folder")
    # A folder that another user put there first could hold a server that only looks like ours.
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid not in {os.getuid(), system_user().pw_uid}:
        raise NightshiftError(f"{folder} belongs to another user: remove it, or set TMPDIR to a folder of your own")
    folder.chmod(0o700)
    hand_over(folder)
    _remove_stale_pid_file(settings.postgres)
    log = settings.postgres / "server.log"
    _must(
        run_tool(
            *("pg_ctl", "start", "-w", "-t", "120", "-D", settings.postgres, "-l", log),
            *("-o", f"-c unix_socket_directories='{folder}'"),
        ),
        settings,
    )
    server = running(settings)
    if server is None:
        raise NightshiftError(f"PostgreSQL started and does not answer at {folder}: see {log}")
    return server


def _remove_stale_pid_file(data: Path) -> None:
    """Forget a server that is gone; PostgreSQL itself refuses to start when its old id is another process by now."""
    import psutil

    pid_file = data / "postmaster.pid"
    try:
        lines = pid_file.read_text().splitlines()
        owner = psutil.Process(int(lines[0]))
        # Where nothing reaps orphans, a killed server stays as a zombie, which PostgreSQL takes for a live one.
        lives = owner.status() != psutil.STATUS_ZOMBIE
        is_ours = lives and owner.name() == "postgres" and _same_folder(Path(lines[1]), data)
    except FileNotFoundError:
        return
    except (psutil.NoSuchProcess, ValueError, IndexError):
        is_ours = False
    if not is_ours:
        pid_file.unlink()


def _same_folder(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


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
    raise NightshiftError(
        f"PostgreSQL of {settings.home} did not start ({Path(done.args[0]).name}):\n{done.stdout.strip()}\n{tail}\n"
        "`nightshift doctor` checks disk, memory and the socket folder"
    )
