"""Slices on their way into a table's folder: each has a row here, so that those of killed processes need no listing.

A stage is taken before its first file is written, under the id that its attempt will have. It holds the attempt's lock,
so that others see whether its process lives. Before it commits, it notes the version that it commits upon. From that
alone follows what became of a stage whose process is gone: one that noted nothing can't be visible; any other one is
visible if the next version is its own, and never will be if that is another's. Until there is a next version, its
commit may still be on its way, as a request to an object store outlives its process; so long its files are left alone.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from nightshift.errors import ConflictError
from nightshift.ledger.advisory_locks import Lock, turn_if_free
from nightshift.ledger.database_engine import engine
from nightshift.ledger.ledger_tables import OpenStageRow

log = logging.getLogger("nightshift")
TAKEN_FOR_DEAD = "the database lost this attempt's lock, and another run took it for dead: nothing was published"


@dataclass
class OpenStage:
    """A stage while its process lives.

    Attributes:
        attempt_id: of the attempt that will publish it.
        seen_version: what its commit is made upon; None: no commit can be on its way.
    """

    attempt_id: uuid.UUID
    lock: Lock
    seen_version: int | None = None

    def refuse_lost(self) -> None:
        """Make sure that others know that its process lives, as they may have removed its files.

        Raises:
            ConflictError: if it lost its lock, as when PostgreSQL restarts, and was taken for dead.
        """
        if self.lock.is_held():
            return
        self.lock.take()
        with engine().connect() as connection:
            if connection.scalar(sa.select(sa.func.count()).where(*_mine(self.attempt_id))) != 1:
                raise ConflictError(TAKEN_FOR_DEAD)

    def commits_upon(self, version: int) -> None:
        """Note that a commit is about to be made, for who finds the stage if this process is killed.

        Args:
            version: the newest one of the table, -1 where there is none.

        Raises:
            ConflictError: if it was taken for dead meanwhile: then its files may be gone.
        """
        with engine().begin() as connection:
            noted = connection.execute(
                sa.update(OpenStageRow).where(*_mine(self.attempt_id)).values(seen_version=version)
            )
        if noted.rowcount != 1:
            raise ConflictError(TAKEN_FOR_DEAD)
        self.seen_version = version

    def end(self) -> None:
        """Forget a stage that was published, or whose files are gone."""
        try:
            _forget(self.attempt_id)
        except sa.exc.SQLAlchemyError as error:
            # It may end because of that very database.
            log.warning("the next start will forget the stage %s: %s", self.attempt_id, type(error).__name__)
        self.lock.leave()


def take(use_case: str, table_name: str) -> OpenStage:
    """A new stage for a slice of a table.

    Args:
        table_name: like ``silver.orders``.
    """
    attempt_id = uuid.uuid4()
    made = OpenStage(attempt_id, Lock(lock_name(attempt_id)))
    made.lock.take()
    try:
        with engine().begin() as connection:
            row = {"attempt_id": attempt_id, "use_case": use_case, "table_name": table_name}
            connection.execute(sa.insert(OpenStageRow).values(row))
    except BaseException:
        made.lock.leave()
        raise
    return made


def settle(use_case: str, table_name: str, is_settled: Callable[[uuid.UUID, int | None], bool]) -> bool:
    """Deal with the stages of a table whose processes are gone.

    Args:
        is_settled: is given the id of an attempt, and the version that its commit was made upon, None if it can't have
            committed; removes its files where it never will be visible; false if that can't be told yet.

    Returns:
        Whether all of them are settled.
    """
    are_settled = True
    for attempt_id in open_attempts(use_case, table_name):
        with turn_if_free(lock_name(attempt_id)) as is_gone:
            if not is_gone:
                continue
            # Should its process have lost nothing but its lock, it may not begin to commit any more.
            give_up = sa.update(OpenStageRow).values(is_given_up=OpenStageRow.seen_version.is_(None))
            with engine().begin() as connection:
                given_up = give_up.where(OpenStageRow.attempt_id == attempt_id).returning(OpenStageRow.seen_version)
                found = connection.execute(given_up).one_or_none()
            # It may have ended by itself in the meantime.
            if found is None:
                continue
            if is_settled(attempt_id, found.seen_version):
                _forget(attempt_id)
            else:
                are_settled = False
    return are_settled


def open_attempts(use_case: str, table_name: str) -> list[uuid.UUID]:
    """The attempts that have a stage of a table."""
    mine = (OpenStageRow.use_case == use_case, OpenStageRow.table_name == table_name)
    with engine().connect() as connection:
        return list(connection.scalars(sa.select(OpenStageRow.attempt_id).where(*mine)))


def seen_version(attempt_id: uuid.UUID) -> int | None:
    """The version upon which an attempt may have committed; None if it can't have.

    Raises:
        KeyError: if it has no stage, as attempts of older code.
    """
    with engine().connect() as connection:
        found = sa.select(OpenStageRow.seen_version).where(OpenStageRow.attempt_id == attempt_id)
        if (row := connection.execute(found).one_or_none()) is None:
            raise KeyError(attempt_id)
        version: int | None = row.seen_version
        return version


def lock_name(attempt_id: uuid.UUID) -> str:
    """Of the lock that is held while the process of an attempt lives."""
    return f"attempting {attempt_id}"


def _mine(attempt_id: uuid.UUID) -> tuple[sa.ColumnElement[bool], ...]:
    return OpenStageRow.attempt_id == attempt_id, sa.not_(OpenStageRow.is_given_up)


def _forget(attempt_id: uuid.UUID) -> None:
    with engine().begin() as connection:
        connection.execute(sa.delete(OpenStageRow).where(OpenStageRow.attempt_id == attempt_id))
