"""Ends the connections that hold locks, as a restart of PostgreSQL does."""

from __future__ import annotations

import sqlalchemy as sa

from nightshift import ledger


def cut_the_locks() -> None:
    # With its limit the function waits until the process is gone, and its locks with it.
    locks = (
        "SELECT pg_terminate_backend(pid, 10000) FROM (SELECT DISTINCT pid FROM pg_locks "
        "WHERE locktype = 'advisory' AND pid <> pg_backend_pid()) AS holders"
    )
    with ledger.engine().connect() as connection:
        ended = connection.execute(sa.text(locks)).scalars().all()
    assert ended and all(ended)
