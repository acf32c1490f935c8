"""Keeps account of an attempt while it runs, and of attempts whose process was killed."""

from __future__ import annotations

import datetime as dt
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql

from nightshift.errors import ConflictError, NightshiftError
from nightshift.home.outside_errors import explained
from nightshift.home.settings import PROJECT_DIR
from nightshift.ledger import run_environment
from nightshift.ledger.advisory_locks import Lock, turn_if_free
from nightshift.ledger.code_of_attempt import code_version
from nightshift.ledger.database_engine import engine
from nightshift.ledger.entries import Entry, Input, dates_of, entries_of
from nightshift.ledger.ledger_tables import EntryRow, EnvironmentRow, InputRow, ProfileRow
from nightshift.ledger.open_stages import TAKEN_FOR_DEAD, OpenStage, lock_name
from nightshift.stages import ERASE

# What a commit left behind: its Delta version, and the rows per batch date.
Committed = tuple[int, Mapping[dt.date, int]]
# A commit may still be on its way: whether it comes can't be told yet.
UNSETTLED: Final = "unsettled"
FoundCommit = Committed | Literal["unsettled"] | None


@dataclass(frozen=True)
class Overtaking:
    """Another attempt that has published a slice meanwhile.

    Attributes:
        has_begun_later: whether its job began later, so that what it has read is newer.
        is_erasure: whether it published what was there, without the rows of a person.
    """

    run_id: str
    has_begun_later: bool
    is_erasure: bool


@dataclass
class Attempt:
    """An attempt while it runs, and what is known of it once it is through.

    Attributes:
        first_entry: id of the first of its entries.
        status: how it ends when nothing goes wrong.
    """

    attempt_id: uuid.UUID
    first_entry: int | None = None
    status: str = "published"
    message: str | None = None
    rows_published: Mapping[dt.date, int] = field(default_factory=dict)
    delta_version: int | None = None
    lock: Lock | None = None

    def refuse_lost(self) -> None:
        """Make sure that others know that this attempt lives, as they may have taken it for dead.

        Raises:
            ConflictError: if it lost its lock, as when PostgreSQL restarts, and was closed by another process.
        """
        if self.lock is None or self.lock.is_held():
            return
        self.lock.take()
        running = sa.select(sa.func.count()).where(EntryRow.attempt_id == self.attempt_id, EntryRow.status == "running")
        with engine().connect() as connection:
            if not connection.scalar(running):
                raise ConflictError(TAKEN_FOR_DEAD)

    def audited(
        self, stage_sha256: str, warnings: int, page: str | None, profiles: Mapping[dt.date, Mapping[str, Any]]
    ) -> None:
        """Note what was audited before it becomes visible, so that a crash in between loses nothing of it."""
        rows = [{"attempt_id": self.attempt_id, "batch_date": date, "profile": each} for date, each in profiles.items()]
        values = {"stage_sha256": stage_sha256, "warnings": warnings, "audit_page": page}
        with engine().begin() as connection:
            connection.execute(sa.update(EntryRow).where(EntryRow.attempt_id == self.attempt_id).values(**values))
            if rows:
                connection.execute(sa.insert(ProfileRow), rows)

    def published(self, version: int, rows: Mapping[dt.date, int]) -> None:
        """Note that the slice is visible, at once: whoever writes the table next must know."""
        self.delta_version, self.rows_published = version, rows
        _close(self.attempt_id, rows, {"status": "published", "delta_version": version})

    def overtaken(self) -> dict[dt.date, Overtaking]:
        """What was published of the same batch dates of the same table by attempts that began, or opened, later."""
        mine = orm.aliased(EntryRow)
        has_begun_later = _began(EntryRow) > _began(mine)
        same = (getattr(EntryRow, name) == getattr(mine, name) for name in ("use_case", "table_name", "batch_date"))
        query = (
            sa.select(EntryRow.batch_date, EntryRow.run_id, EntryRow.stage, has_begun_later.label("has_begun_later"))
            .join(mine, sa.and_(*same, sa.or_(EntryRow.id > mine.id, has_begun_later)))
            .where(mine.attempt_id == self.attempt_id, EntryRow.status == "published")
            .order_by(has_begun_later, EntryRow.id)
        )
        with engine().connect() as connection:
            return {
                row.batch_date: Overtaking(row.run_id, row.has_begun_later, row.stage == ERASE)
                for row in connection.execute(query)
            }

    def move_to_the_end(self) -> None:
        """Let its entries be the newest: what readers see next is what the newest published entry says."""
        number = sa.func.nextval(sa.func.pg_get_serial_sequence(EntryRow.__tablename__, "id"))
        with engine().begin() as connection:
            connection.execute(sa.update(EntryRow).where(EntryRow.attempt_id == self.attempt_id).values(id=number))


