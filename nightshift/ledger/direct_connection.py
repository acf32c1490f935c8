"""Refuses a pooler that lends one connection to several clients: locks belong to connections (`advisory_locks`)."""

from __future__ import annotations

import contextlib

import sqlalchemy as sa

from nightshift.errors import SettingsError

# Connections that are open at once for a moment, beside the first one.
OTHERS = 2
_PROCESS = sa.select(sa.func.pg_backend_pid())


def refuse_pooler(engine: sa.Engine) -> None:
    """Make sure that each connection is one of the server's own, and stays the same.

    A pooler by transaction gives a second client the server's process that the first one had, or the first
    one another process afterwards. One by session passes: it is as good as a direct connection.

    Raises:
        SettingsError: if it is not.
    """
    try:
        is_shared = _is_shared(engine)
    finally:
        # A process needs one connection, and the pool would keep all of these.
        engine.dispose()
    if is_shared:
        raise SettingsError(
            "NIGHTSHIFT_DATABASE_URL leads to a pooler that lends one connection to several clients (PgBouncer's "
            "pool_mode = transaction): locks would be freed under those who hold them, and two runs could "
            "publish at once",
            remedy="name the PostgreSQL server itself, or a pool with pool_mode = session",
        )


def _is_shared(engine: sa.Engine) -> bool:
    with contextlib.ExitStack() as connections:
        first = connections.enter_context(engine.connect().execution_options(isolation_level="AUTOCOMMIT"))
        before = first.scalar(_PROCESS)
        # Each further one keeps a transaction open, so that its process is lent to nobody else meanwhile. A pooler that
        # lends its processes in turn comes round to the first one's.
        others = [connections.enter_context(engine.connect()).scalar(_PROCESS) for _ in range(OTHERS)]
        return before in others or first.scalar(_PROCESS) != before
