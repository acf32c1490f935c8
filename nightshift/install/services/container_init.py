"""What must be there before the services of docker-compose.yaml start: roles, databases, tables, users, pools.

Each step finds what is there already; it runs at every start, so a changed password or a new use case needs no more.
"""

from __future__ import annotations

import contextlib
import os
from urllib.parse import unquote, urlsplit

from nightshift.errors import InstallationError
from nightshift.home.home_folder import make_folders, prepare_home, refuse_transfer
from nightshift.home.postgres_tools import SUPERUSER
from nightshift.home.settings import Settings
from nightshift.home.variables.cleaning import cleaned
from nightshift.install.services import mlflow_tables
from nightshift.install.services.airflow_env import run_module, secret
from nightshift.install.services.container_airflow import airflow_variables
from nightshift.terminal import Say

# Which role owns which databases; its address and password stand in the secret of this name.
OWNERS = {
    "nightshift_database_url": ("ledger", "optuna"),
    "nightshift_airflow_database_url": ("airflow",),
    "nightshift_mlflow_database_url": ("mlflow",),
}
SUPERUSERS_PASSWORD = "postgres_password"


def prepare(settings: Settings, say: Say) -> None:
    """Do all of it, in order.

    Raises:
        NightshiftError: naming what could not be done.
    """
    prepare_home(settings)
    refuse_transfer(settings)
    make_folders(settings.data_docs, settings.landing, settings.mlflow_artifacts, settings.home / "airflow")
    make_databases(settings, say)
    say("Airflow: tables, users and pools")
    environment = cleaned(os.environ) | airflow_variables(settings)
    for module in (
        ("airflow", "db", "migrate"),
        ("airflow", "fab-db", "migrate"),
        ("nightshift_airflow.pools",),
        ("nightshift_airflow.users", str(settings.secrets_dir)),
    ):
        run_module(settings, environment, *module)
    say("MLflow: tables")
    mlflow_tables.bring_up_to_date(settings, make=True)
    say("ready")


def make_databases(settings: Settings, say: Say) -> None:
    """Make what is missing, and give each role the password that its secret holds now.

    Raises:
        NightshiftError: if PostgreSQL does not let its superuser in.
    """
    import psycopg2
    from psycopg2 import sql
    from psycopg2.extensions import encrypt_password

    say("PostgreSQL: roles and databases")
    any_of_them = urlsplit(secret(settings, next(iter(OWNERS))))
    try:
        connection = psycopg2.connect(
            host=any_of_them.hostname,
            port=any_of_them.port or 5432,
            user=SUPERUSER,
            password=secret(settings, SUPERUSERS_PASSWORD),
            dbname="postgres",
        )
    except psycopg2.OperationalError as error:
        raise InstallationError(
            f"PostgreSQL does not let its superuser in: {str(error).strip()}",
            remedy=f"secrets/{SUPERUSERS_PASSWORD} counts when the volume is made: bring the old file back, or change "
            "the password there, too (docs/deploy.md)",
        ) from None
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        for name, databases in OWNERS.items():
            address = urlsplit(secret(settings, name))
            role, password = sql.Identifier(address.username or ""), unquote(address.password or "")
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [address.username])
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
            # Not in clear: a statement that fails stands in the server's log.
            scrambled = encrypt_password(password, address.username, connection, "scram-sha-256")
            cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(scrambled)))
            for database in databases:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), role))
                # Else every role may connect to every database.
                cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
