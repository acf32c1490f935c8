"""Serves the audit pages of a home on this machine.

``python -m nightshift.install.services.audit_pages <folder or URL> <port> [address]``

A folder without a page of its own leads to the first page; nobody reads listings.
"""

from __future__ import annotations

import functools
import io
import sys
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from nightshift.install.services.ports import LOOPBACK
from nightshift.install.services.stored_pages import StoredPages
from nightshift.storage import Location

NOTHING_YET = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Audits</title>
<style>:root { color-scheme: light dark } body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem }</style>
<h1>Audits</h1><p>Nothing was audited yet. The first stage that runs writes its pages here.</p></html>"""


class Pages(SimpleHTTPRequestHandler):
    """Files of one folder."""

    def list_directory(self, path: object) -> io.BytesIO | None:
        """Lead to the first page where a folder has none; say so where nothing was audited yet."""
        if (Path(self.directory) / "index.html").is_file():
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", "/")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(NOTHING_YET)))
        self.end_headers()
        return io.BytesIO(NOTHING_YET)


def server(place: Location, port: int, address: str = LOOPBACK) -> ThreadingHTTPServer:
    """A server of a place's pages, which listens and does not serve yet.

    It has no login: whoever gives another address than loopback sees to it that only this machine's users reach it.
    """
    if place.is_remote:
        return ThreadingHTTPServer((address, port), functools.partial(StoredPages, place, NOTHING_YET))
    return ThreadingHTTPServer((address, port), functools.partial(Pages, directory=str(place)))


if __name__ == "__main__":
    server(Location.of(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]).serve_forever()
