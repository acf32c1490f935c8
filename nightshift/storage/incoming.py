"""A file on its way to a place where it will be whole or not at all, as its content decides when all of it was seen."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path
from typing import IO, Protocol

from typing_extensions import override

from nightshift.storage.location import Location


class Incoming(Protocol):
    """What is written is nowhere among the files of its folder until it is kept."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""

    def so_far(self) -> Path | None:
        """Where what was written up to now can be read; None in an object store, which shows whole files only."""

    def keep(self) -> None:
        """Give the file its place, in place of one that is there."""

    def discard(self) -> None:
        """Let nothing be left of a file that was not kept."""


def incoming(folder: Location, target: Location, size: int) -> Incoming:
    """A new file for a place.

    Args:
        folder: where it lies meanwhile, on a disk.
        target: its place.
        size: how many bytes it will have, if it is what its name says. In a store, a file that is there with this name
            and size is not written again.
    """
    return _InStore(target, size) if target.is_remote else _OnDisk(folder, target)


class _OnDisk(Incoming):
    def __init__(self, folder: Location, target: Location) -> None:
        self._target = target.path
        self._path = folder.path / uuid.uuid4().hex
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("xb")

    @override
    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)

    @override
    def so_far(self) -> Path:
        self._file.flush()
        return self._path

    @override
    def keep(self) -> None:
        self._file.close()
        # Nobody has a reason to write to it again.
        self._path.chmod(self._path.stat().st_mode & 0o555)
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._path.replace(self._target)

    @override
    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class _InStore(Incoming):
    """An upload in parts, which is completed when the file is kept: before that the store shows nothing of it."""

    def __init__(self, target: Location, size: int) -> None:
        found = target.find()
        self._upload = contextlib.ExitStack()
        is_there = found is not None and found.bytes == size
        self._stream: IO[bytes] | None = None if is_there else self._upload.enter_context(target.writing())

    @override
    def write(self, chunk: bytes) -> None:
        if self._stream is not None:
            self._stream.write(chunk)

    @override
    def so_far(self) -> None:
        return None

    @override
    def keep(self) -> None:
        self._upload.close()

    @override
    def discard(self) -> None:
        with contextlib.suppress(_DiscardedError), self._upload:
            raise _DiscardedError


class _DiscardedError(Exception):
    """By it an upload learns that it is given up."""
