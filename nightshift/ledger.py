"""What happened to each batch: one row per attempt, table and batch date, in PostgreSQL."""

from __future__ import annotations

import datetime as dt
import functools
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from nightshift.database import database_url
from nightshift.errors import NightshiftError
from nightshift.settings import get_settings

# One lock number for making the schema, so that jobs starting together don't race.
SCHEMA_LOCK = 72_416


class Base(DeclarativeBase):
    """Tables of the ledger."""


class Entry(Base):
    """One attempt to publish one batch date of one table, or to run one stage for it."""

    __tablename__ = "entries"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, index=True)
    use_case: Mapped[str]
    stage: Mapped[str]
    table_name: Mapped[str] = mapped_column(comment="layer.table, like silver.flights; for a whole stage its name")
    batch_date: Mapped[dt.date]
    run_id: Mapped[str]
    status: Mapped[str] = mapped_column(comment="running, published, refused (by audit or balance), failed")
    rows_in: Mapped[int | None] = mapped_column(sa.BigInteger)
    rows_published: Mapped[int | None] = mapped_column(sa.BigInteger)
    rows_quarantined: Mapped[int | None] = mapped_column(sa.BigInteger)
    rows_deduplicated: Mapped[int | None] = mapped_column(sa.BigInteger)
    delta_version: Mapped[int | None] = mapped_column(sa.BigInteger)
    model_name: Mapped[str | None]
    model_version: Mapped[int | None]
    code_version: Mapped[str]
    started_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
    seconds: Mapped[float | None] = mapped_column(comment="of the whole attempt, all its batch dates together")
    message: Mapped[str | None]

    __table_args__ = (sa.Index("entries_by_slice", "use_case", "batch_date", "table_name"),)


@functools.cache
def engine() -> sa.Engine:
    """The ledger's engine; makes the schema where it is missing."""
    made = sa.create_engine(database_url("ledger"), pool_pre_ping=True)
    with made.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
        Base.metadata.create_all(connection)
    return made


@functools.cache
def code_version() -> str:
    """Commit of the checkout, with ``+changes`` when files differ from it; ``unknown`` outside git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(get_settings().project_dir), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        return f"{commit}+changes" if git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


@dataclass
class Attempt:
    """What is known of an attempt once it is through."""

    attempt_id: uuid.UUID
    rows_published: Mapping[dt.date, int] = field(default_factory=dict)
    delta_version: int | None = None


@contextmanager
def attempt(common: Mapping[str, Any], by_date: Mapping[dt.date, Mapping[str, Any]]) -> Iterator[Attempt]:
    """Keep the entries of one attempt: written before any work, and completed however it ends.

    Args:
        common: what the entries share, like use case, stage, table and run.
        by_date: what differs between batch dates, like the rows that came in; one entry per date.
    """
    made = Attempt(uuid.uuid4())
    shared = {**common, "attempt_id": made.attempt_id, "status": "running", "code_version": code_version()}
    with engine().begin() as connection:
        rows = [{**shared, **values, "batch_date": date} for date, values in by_date.items()]
        connection.execute(sa.insert(Entry), rows)
    started = time.monotonic()
    outcome: dict[str, Any] = {"status": "failed", "message": "the process ended before the attempt did"}
    try:
        yield made
        outcome = {"status": "published", "message": None, "delta_version": made.delta_version}
    except NightshiftError as error:
        outcome = {"status": "refused", "message": str(error)}
        raise
    except Exception as error:
        outcome = {"status": "failed", "message": f"{type(error).__name__}: {error}"}
        raise
    finally:
        outcome["seconds"] = time.monotonic() - started
        _close(made, list(by_date), outcome)


def _close(attempt: Attempt, dates: Sequence[dt.date], outcome: Mapping[str, Any]) -> None:
    update = (
        sa.update(Entry)
        .where(Entry.attempt_id == attempt.attempt_id, Entry.batch_date == sa.bindparam("slice_date"))
        .values(rows_published=sa.bindparam("published"), **outcome)
    )
    rows = [{"slice_date": date, "published": attempt.rows_published.get(date)} for date in dates]
    with engine().begin() as connection:
        connection.execute(update, rows)


def latest(
    use_case: str | None = None, date: dt.date | None = None, dates: int = 7, published: bool = False
) -> list[Entry]:
    """The newest entry of each table and batch date, newest dates first.

    Args:
        dates: how many of the newest batch dates, where no ``date`` is asked for.
        published: pass over attempts that published nothing.
    """
    asked = [] if use_case is None else [Entry.use_case == use_case]
    if published:
        asked.append(Entry.status == "published")
    if date is None:
        newest_dates = sa.select(Entry.batch_date).where(*asked).distinct().order_by(Entry.batch_date.desc())
        asked.append(Entry.batch_date.in_(newest_dates.limit(dates)))
    else:
        asked.append(Entry.batch_date == date)
    by_slice = sa.select(sa.func.max(Entry.id)).where(*asked)
    newest = by_slice.group_by(Entry.use_case, Entry.table_name, Entry.batch_date)
    query = sa.select(Entry).where(Entry.id.in_(newest)).order_by(Entry.batch_date.desc(), Entry.id)
    with orm.Session(engine()) as session:
        return list(session.scalars(query))
