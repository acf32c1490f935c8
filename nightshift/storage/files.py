"""What a disk and an object store have in common."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Protocol

# Readers look at files in pieces of this size, in bytes.
PIECE = 2**20
# Files that are looked at, read or copied at the same time: what is waited for are answers.
AT_ONCE = 8


class StoreError(OSError):
    """An object store can't be reached, or does not do what was asked; told in words, without a number of the system.

    That a file is not there, or is there already, is said by Python's own errors.
    """


class StoreRefusedError(StoreError, PermissionError):
    """The store does not let us: a key is wrong or missing, or may not do this."""


@dataclass(frozen=True)
class File:
    """A file as it was when it was looked at.

    Attributes:
        name: below the folder that was listed, with slashes.
        bytes: its size.
        stamp: differs once the file was written again; no digest of its content.
        modified: when it was written last, by the store's clock.
    """

    name: str
    bytes: int
    stamp: str
    modified: dt.datetime


class FileStore(Protocol):
    """A place of files; keys are paths below it, with slashes. Whatever can't be done raises an OSError."""

    def find(self, key: str) -> File | None:
        """The file of that key; None where there is none."""

    def read(self, key: str) -> bytes:
        """A whole file, as it is at one moment."""

    def is_folder(self, key: str) -> bool:
        """Whether there is a folder."""

    def open(self, key: str) -> io.BufferedReader:
        """A file for reading; it can be sought in."""

    def writing(self, key: str) -> AbstractContextManager[IO[bytes]]:
        """A stream into a file, which appears, or is replaced, as a whole at the end; not at all if an error comes."""

    def create(self, key: str, content: bytes) -> None:
        """Write a file that is not there yet, whole or not at all.

        Raises:
            FileExistsError: if it is there.
        """

    def delete(self, key: str) -> None:
        """Remove a file, if it is there."""

    def delete_folder(self, key: str) -> None:
        """Remove a folder with all that it holds, if it is there."""

    def delete_unfinished(self, key: str, idle_seconds: float) -> None:
        """Remove what writes below a folder left that were killed: parts to which nothing was added for that long."""

    def walk(self, key: str) -> Iterator[File]:
        """All files below a folder, at any depth; none where it is not there."""

    def entries(self, key: str) -> tuple[list[str], list[File]]:
        """Names of the folders, and the files, right in a folder; none where it is not there."""

    def flush(self, key: str) -> None:
        """Make sure that a file outlives a crash of the machine."""
