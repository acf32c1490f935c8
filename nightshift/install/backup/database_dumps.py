"""The databases of an installation: which are its own, dumped and restored by PostgreSQL's own programs."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nightshift.errors import DatabaseUnreachableError, InstallationError, UsageError
from nightshift.home.postgres_server import database_url
from nightshift.home.postgres_tools import binaries
from nightshift.home.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Of servers, the oldest that understands what `pg_restore` says.
OLDEST_SERVER = 170_000
# A table of each database that has rows as soon as the installation was used.
USED = {"airflow": "dag_run", "ledger": "entries", "mlflow": "runs", "optuna": "trials"}
# Where MLflow's files are, in all tables that say so.
_PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
# Of a server that hands MLflow's files out itself, as docker-compose.yaml's does, which has this name there.
SERVED, SERVICE = "mlflow-artifacts:", "mlflow"


def own(settings: Settings) -> tuple[str, ...]:
    """The databases whose content belongs to this installation: not those of an Airflow or MLflow that others run."""
    server = settings.mlflow_tracking_uri and urlsplit(settings.mlflow_tracking_uri).hostname
    if server == SERVICE and not settings.mlflow_database_url:
        raise UsageError(
            "this container may not read the databases of Airflow and MLflow",
            remedy="use `make compose-backup` and `make compose-restore`",
        )
    others = {
        "airflow": settings.airflow_url and not settings.airflow_database_url,
        # The address of its database is also known where another server was named in its place.
        "mlflow": server and server != SERVICE,
    }
    return tuple(name for name in USED if not others.get(name))


def artifacts(settings: Settings) -> tuple[str, ...]:
    """What addresses of files in MLflow's database begin with; first as they are written now."""
    if settings.mlflow_tracking_uri:
        return (SERVED,)
    # A home may be reached through a link, and may have been when an experiment was made.
    written, real = settings.mlflow_artifacts, settings.mlflow_artifacts.resolve()
    return tuple(dict.fromkeys((written.as_uri(), real.as_uri())))


def is_used(settings: Settings, name: str) -> bool:
    """Whether a database holds more than an installation has before its first run."""
    from sqlalchemy import text

    with _connected(settings, name) as connection:
        if connection.execute(text("SELECT to_regclass(:name)"), {"name": USED[name]}).scalar() is None:
            return False
        return bool(connection.execute(text(f"SELECT EXISTS (SELECT FROM {USED[name]})")).scalar())


def dump(settings: Settings, name: str, to: Path) -> None:
    """Write a database to a file, as it is at one moment.

    Raises:
        InstallationError: with the words of `pg_dump`.
    """
    _tool(settings, "pg_dump", name, "--format=custom", f"--file={to}")


def restore(settings: Settings, name: str, dumped: Path) -> None:
    """Put a dump in the place of all that a database holds.

    Raises:
        InstallationError: with the words of `pg_restore`.
    """
    # Else tables of a newer version would stay, and its migrations find them.
    empty(settings, name)
    _tool(settings, "pg_restore", name, "--single-transaction", "--exit-on-error", str(dumped))


def empty(settings: Settings, name: str) -> None:
    """Remove all that a database holds."""
    from sqlalchemy import text

    with _connected(settings, name) as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))


def refuse_unfit(settings: Settings, names: Iterable[str]) -> None:
    """Refuse databases that can't be restored into.

    Raises:
        InstallationError: naming the first of them.
    """
    from sqlalchemy import text

    for name in names:
        with _connected(settings, name) as connection:
            version = int(connection.execute(text("SELECT current_setting('server_version_num')")).scalar() or 0)
            owned = "SELECT pg_has_role(current_user, nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'public'"
            is_owner = connection.execute(text(owned)).scalar()
        if version < OLDEST_SERVER:
            raise InstallationError(
                f"the server of the database {name} is PostgreSQL {version // 10_000}",
                remedy=f"restore into {OLDEST_SERVER // 10_000} or newer, whose settings a dump names",
            )
        if not is_owner:
            raise InstallationError(
                f"the role of the database {name} does not own its schema public, and can't replace its tables",
                remedy=f"let it own the database: ALTER DATABASE {name} OWNER TO its role",
            )


def others(settings: Settings, names: Iterable[str]) -> Iterator[str]:
    """Who is connected to some databases beside this process, in words."""
    from sqlalchemy import text

    for name in names:
        with _connected(settings, name) as connection:
            asked = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            if count := connection.execute(text(asked)).scalar():
                yield f"{count} connections to the database {name}"


def move_artifacts(settings: Settings, before: Sequence[str]) -> list[str]:
    """Let MLflow's database name the place where its files are now; addresses of files that it names elsewhere."""
    from sqlalchemy import inspect, text

    now = artifacts(settings)[0]
    elsewhere: list[str] = []
    with _connected(settings, "mlflow") as connection:
        known = inspect(connection)
        for table, columns in _PLACES.items():
            there = {column["name"] for column in known.get_columns(table)} if known.has_table(table) else set()
            for column in there.intersection(columns):
                # Names of this module; the places are given as values.
                for place in before:
                    connection.execute(
                        text(
                            f"UPDATE {table} SET {column} = :now || substr({column}, length(:before) + 1) "
                            f"WHERE starts_with({column}, :before) AND NOT starts_with({column}, :now)"
                        ),
                        {"now": now, "before": place},
                    )
                left = text(
                    f"SELECT DISTINCT {column} FROM {table} WHERE NOT starts_with({column}, :now) "
                    f"AND (starts_with({column}, 'file:') OR starts_with({column}, '/') "
                    f"OR starts_with({column}, :served))"
                )
                elsewhere += [row[0] for row in connection.execute(left, {"now": now, "served": SERVED})]
    return elsewhere


@contextlib.contextmanager
def _connected(settings: Settings, name: str) -> Iterator[Connection]:
    """A connection to one database, whose transaction ends with its context."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    with create_engine(database_url(settings, name), poolclass=NullPool).begin() as connection:
        yield connection


def _tool(settings: Settings, program: str, name: str, *arguments: str) -> None:
    from sqlalchemy.engine import URL, make_url

    url = make_url(database_url(settings, name))
    query = {key: value for key, value in url.query.items() if key != "password"}
    address = URL.create("postgresql", url.username, None, url.host, url.port, url.database, query)
    options = ("--no-owner", "--no-privileges", f"--dbname={address.render_as_string()}")
    # On a command line everybody of the machine could read a password.
    told = {"PGPASSWORD": url.password or str(url.query.get("password", ""))}
    # As this process's user, whom the embedded server knows.
    done = subprocess.run(
        [str(binaries() / program), *options, *arguments],
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(Path.home()), "LC_ALL": "C", **told},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        failed = DatabaseUnreachableError if "connection to server" in done.stdout else InstallationError
        raise failed(f"{program} of the database {name} failed:\n{done.stdout.strip()}")
