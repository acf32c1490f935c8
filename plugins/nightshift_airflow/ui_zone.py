"""Lets the UI show and read times in the use cases' zone from the first visit on.

The UI's own default is UTC. There, "1 to 3 October, 00:00" in the Backfill dialog leaves out the third night of a
use case in New York, whose tick is 04:00 UTC; in the use case's zone it is what it says.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.home.settings import get_settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


def common_zone() -> str | None:
    """The zone of all use cases that can be read, or none where they have several."""
    zones = {use_case.timezone for use_case in find_use_cases(get_settings()).use_cases}
    return zones.pop() if len(zones) == 1 else None


class DefaultZone:
    """Middleware that adds one line to the UI's page: who has not chosen a time zone gets this one."""

    def __init__(self, app: ASGIApp, zone: str) -> None:
        self._app = app
        # "<" cannot end the script early, whatever the zone is called.
        value = json.dumps(json.dumps(zone)).replace("<", "\\u003c")
        self._script = f"<script>localStorage.timezone ??= {value}</script></head>".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or b"text/html" not in _header(scope, b"accept"):
            await self._app(scope, receive, send)
            return
        # A compressed page could not be added to.
        headers = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app({**scope, "headers": headers}, receive, _Page(send, self._script))


class _Page:
    """Passes a response on, with the script at the end of its head."""

    def __init__(self, send: Send, script: bytes) -> None:
        self._send = send
        self._script = script
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and b"text/html" in _header(message, b"content-type"):
            self._start = message
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self._start)
        else:
            await self._send(message)

    async def _finish(self, start: Message) -> None:
        body = self._body.replace(b"</head>", self._script, 1)
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        await self._send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await self._send({"type": "http.response.body", "body": body})


def _header(message: Message, name: bytes) -> bytes:
    return next((bytes(value) for key, value in message.get("headers", ()) if key.lower() == name), b"")
