"""Answers with pages that lie in an object store, as a server of files answers with those on a disk."""

from __future__ import annotations

import mimetypes
import shutil
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import quote, unquote

from nightshift.storage import File, Location, StoreError
from nightshift.storage.files import PIECE

# A page up to this size is read in one piece, so it is of one moment also where a job replaces it.
UNDIVIDED_BYTES = 8 * PIECE
INDEX = "index.html"


class StoredPages(BaseHTTPRequestHandler):
    """Files below one place of a store, for reading only; a folder is never listed."""

    def __init__(self, place: Location, nothing_yet: bytes, *connection: Any) -> None:
        """Answer one connection.

        Args:
            place: nothing beside it or above it can be asked for.
            nothing_yet: the page that is shown before there is one.
        """
        self.place, self.nothing_yet = place, nothing_yet
        super().__init__(*connection)

    def do_GET(self) -> None:
        """A page, or where it is."""
        self._answer()

    def do_HEAD(self) -> None:
        """The same without content."""
        self._answer()

    def _answer(self) -> None:
        try:
            names = _names(self.path)
            if names is None:
                self.send_error(HTTPStatus.NOT_FOUND)
            else:
                self._find(names)
        except FileNotFoundError:
            self.send_error(HTTPStatus.NOT_FOUND)
        except StoreError as error:
            # Its address is for who runs it, in the log of this service.
            self.log_error("%s", error)
            self.send_error(HTTPStatus.BAD_GATEWAY, "The store of the audit pages does not answer")

    def _find(self, names: Sequence[str]) -> None:
        *folders, name = names
        file = self.place / "/".join([*folders, name or INDEX])
        if found := file.find():
            self._send(file, found)
        elif name:
            self._refuse_missing(file)
            self._lead_to(f"/{quote('/'.join(names))}/", HTTPStatus.MOVED_PERMANENTLY)
        elif folders:
            self._refuse_missing(file.parent)
            self._lead_to("/", HTTPStatus.FOUND)
        else:
            self._head("text/html; charset=utf-8", len(self.nothing_yet))
            self._write(self.nothing_yet)

    def _refuse_missing(self, folder: Location) -> None:
        if not folder.is_folder():
            raise FileNotFoundError(str(folder))

    def _send(self, file: Location, found: File) -> None:
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        if found.bytes <= UNDIVIDED_BYTES:
            content = file.read()
            self._head(kind, len(content))
            self._write(content)
            return
        with file.open() as stream:
            self._head(kind, found.bytes)
            if self.command != "HEAD":
                try:
                    shutil.copyfileobj(stream, self.wfile, PIECE)
                except StoreError as error:
                    # The answer has begun; that it ends too early tells the browser.
                    self.log_error("%s", error)

    def _lead_to(self, address: str, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _head(self, kind: str, size: int) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def _write(self, content: bytes) -> None:
        if self.command != "HEAD":
            self.wfile.write(content)


def _names(path: str) -> list[str] | None:
    """The parts of a request's path, the last one empty for a folder; None where it leads elsewhere.

    Parts are told apart before they are decoded, so that no part holds a slash.
    """
    first, *parts = path.partition("?")[0].partition("#")[0].split("/")
    try:
        names = [unquote(part, errors="strict") for part in parts]
    except UnicodeDecodeError:
        return None
    if first or not names:
        return None
    is_odd = any(name in ("", ".", "..") for name in names[:-1]) or names[-1] in (".", "..")
    return None if is_odd or any(sign in name for name in names for sign in "/\\\0") else names
