"""A real PgBouncer before a real server: which of its modes keep locks where they were taken."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from nightshift.errors import SettingsError
from nightshift.ledger.direct_connection import refuse_pooler
from tests.other_database import PASSWORD, Database, database_of_others
from tests.servers import free_port

BOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
SECONDS = 20
SETTINGS = """
[databases]
shop = host=127.0.0.1 port={server} user=postgres password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
server_round_robin = {round_robin}
default_pool_size = 5
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with database_of_others() as made:
        yield made


@contextlib.contextmanager
def pooled(server: Database, mode: str, round_robin: int = 0) -> Iterator[sa.Engine]:
    """An engine that reaches the server through PgBouncer."""
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="nightshift-bouncer-"))
    file = folder / "pgbouncer.ini"
    said = SETTINGS.format(server=server.port, password=PASSWORD, port=port, mode=mode, round_robin=round_robin)
    file.write_text(said, encoding="utf-8")
    # It does not run as root.
    user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    for path in (folder, file):
        os.chown(path, user.pw_uid, user.pw_gid)
    assert BOUNCER
    process = subprocess.Popen([BOUNCER, "-q", "-u", user.pw_name, str(file)], stderr=subprocess.DEVNULL)
    engine = sa.create_engine(f"postgresql+psycopg2://postgres@127.0.0.1:{port}/shop", poolclass=sa.NullPool)
    try:
        until = time.monotonic() + SECONDS
        while True:
            with contextlib.suppress(psycopg2.OperationalError):
                psycopg2.connect(engine.url.set(drivername="postgresql").render_as_string()).close()
                break
            assert time.monotonic() < until, "PgBouncer does not answer"
            time.sleep(0.1)
        yield engine
    finally:
        engine.dispose()
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def test_a_server_itself_is_taken(server: Database) -> None:
    """Each client has a process of its own there."""
    url = f"postgresql+psycopg2://postgres:{PASSWORD}@127.0.0.1:{server.port}/shop"
    engine = sa.create_engine(url)
    refuse_pooler(engine)
    assert engine.pool.status().startswith("Pool size: 5  Connections in pool: 0"), "each process would keep several"


@pytest.mark.skipif(BOUNCER is None, reason="PgBouncer is not on this machine (`apt-get install pgbouncer`)")
@pytest.mark.parametrize("round_robin", [0, 1])
def test_a_pool_by_transaction_is_refused(server: Database, round_robin: int) -> None:
    """Also where others use it at the same time, and after them."""
    with pooled(server, "transaction", round_robin) as engine:
        with pytest.raises(SettingsError, match="pooler that lends one connection"):
            refuse_pooler(engine)
        with contextlib.ExitStack() as others:
            for _ in range(3):
                other = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                others.enter_context(other).scalar(sa.text("SELECT 1"))
            with pytest.raises(SettingsError, match="pooler that lends one connection"):
                refuse_pooler(engine)


@pytest.mark.skipif(BOUNCER is None, reason="PgBouncer is not on this machine (`apt-get install pgbouncer`)")
def test_a_pool_by_session_is_taken(server: Database) -> None:
    """A client keeps its connection to the end."""
    with pooled(server, "session") as engine:
        refuse_pooler(engine)
