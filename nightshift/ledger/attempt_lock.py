"""How other processes know that an attempt's process lives."""

from __future__ import annotations

import contextlib
import uuid

import sqlalchemy as sa

from nightshift.ledger.schema import engine


class AttemptLock:
    """A lock of PostgreSQL's that is free when the process, the connection or the server ends."""

    def __init__(self, attempt_id: uuid.UUID) -> None:
        self._number = lock_number(attempt_id)
        self._connection: sa.Connection | None = None

    def take(self) -> None:
        """Take it, over a new connection."""
        self.leave()
        self._connection = engine().connect().execution_options(isolation_level="AUTOCOMMIT")
        self._connection.execute(sa.select(sa.func.pg_advisory_lock(self._number)))

    def held(self) -> bool:
        """Whether it is still ours: the connection that took it lives."""
        try:
            return self._connection is not None and self._connection.scalar(sa.select(sa.literal(True))) is True
        except sa.exc.DBAPIError:
            return False

    def leave(self) -> None:
        """Free it; what is lost already needs no freeing."""
        if self._connection is None:
            return
        with contextlib.suppress(sa.exc.DBAPIError), self._connection:
            if not self._connection.invalidated:
                self._connection.execute(sa.select(sa.func.pg_advisory_unlock(self._number)))
        self._connection = None


def lock_number(attempt_id: uuid.UUID) -> int:
    """The attempt's id as a number that PostgreSQL can lock."""
    return attempt_id.int % 2**63
