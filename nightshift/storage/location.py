"""A place by its path or URL."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nightshift.errors import SettingsError
from nightshift.storage import disk
from nightshift.storage.files import PIECE, File, FileStore

_SPARK_SCHEMES = {"s3": "s3a"}


@dataclass(frozen=True)
class Location:
    """A folder or a file, by an absolute path or a URL like ``s3://bucket/lake``.

    Endpoint and credentials of a store come from its own variables, like AWS_ENDPOINT_URL and AWS_ACCESS_KEY_ID; the
    endpoint may also stand in the URL, as ``?endpoint_override=host:port&scheme=http``.

    All that reads or writes raises an OSError where it can't: FileNotFoundError, FileExistsError, PermissionError and
    so on; of an object store `StoreError`, and `StoreRefusedError` where it does not let us.
    """

    place: str
    query: str = ""

    @classmethod
    def of(cls, text: str | os.PathLike[str]) -> Location:
        """The place that a setting, or an answer of delta-rs, names."""
        named = os.fspath(text)
        if "://" not in named:
            return cls(named if named == "/" else named.rstrip("/"))
        # In a local path a question mark is a letter of a name.
        place, _, query = named.partition("?")
        return cls(place.rstrip("/"), query)

    def __truediv__(self, name: str) -> Location:
        return Location(f"{self.place.rstrip('/')}/{name}", self.query)

    def __str__(self) -> str:
        return self.place

    @property
    def whole(self) -> str:
        """As `of` takes it, with the endpoint that a URL may name: for another process."""
        return f"{self.place}?{self.query}" if self.query else self.place

    @property
    def is_remote(self) -> bool:
        """Whether it lies in an object store."""
        return "://" in self.place

    @property
    def name(self) -> str:
        """The last part."""
        return self.place.rpartition("/")[2]

    @property
    def parent(self) -> Location:
        """The folder that it lies in."""
        return Location(self.place.rpartition("/")[0] or "/", self.query)

    @property
    def path(self) -> Path:
        """The path of a local one, for what can work on a disk only.

        Raises:
            SettingsError: if it lies in an object store.
        """
        if self.is_remote:
            raise SettingsError(f"{self} lies in an object store, and this needs a folder of this machine")
        return Path(self.place)

    @property
    def for_spark(self) -> str:
        """As Spark names it."""
        scheme, separator, rest = self.place.partition("://")
        return f"{_SPARK_SCHEMES.get(scheme, scheme)}{separator}{rest}"

    @property
    def spark_pattern(self) -> str:
        """As Spark names it where it takes some characters for a pattern."""
        return re.sub(r"([\[\]{}*?\\])", r"\\\1", self.for_spark)

    @property
    def options(self) -> dict[str, str]:
        """What delta-rs must be told beside the variables; credentials are not among it."""
        if not self.is_remote:
            return {}
        from nightshift.storage import object_store

        return object_store.delta_options(self.query)

    def relative_to(self, folder: Location) -> str:
        """Its name below a folder.

        Raises:
            ValueError: if it does not lie there.
        """
        if not self.place.startswith(f"{folder.place.rstrip('/')}/"):
            raise ValueError(f"{self} does not lie below {folder}")
        return self.place[len(folder.place.rstrip("/")) + 1 :]

    def find(self) -> File | None:
        """The file as it is now; None where there is none."""
        return self._files.find(self._key)

    def exists(self) -> bool:
        """Whether a file is there."""
        return self.find() is not None

    def is_folder(self) -> bool:
        """Whether a folder is there; in an object store, whether a file is below it."""
        return self._files.is_folder(self._key)

    def open(self) -> io.BufferedReader:
        """The file for reading; it can be sought in."""
        return self._files.open(self._key)

    def read(self) -> bytes:
        """The whole file, as it is at one moment, also where it is replaced meanwhile."""
        return self._files.read(self._key)

    def chunks(self) -> Iterator[bytes]:
        """The file, piece by piece."""
        with self.open() as stream:
            while chunk := stream.read(PIECE):
                yield bytes(chunk)

    def writing(self) -> AbstractContextManager[IO[bytes]]:
        """A stream into the file, which appears, or is replaced, as a whole at the end; not at all if an error comes.

        Folders above it are made.
        """
        return self._files.writing(self._key)

    def write(self, content: bytes) -> None:
        """Write the file, whole or not at all, in place of one that is there."""
        with self.writing() as stream:
            stream.write(content)

    def create(self, content: bytes) -> None:
        """Write a file that is not there yet, whole or not at all.

        Raises:
            FileExistsError: if it is there; of several who do so at once all but one are told so.
        """
        self._files.create(self._key, content)

    def delete(self) -> None:
        """Remove the file, if it is there."""
        self._files.delete(self._key)

    def delete_folder(self) -> None:
        """Remove the folder with all that it holds, if it is there."""
        self._files.delete_folder(self._key)

    def delete_unfinished(self, idle_seconds: float) -> None:
        """Remove what writes below this folder left that were killed; no other call sees it.

        Args:
            idle_seconds: a part that grew since then may still be finished, and stays.
        """
        self._files.delete_unfinished(self._key, idle_seconds)

    def walk(self) -> Iterator[File]:
        """All files of the folder, at any depth, by their names below it; none where it is not there."""
        return self._files.walk(self._key)

    def entries(self) -> tuple[list[str], list[File]]:
        """Names of the folders, and the files, right in this folder, each in order; none where it is not there."""
        return self._files.entries(self._key)

    def folders(self) -> list[str]:
        """Names of the folders in this one, in order."""
        return self.entries()[0]

    def files(self) -> list[File]:
        """The files right in this folder, in order of their names."""
        return self.entries()[1]

    def flush(self) -> None:
        """Make sure that the file outlives a crash of the machine; a store has seen to that when a write ends."""
        self._files.flush(self._key)

    @property
    def _files(self) -> FileStore:
        if not self.is_remote:
            return disk.DISK
        from nightshift.storage import object_store

        return object_store.opened(self._bucket, self.query, os.getpid())

    @property
    def _bucket(self) -> str:
        scheme, _, rest = self.place.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"

    @property
    def _key(self) -> str:
        return self.place[len(self._bucket) + 1 :] if self.is_remote else self.place
