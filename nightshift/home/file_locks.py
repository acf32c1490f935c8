"""Locks of the operating system, for what is done while no database is there.

These are the start of the database itself, the choice of ports, scratch folders, and the transfer of a home's state.
All other locks are PostgreSQL's (`nightshift.ledger.advisory_locks`). Both kinds end with their process, however that
ends.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

FOREVER = -1.0

__all__ = ["FOREVER", "FileLock", "held", "is_taken", "take"]


def take(path: Path, seconds: float = 0) -> FileLock | None:
    """Lock a file, which is made where it is missing; None if another process has it for longer than that."""
    # One thread may take a lock, and another release it.
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        return None
    return lock


@contextlib.contextmanager
def held(path: Path, seconds: float, busy: Exception) -> Iterator[None]:
    """Hold a lock on a file, or raise ``busy`` where it does not come free in time."""
    if (lock := take(path, seconds)) is None:
        raise busy
    try:
        yield
    finally:
        lock.release()


def is_taken(path: Path) -> bool:
    """Whether a process holds the lock; those who only look hold up nobody."""
    if not path.exists():
        return False
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
