"""The databases of an installation: which are its own, dumped and restored by PostgreSQL's own programs."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nightshift.database import database_url
from nightshift.errors import DatabaseUnreachableError, InstallationError
from nightshift.postgres_tools import programs
from nightshift.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

# A table of each that has rows as soon as the installation was used.
USED = {"airflow": "dag_run", "ledger": "entries", "mlflow": "runs", "optuna": "trials"}
# Where MLflow's files are, in all tables that say so.
_PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
# Of a server that hands MLflow's files out itself, as docker-compose.yaml's does.
SERVED = "mlflow-artifacts:"


def own(settings: Settings) -> tuple[str, ...]:
    """The databases whose content belongs to this installation: not those of an Airflow or MLflow that others run."""
    others = {
        "airflow": settings.airflow_url and not (settings.airflow_database_url or settings.database_url),
        "mlflow": settings.mlflow_tracking_uri and not settings.mlflow_database_url,
    }
    return tuple(name for name in USED if not others.get(name))


def artifacts(settings: Settings) -> str:
    """How MLflow's database writes the place of its files: what these addresses begin with."""
    return SERVED if settings.mlflow_tracking_uri else settings.mlflow_artifacts.as_uri()


def is_used(name: str) -> bool:
    """Whether a database holds more than an installation has before its first run."""
    from sqlalchemy import text

    with _connected(name) as connection:
        if connection.execute(text("SELECT to_regclass(:name)"), {"name": USED[name]}).scalar() is None:
            return False
        return bool(connection.execute(text(f"SELECT EXISTS (SELECT FROM {USED[name]})")).scalar())


def dump(name: str, to: Path) -> None:
    """Write a database to a file, as it is at one moment.

    Raises:
        InstallationError: with the words of `pg_dump`.
    """
    _tool("pg_dump", name, "--format=custom", f"--file={to}")


def restore(name: str, dumped: Path) -> None:
    """Put a dump in the place of what a database holds: all of it, or nothing where that fails.

    Raises:
        InstallationError: with the words of `pg_restore`.
    """
    _tool("pg_restore", name, "--clean", "--if-exists", "--single-transaction", "--exit-on-error", str(dumped))


def move_artifacts(before: str, now: str) -> None:
    """Let MLflow's database name the place where its files are now."""
    from sqlalchemy import inspect, text

    if before == now:
        return
    with _connected("mlflow") as connection:
        known = inspect(connection)
        for table, columns in _PLACES.items():
            there = {column["name"] for column in known.get_columns(table)} if known.has_table(table) else set()
            for column in there.intersection(columns):
                # Names of this module; the places are given as values.
                connection.execute(
                    text(
                        f"UPDATE {table} SET {column} = :now || substr({column}, length(:before) + 1) "
                        f"WHERE starts_with({column}, :before)"
                    ),
                    {"now": now, "before": before},
                )


@contextlib.contextmanager
def _connected(name: str) -> Iterator[Connection]:
    """A connection to one database, whose transaction ends with its context."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    with create_engine(database_url(name), poolclass=NullPool).begin() as connection:
        yield connection


def _tool(program: str, name: str, *arguments: str) -> None:
    from sqlalchemy.engine import make_url

    url = make_url(database_url(name))
    # On a command line everybody of the machine could read the password.
    secret = {"PGPASSWORD": url.password} if url.password else {}
    address = url.set(drivername="postgresql", password=None).render_as_string()
    options = ("--no-owner", "--no-privileges", f"--dbname={address}")
    # As this process's user, whom the embedded server knows.
    done = subprocess.run(
        [str(programs() / program), *options, *arguments],
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **secret},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        failed = DatabaseUnreachableError if "connection to server" in done.stdout else InstallationError
        raise failed(f"{program} of the database {name} failed:\n{done.stdout.strip()}")
