"""The ledger's tables, and how a database comes to have them."""

from __future__ import annotations

import datetime as dt
import functools
import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from nightshift.figures import from_json, to_json
from nightshift.home.database import CONNECT_SECONDS, database_url

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
# The origin of inputs that give values and no rows, like reference data.
LOOKED_UP = "looked up"
# The origin of a table whose rows are accounted for by the files that they were landed from.
BY_FILE = "read, by file"
# The origin of a file that came for a source table, and of which nothing was taken: a fault that is tolerated.
SET_ASIDE = "set aside as a whole"


class Base(DeclarativeBase):
    """Tables of the ledger."""


class Entry(Base):
    """One attempt to publish one batch date of one table, or to run one stage for it."""

    __tablename__ = "entries"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, index=True)
    began: Mapped[int | None] = mapped_column(
        sa.BigInteger, doc="id of the first entry of the attempt's job, made before it read anything"
    )
    use_case: Mapped[str]
    stage: Mapped[str]
    table_name: Mapped[str] = mapped_column(doc="layer.table, like silver.orders; for a whole stage its name")
    batch_date: Mapped[dt.date]
    run_id: Mapped[str]
    status: Mapped[str] = mapped_column(
        doc="running, published, overtaken (by a later attempt), refused (by audit, balance), failed"
    )
    rows_in: Mapped[int | None] = mapped_column(sa.BigInteger)
    rows_published: Mapped[int | None] = mapped_column(sa.BigInteger)
    rows_quarantined: Mapped[int | None] = mapped_column(sa.BigInteger)
    rows_deduplicated: Mapped[int | None] = mapped_column(sa.BigInteger)
    delta_version: Mapped[int | None] = mapped_column(sa.BigInteger)
    stage_sha256: Mapped[str | None] = mapped_column(doc="of the audited files, as in the Delta commit")
    warnings: Mapped[int | None] = mapped_column(doc="checks of the audit that warned")
    audit_page: Mapped[str | None] = mapped_column(doc="below the folder of the audit pages")
    model_name: Mapped[str | None]
    model_version: Mapped[int | None]
    code_version: Mapped[str]
    environment: Mapped[str | None] = mapped_column(doc="digest of what it ran in")
    started_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
    seconds: Mapped[float | None] = mapped_column(doc="of the whole attempt, all its batch dates together")
    message: Mapped[str | None]

    __table_args__ = (
        sa.Index("entries_by_slice", "use_case", "batch_date", "table_name"),
        # Asked for at every start, to find those whose process is gone.
        sa.Index("entries_running", "use_case", "table_name", postgresql_where=sa.text("status = 'running'")),
    )


class InputEntry(Base):
    """What one attempt took in for one batch date: a file by its digest, a query, or a table at its version."""

    __tablename__ = "inputs"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    batch_date: Mapped[dt.date]
    kind: Mapped[str] = mapped_column(doc="file, query or table")
    name: Mapped[str] = mapped_column(doc="name of the file within its delivery, or layer.table")
    version: Mapped[str] = mapped_column(doc="SHA-256 of a file or of a query's result, Delta version of a table")
    rows: Mapped[int] = mapped_column(sa.BigInteger)
    quarantined: Mapped[int] = mapped_column(sa.BigInteger)
    deduplicated: Mapped[int] = mapped_column(sa.BigInteger)
    origin: Mapped[str | None] = mapped_column(doc="where it came from: folder, or bounds of a query")

    __table_args__ = (
        sa.Index("inputs_by_attempt", "attempt_id", "batch_date"),
        sa.Index("inputs_by_version", "version"),
    )


class ProfileEntry(Base):
    """One audited slice in figures; counts only where its attempt was published."""

    __tablename__ = "profiles"

    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    batch_date: Mapped[dt.date] = mapped_column(primary_key=True)
    profile: Mapped[dict[str, Any]] = mapped_column(JSONB)


class ModelDecision(Base):
    """What was decided about a version of a model; never changed, only followed by another decision."""

    __tablename__ = "model_decisions"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    use_case: Mapped[str]
    model_name: Mapped[str]
    model_version: Mapped[int]
    action: Mapped[str] = mapped_column(doc="promoted, rolled back (to it), blocked, unblocked, declined")
    from_date: Mapped[dt.date | None] = mapped_column(doc="first batch date that it is champion of")
    who: Mapped[str] = mapped_column(doc="a person, or auto")
    why: Mapped[str]
    run_id: Mapped[str]
    decided_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())

    __table_args__ = (
        sa.UniqueConstraint("use_case", "model_version", "action", "run_id", name="model_decisions_once"),
    )


class Environment(Base):
    """What attempts ran in: interpreter, packages, processor."""

    __tablename__ = "environments"

    digest: Mapped[str] = mapped_column(primary_key=True)
    described: Mapped[dict[str, str]] = mapped_column(JSONB)


@dataclass(frozen=True)
class Input:
    """Where rows of a batch date came from, and how many of them were set aside.

    Attributes:
        kind: a delivered file, the result of a query, or a published table.
        name: name of the file within its delivery, or ``layer.table``.
        version: SHA-256 of a file or result, Delta version of a table.
        rows: how many rows it gave.
        quarantined: of them, set aside with a reason.
        deduplicated: of them, older or doubled rows of a key.
        origin: where it came from, for people.
    """

    kind: Literal["file", "query", "table"]
    name: str
    version: str
    rows: int
    quarantined: int = 0
    deduplicated: int = 0
    origin: str | None = None


@functools.cache
def engine() -> sa.Engine:
    """The ledger's engine; brings the schema up to date where it is older than the code."""
    made = sa.create_engine(
        database_url("ledger"),
        pool_pre_ping=True,
        # Others are told by this name who has a lock.
        connect_args={**CONNECT_ARGUMENTS, "application_name": f"process {os.getpid()} on {socket.gethostname()}"[:63]},
        json_serializer=to_json,
        json_deserializer=from_json,
    )
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
