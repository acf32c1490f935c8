"""A PostgreSQL server that listens on TCP and asks for a password, as the databases of other teams do."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightshift.home import postgres_tools

USER, PASSWORD = "reader_of_orders", "s3cret-of-the-test"


@dataclass(frozen=True)
class Database:
    """A server and its database ``shop``."""

    port: int

    @property
    def url(self) -> str:
        return f"jdbc:postgresql://127.0.0.1:{self.port}/shop"

    def connect(self, name: str = "shop") -> Any:
        import psycopg2

        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="postgres", password=PASSWORD, dbname=name)
        connection.autocommit = True
        return connection

    def run(self, *statements: str, name: str = "shop") -> None:
        connection = self.connect(name)
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()


@contextlib.contextmanager
def database_of_others() -> Iterator[Database]:
    """The server out of the wheel, with a user who may only read."""
    root = Path(tempfile.mkdtemp(prefix="nightshift-jdbc-"))
    root.chmod(0o755)
    data, sockets = root / "data", root / "s"
    password = root / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    for folder in (data, sockets):
        folder.mkdir(mode=0o700)
        postgres_tools.give_away(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    tool = postgres_tools.run_tool
    try:
        made = tool(
            *("initdb", "--username=postgres", "--encoding=utf8", "--locale=C.UTF-8", "--auth=scram-sha-256"),
            *(f"--pwfile={password}", "--no-sync", "-D", data),
        )
        assert made.returncode == 0, made.stdout
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='{sockets}' -c fsync=off"
        started = tool("pg_ctl", "start", "-w", "-t", "60", "-D", data, "-l", data / "server.log", "-o", options)
        assert started.returncode == 0, started.stdout
        server = Database(port)
        server.run("CREATE DATABASE shop", f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'", name="postgres")
        server.run(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {USER}")
        yield server
    finally:
        tool("pg_ctl", "stop", "-w", "-t", "30", "-m", "immediate", "-D", data)
        shutil.rmtree(root, ignore_errors=True)
