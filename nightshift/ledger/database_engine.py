"""The ledger's database: how it comes to have its tables, and the engine that speaks to it."""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path

import sqlalchemy as sa

from nightshift.figures import from_json, to_json
from nightshift.home.postgres_server import CONNECT_SECONDS, database_url
from nightshift.home.settings import get_settings
from nightshift.ledger.direct_connection import refuse_pooler

# One lock number for changing the schema, so that jobs starting together don't race.
SCHEMA_LOCK = 72_416
MIGRATIONS = Path(__file__).with_name("migrations")
# What an installation of before the first migration has, so that it is not made again.
FIRST_REVISION = "0001"
# Over a network a server that vanishes says nothing: a minute or two later it counts as lost, not after hours.
CONNECT_ARGUMENTS = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "tcp_user_timeout": 120_000,
}


@functools.cache
def engine() -> sa.Engine:
    """The ledger's engine; brings the schema up to date where it is older than the code.

    Raises:
        SettingsError: if it leads to a pooler that shares connections.
    """
    made = sa.create_engine(
        database_url(get_settings(), "ledger"),
        pool_pre_ping=True,
        # Others are told by this name who has a lock.
        connect_args={**CONNECT_ARGUMENTS, "application_name": f"process {os.getpid()} on {socket.gethostname()}"[:63]},
        json_serializer=to_json,
        json_deserializer=from_json,
    )
    if get_settings().database_url:
        refuse_pooler(made)
    with made.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
        upgrade(connection)
    return made


def upgrade(connection: sa.Connection) -> None:
    """Run the migrations that a database lacks; one look where there are none."""
    inspector = sa.inspect(connection)
    if inspector.has_table("alembic_version"):
        current = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        if current == newest_revision():
            return
    _alembic(connection, stamp=inspector.has_table("entries") and not inspector.has_table("alembic_version"))


def newest_revision() -> str:
    """The revision of the newest migration, from the files' names: Alembic's own answer imports them all."""
    return max(path.name.split("_", 1)[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _alembic(connection: sa.Connection, stamp: bool) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if stamp:
        command.stamp(config, FIRST_REVISION)
    command.upgrade(config, "head")