@contextmanager
def attempt(
    common: Mapping[str, Any],
    by_date: Mapping[dt.date, Mapping[str, Any]],
    inputs: Mapping[dt.date, Sequence[Input]] | None = None,
    stage: OpenStage | None = None,
) -> Iterator[Attempt]:
    """Keep the entries of one attempt: written before any work, and completed however it ends.

    Args:
        common: what the entries share, like use case, stage, table and run.
        by_date: what differs between batch dates, like the rows that came in; one entry per date.
        inputs: what is taken in for each batch date.
        stage: where its slice is written, which has its id and holds its lock.
    """
    made = Attempt(uuid.uuid4()) if stage is None else Attempt(stage.attempt_id, lock=stage.lock)
    described = run_environment.described()
    shared = {
        **common,
        "attempt_id": made.attempt_id,
        "status": "running",
        "code_version": code_version(),
        "environment": run_environment.digest_of(described),
    }
    started = time.monotonic()
    with _alive(made):
        with engine().begin() as connection:
            _note_environment(connection, shared["environment"], described)
            rows = [{**shared, **values, "batch_date": date} for date, values in by_date.items()]
            made.first_entry = min(connection.scalars(sa.insert(EntryRow).returning(EntryRow.id), rows))
            taken = [
                {**asdict(each), "attempt_id": made.attempt_id, "batch_date": date}
                for date, several in (inputs or {}).items()
                for each in several
            ]
            if taken:
                connection.execute(sa.insert(InputRow), taken)
        outcome: dict[str, Any] | None = None
        try:
            yield made
            outcome = {"status": made.status, "message": made.message}
        except NightshiftError as error:
            heals = error.temporary and not isinstance(error, ConflictError)
            outcome = {"status": "failed" if heals else "refused", "message": str(error)}
            raise
        except Exception as error:
            outcome = {"status": "failed", "message": str(explained(error) or _unforeseen(error))}
            raise
        finally:
            # An interrupted process leaves its entries open, like a killed one: the next start finds out how it ended.
            if outcome is not None:
                if made.delta_version is not None:
                    outcome["status"] = "published"
                outcome |= {"delta_version": made.delta_version, "seconds": time.monotonic() - started}
                _close(made.attempt_id, {date: made.rows_published.get(date) for date in by_date}, outcome)


def _began(entry: type[EntryRow]) -> sa.ColumnElement[int]:
    """What orders attempts: when their jobs began or, of those without one, when they did."""
    return sa.func.coalesce(entry.began, entry.id)


def _unforeseen(error: Exception) -> str:
    """What is kept of an error that nobody foresaw: what it is, and where.

    Its text may quote records, as Spark's does, and with them persons in clear.
    """
    places = [
        f"{Path(frame.filename).relative_to(PROJECT_DIR)}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(PROJECT_DIR) and "site-packages" not in frame.filename
    ]
    reason = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    place = f" at {places[-1]}" if places else ""
    return f"{type(error).__name__}{reason}{place}; the task's log has its text, which may quote records"


def _note_environment(connection: sa.Connection, digest: str, described: Mapping[str, str]) -> None:
    known = postgresql.insert(EnvironmentRow).values(digest=digest, described=dict(described))
    connection.execute(known.on_conflict_do_nothing())


def reconcile(found: Callable[[Entry], FoundCommit], **which: str) -> list[Entry]:
    """Close the entries of attempts whose process is gone, by what the lake says of them.

    Args:
        found: looks into the table of an entry for the commit of its attempt; None where there is none, and of one
            that may still come the entries stay open.
        which: columns of the entries to look at, like ``use_case`` and ``table_name``.

    Returns:
        An entry of each attempt that was closed.
    """
    open_entries = sa.select(EntryRow).where(EntryRow.status == "running").filter_by(**which).order_by(EntryRow.id)
    by_attempt = {entry.attempt_id: entry for entry in entries_of(open_entries)}
    closed = []
    for attempt_id, entry in by_attempt.items():
        with turn_if_free(lock_name(attempt_id)) as is_gone:
            if not is_gone or (committed := found(entry)) == UNSETTLED:
                continue
            if _close_lost(attempt_id, committed):
                closed.append(entry)
    return closed


def _close_lost(attempt_id: uuid.UUID, committed: Committed | None) -> bool:
    """Close an attempt whose process is gone; false where it had closed itself in the meantime."""
    outcome: dict[str, Any] = {"status": "failed", "message": "the process was ended before the attempt was through"}
    rows: Mapping[dt.date, int] = {}
    if committed is not None:
        version, rows = committed
        message = "the process was ended after its commit; the slice is published as audited"
        outcome = {"status": "published", "message": message, "delta_version": version}
    published = {date: rows.get(date, 0) if committed else None for date in dates_of(attempt_id)}
    return _close(attempt_id, published, outcome, only_running=True)


def _close(
    attempt_id: uuid.UUID,
    published: Mapping[dt.date, int | None],
    outcome: Mapping[str, Any],
    only_running: bool = False,
) -> bool:
    update = (
        sa.update(EntryRow)
        .where(EntryRow.attempt_id == attempt_id, EntryRow.batch_date == sa.bindparam("slice_date"))
        .values(rows_published=sa.bindparam("published"), **outcome)
    )
    running = sa.select(sa.func.count()).where(EntryRow.attempt_id == attempt_id, EntryRow.status == "running")
    rows = [{"slice_date": date, "published": count} for date, count in published.items()]
    with engine().begin() as connection:
        if only_running and not connection.scalar(running):
            return False
        connection.execute(update, rows)
    return True


@contextmanager
def _alive(made: Attempt) -> Iterator[None]:
    """Show others that an attempt's process lives; of one with a stage, the stage shows it."""
    if made.lock is not None:
        yield
        return
    made.lock = Lock(lock_name(made.attempt_id))
    made.lock.take()
    try:
        yield
    finally:
        made.lock.leave()
