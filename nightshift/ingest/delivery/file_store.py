"""A folder of files: on a local disk or in an object store, by the same calls."""

from __future__ import annotations

import contextlib
import errno
import functools
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nightshift.errors import DeliveryError, SettingsError
from nightshift.home.outside_errors import unusable
from nightshift.home.variables.setting_values import holds_credentials

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.fs


@dataclass(frozen=True)
class Folder:
    """A folder by its path, or by a URL like ``s3://bucket/landing``.

    An object store's endpoint and credentials come from its own variables, like AWS_ENDPOINT_URL and
    AWS_ACCESS_KEY_ID; the endpoint may also stand in the URL, as ``?endpoint_override=host:port&scheme=http``.

    Attributes:
        zone: folders that links of a local one may lead into; none but itself if empty.
    """

    location: str
    zone: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.is_remote and holds_credentials(self.location):
            raise SettingsError(
                "NIGHTSHIFT_LANDING_URL holds credentials, which would reach logs and the scheduler's database: give "
                "them as variables of the object store, like AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )

    @property
    def is_remote(self) -> bool:
        """Whether it lies in an object store."""
        return "://" in self.location

    def __truediv__(self, name: str) -> Folder:
        path, query = self._parts()
        return Folder(f"{path.rstrip('/')}/{name}{query}", self.zone or (self.location,))

    def __str__(self) -> str:
        return self._parts()[0]

    def _parts(self) -> tuple[str, str]:
        """Path and query; a question mark in a local path is one of its letters."""
        if not self.is_remote:
            return self.location, ""
        path, question, query = self.location.partition("?")
        return path, f"{question}{query}"

    def has(self, name: str) -> bool:
        """Whether a file of that name is there, or a link to one; loads no library for a local folder."""
        if not self.is_remote:
            return (Path(self.location) / name).is_file()
        return bool(self._info(name).is_file)

    def sizes(self) -> dict[str, int | None]:
        """The bytes of each file by name; None for what is no file, like a folder or a link that is not followed.

        Raises:
            OSError: if it can't be listed.
        """
        if not self.is_remote:
            return dict(self._sizes())
        from pyarrow.fs import FileSelector

        files, path = self._opened()
        found = files.get_file_info(FileSelector(path, allow_not_found=True))
        return {info.base_name: info.size if info.is_file else None for info in sorted(found, key=lambda i: i.path)}

    def size(self, name: str) -> int:
        """Bytes of a file now.

        Raises:
            FileNotFoundError: if there is none.
        """
        info = self._info(name)
        if not info.is_file:
            raise FileNotFoundError(f"{self / name} is no file")
        return int(info.size)

    def read(self, name: str, limit: int) -> bytes:
        """The first bytes of a file, at most ``limit``."""
        with self.open(name) as stream:
            return bytes(stream.read(limit))

    def open(self, name: str) -> pa.NativeFile:
        """A file as a stream of its bytes.

        Raises:
            OSError: if it can't be opened.
            NightshiftError: if it is a link that is not followed.
        """
        if reason := self.broken_link(name):
            raise DeliveryError(f"{self / name} {reason}")
        files, path = self._opened()
        # Neither its name nor its headers decide what the bytes are: the digest is of the bytes as they lie there.
        return files.open_input_stream(f"{path}/{name}", compression=None)

    def broken_link(self, name: str) -> str | None:
        """Why a name is, or lies behind, a link that is not followed; None where it is no such link.

        Links within the landing zone are: volumes of Kubernetes consist of them.
        """
        if self.is_remote:
            return None
        path = Path(self.location) / name
        remedy = "deliver the file itself, or link to one within the landing zone"
        try:
            target = path.resolve(strict=True)
        except FileNotFoundError:
            return f"is a link that leads nowhere, to {path.readlink()}: {remedy}" if path.is_symlink() else None
        except (OSError, RuntimeError) as error:
            # What can't be looked at says so where it is opened. Python up to 3.12 finds circles by itself.
            is_circle = isinstance(error, RuntimeError) or error.errno == errno.ELOOP
            return f"is a link that leads in a circle: {remedy}" if is_circle else None
        if any(target.is_relative_to(Path(folder).resolve()) for folder in self.zone or (self.location,)):
            return None
        return f"is a link that leads out of the landing zone, to {target}: {remedy}"

    def _sizes(self) -> Iterator[tuple[str, int | None]]:
        for path in sorted(Path(self.location).iterdir()):
            # A file may go, or get its final name, while the others are looked at.
            with contextlib.suppress(FileNotFoundError):
                found = path.lstat()
                if stat.S_ISLNK(found.st_mode):
                    found = found if self.broken_link(path.name) else path.stat()
                yield path.name, found.st_size if stat.S_ISREG(found.st_mode) else None

    def _info(self, name: str) -> Any:
        files, path = self._opened()
        return files.get_file_info(f"{path}/{name}")

    def _opened(self) -> tuple[pyarrow.fs.FileSystem, str]:
        if not self.is_remote:
            return _local(), self.location
        parts = urlsplit(self.location)
        store, root = _store(f"{parts.scheme}://{parts.netloc}{'?' if parts.query else ''}{parts.query}")
        return store, f"{root.rstrip('/')}{parts.path}"


@functools.cache
def _local() -> pyarrow.fs.FileSystem:
    from pyarrow.fs import LocalFileSystem

    return LocalFileSystem()


@functools.cache
def _store(url: str) -> tuple[pyarrow.fs.FileSystem, str]:
    """The object store of a URL, opened once, and the path of its bucket or container there.

    Raises:
        NightshiftError: if there is no such kind of store.
    """
    import pyarrow as pa
    from pyarrow.fs import FileSystem

    try:
        store, root = FileSystem.from_uri(url)
        return store, str(root)
    except (pa.ArrowException, ValueError) as error:
        raise SettingsError(
            f"NIGHTSHIFT_LANDING_URL {url.partition('?')[0]} can't be opened: {error}; known are s3://, gs://, "
            "abfs://, hdfs:// and plain folders"
        ) from None
    except OSError as error:
        # Of some stores the first thing asked is where they are.
        raise unusable(f"NIGHTSHIFT_LANDING_URL {url.partition('?')[0]} can't be opened", error) from error
