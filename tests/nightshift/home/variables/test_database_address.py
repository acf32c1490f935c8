"""What a database URL says, both drivers do: a server that listens for their first words finds out."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from nightshift.home.variables.database_address import written_for

TLS = struct.pack("!ii", 8, 80877103)


class Listener:
    """A server that has no TLS: it notes whether it is asked for it, and what follows its no."""

    def __init__(self) -> None:
        self.first: list[bytes] = []
        self.afterwards: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.first.append(connection.recv(8))
                if self.first[-1] == TLS:
                    connection.sendall(b"N")
                    self.afterwards.append(connection.recv(1))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def _psycopg2(url: str) -> None:
    sa.create_engine(url).connect()


def _asyncpg(url: str) -> None:
    async def connect() -> None:
        await create_async_engine(url).connect()

    asyncio.run(connect())


@pytest.mark.parametrize("driver", ["psycopg2", "asyncpg"])
@pytest.mark.parametrize(
    ("parameters", "asks", "goes_on"),
    [
        ("?sslmode=require", True, False),
        ("?sslmode=prefer&connect_timeout=5", True, True),
        ("?sslmode=disable", False, False),
    ],
)
def test_both_drivers_ask_for_tls_as_the_url_says(
    listener: Listener, driver: str, parameters: str, asks: bool, goes_on: bool
) -> None:
    connect: Callable[[str], None] = {"psycopg2": _psycopg2, "asyncpg": _asyncpg}[driver]
    url = f"postgresql://user:p%40ss@127.0.0.1:{listener.port}/ledger{parameters}"
    with pytest.raises((sa.exc.DBAPIError, OSError)):
        connect(written_for(url, "airflow", driver))
    assert (listener.first[0] == TLS) is asks
    # Without TLS, a connection that needs it must not say who it is.
    assert any(listener.afterwards) is goes_on
