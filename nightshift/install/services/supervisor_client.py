"""Talking to the supervisor of a home over its control socket, for no longer than it takes to see that it is silent."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any

from nightshift.errors import ServerUnreachableError
from nightshift.home import sockets
from nightshift.home.settings import Settings

SOCKET, SPARE = "control.sock", "control.spare"
# It answers within milliseconds; it is asked for this long on a machine that has other work.
ANSWER_SECONDS = 20
# As supervisor.xmlrpc has it, which takes long to import.
_SHUTDOWN_STATE = 6


class SilentError(ServerUnreachableError):
    """The supervisor does not answer: it never ran, has ended, hangs, or lost its control socket."""


class EndingError(SilentError):
    """The supervisor is ending its programs, and then itself."""


def socket_file(settings: Settings) -> Path:
    """The control socket, by a path that fits a socket."""
    return sockets.short(settings.home) / settings.run.name / SOCKET


def ask(settings: Settings, method: str, *arguments: Any, seconds: float = ANSWER_SECONDS) -> Any:
    """Call one method of supervisord's interface.

    Raises:
        SilentError: if it does not answer, or is ending.
        xmlrpc.client.Fault: if it refuses.
    """
    # Where there is nothing to find, no link is made either.
    if not any((settings.run / name).exists() for name in (SOCKET, SPARE)):
        raise SilentError(f"no supervisor of {settings.home} can be asked", remedy="run `nightshift up`")
    file = socket_file(settings)
    try:
        sockets.listens(file, file.with_name(SPARE))
        with xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(file, seconds)) as server:
            return getattr(server.supervisor, method)(*arguments)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == _SHUTDOWN_STATE:
            raise EndingError(
                f"the services of {settings.home} are being ended", remedy="wait, then `nightshift up`"
            ) from fault
        raise
    except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
        raise SilentError(
            f"the supervisor of {settings.home} does not answer ({error})", remedy="`nightshift doctor` says why"
        ) from error


class _Transport(xmlrpc.client.Transport):
    def __init__(self, file: Path, seconds: float) -> None:
        super().__init__()
        self._socket = file, seconds

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _Connection(*self._socket)
        # What the transport closes.
        self._connection = host, connection
        return connection


class _Connection(http.client.HTTPConnection):
    """Over a Unix socket; supervisor's own client waits without end."""

    def __init__(self, file: Path, seconds: float) -> None:
        super().__init__("localhost")
        self._file, self._seconds = file, seconds

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self._seconds)
        self.sock.connect(str(self._file))
