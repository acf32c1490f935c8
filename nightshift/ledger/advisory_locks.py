"""Locks between all processes of an installation, kept by PostgreSQL: turns at a table, a landing, a decision.

A lock belongs to a connection. So a process that is killed frees its locks, and one that loses its connection loses
them: `refuse_lost` asks before a commit. All locks of a process are on one connection, which goes back to the pool with
the last of them. It must lead to the server itself, see docs/architecture.md.

Where no database is there yet, `nightshift.home.file_locks` has locks of the operating system.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import sqlalchemy as sa

from nightshift.errors import BusyError, DatabaseUnreachableError
from nightshift.ledger.database_engine import engine

log = logging.getLogger("nightshift")

# How long a wait for a turn says nothing: most are over by then.
SILENT_SECONDS = 2.0
# Between two looks at a lock that another process holds, in seconds.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.2
_HOLDER = """
    SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32) | objid::bigint = :number
"""


@dataclass
class _LockConnection:
    """The connection of this process that holds its locks, and their numbers."""

    link: sa.Connection
    numbers: set[int] = field(default_factory=set)
    is_lost: bool = False

    def lives(self) -> bool:
        """Whether the server still knows it, and with it what it holds."""
        if not self.is_lost:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                return self.ask(sa.select(sa.literal(True)))
        return False

    def ask(self, question: sa.Select[bool]) -> bool:
        """The answer; where none comes, nobody knows what the connection holds, and it is given up."""
        try:
            return self.link.scalar(question) is True
        except BaseException:
            self.is_lost = True
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                self.link.invalidate()
            raise


@dataclass
class _Process:
    """What this process holds."""

    connection: _LockConnection | None = None
    turns: list[Lock] = field(default_factory=list)
    # For whatever is done with the connection: it serves one thread at a time.
    guard: threading.RLock = field(default_factory=threading.RLock)

    @contextlib.contextmanager
    def connected(self) -> Iterator[_LockConnection]:
        """The connection, a new one where there is none that lives; given back where it holds nothing afterwards."""
        with self.guard:
            if self.connection is None or not self.connection.lives():
                self.connection = _LockConnection(engine().connect().execution_options(isolation_level="AUTOCOMMIT"))
            used = self.connection
            try:
                yield used
            finally:
                if not used.numbers or used.is_lost:
                    self.connection = None
                    used.link.close()


_OURS = _Process()


class Lock:
    """A lock by its name; it can be taken once at a time, also within a process."""

    def __init__(self, name: str) -> None:
        self.name = name
        # PostgreSQL names locks by 64 bits.
        self._number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        self._connection: _LockConnection | None = None

    def take_if_free(self) -> bool:
        """Take it unless another process or thread has it; returns whether it is taken."""
        with _OURS.connected() as connection:
            # To PostgreSQL, what its own connection has is free.
            if self._number in connection.numbers:
                return False
            if not connection.ask(sa.select(sa.func.pg_try_advisory_lock(self._number))):
                return False
            connection.numbers.add(self._number)
            self._connection = connection
        return True

    def take(self, seconds: float | None = None) -> bool:
        """Wait for it, as long as it takes or some seconds; returns whether it is taken."""
        until = None if seconds is None else time.monotonic() + seconds
        pause = _FIRST_PAUSE
        while not self.take_if_free():
            if until is not None and time.monotonic() >= until:
                return False
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        return True

    def is_held(self) -> bool:
        """Whether it is still ours: the connection that took it lives."""
        with _OURS.guard:
            return self._connection is not None and self._connection.lives()

    def leave(self) -> None:
        """Free it; what is lost already needs no freeing."""
        with _OURS.guard:
            if self._connection is None or self._connection is not _OURS.connection:
                return
            # Where the connection is lost just now, the lock is free as well.
            with contextlib.suppress(sa.exc.DBAPIError), _OURS.connected() as connection:
                if connection is self._connection:
                    connection.numbers.discard(self._number)
                    connection.ask(sa.select(sa.func.pg_advisory_unlock(self._number)))
            self._connection = None

    def holder(self) -> str:
        """Who has it, in words."""
        with engine().connect() as connection:
            return str(connection.scalar(sa.text(_HOLDER), {"number": self._number}) or "which has just ended")


@contextlib.contextmanager
def turn(
    name: str, seconds: float | None = None, *, undone: str = "", silent_seconds: float = SILENT_SECONDS
) -> Iterator[None]:
    """Wait for a lock and hold it; a wait that is not short says in the log whom it is for.

    Args:
        name: what is done meanwhile, like ``writing silver/shop/orders``.
        seconds: how long to wait; as long as it takes if None.
        undone: what did not happen where it does not come free in time.
        silent_seconds: how long a wait says nothing.

    Raises:
        BusyError: if it does not come free in time.
    """
    lock = Lock(name)
    if not lock.take(silent_seconds if seconds is None else min(silent_seconds, seconds)):
        log.info("waiting for another process that is %s (%s)", name, lock.holder())
        if not lock.take(None if seconds is None else max(seconds - silent_seconds, 0.0)):
            raise BusyError(
                f"another process has been {name} for more than {seconds:.0f} s ({lock.holder()}): {undone}",
                remedy="see what that process waits for, and run this again",
            )
    with _holding(lock):
        yield


@contextlib.contextmanager
def turn_if_free(name: str) -> Iterator[bool]:
    """Hold a lock if nobody does; gives whether it is held."""
    lock = Lock(name)
    if not lock.take_if_free():
        yield False
        return
    with _holding(lock):
        yield True


def refuse_lost() -> None:
    """Raise if a turn that this process takes was lost with its connection, so that another one may have it by now.

    Raises:
        DatabaseUnreachableError: naming the turn.
    """
    with _OURS.guard:
        lost = [each.name for each in _OURS.turns if not each.is_held()]
    if lost:
        raise DatabaseUnreachableError(
            f"the connection to PostgreSQL was lost while {lost[0]}, and with it this process's turn: nothing more was "
            "written",
            remedy="see that it runs (`nightshift doctor`), then run this again",
        )


@contextlib.contextmanager
def _holding(lock: Lock) -> Iterator[None]:
    _OURS.turns.append(lock)
    try:
        yield
    finally:
        _OURS.turns.remove(lock)
        lock.leave()
