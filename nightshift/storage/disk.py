"""Files on a disk of this machine, or on one that it mounts; keys are absolute paths."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import io
import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from typing_extensions import override

from nightshift.storage.files import File, FileStore

# A file on its way to its name; whoever lists a folder does not see it.
_UNFINISHED = ".unfinished"


class Disk(FileStore):
    """Files by their absolute paths."""

    @override
    def find(self, key: str) -> File | None:
        try:
            return _file(Path(key), key.rpartition("/")[2])
        except OSError as error:
            # Links in a circle lead to no file.
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise

    @override
    def is_folder(self, key: str) -> bool:
        return Path(key).is_dir()

    @override
    def read(self, key: str) -> bytes:
        return Path(key).read_bytes()

    @override
    def open(self, key: str) -> io.BufferedReader:
        return Path(key).open("rb")

    @override
    @contextlib.contextmanager
    def writing(self, key: str) -> Iterator[IO[bytes]]:
        with _finished(key) as (stream, unfinished):
            yield stream
            stream.close()
            unfinished.replace(key)

    @override
    def create(self, key: str, content: bytes) -> None:
        with _finished(key) as (stream, unfinished):
            stream.write(content)
            stream.close()
            # Of a name that is taken a link is refused, while a move would replace it.
            try:
                os.link(unfinished, key)
            except FileExistsError:
                raise FileExistsError(errno.EEXIST, "is there already", key) from None

    @override
    def delete(self, key: str) -> None:
        Path(key).unlink(missing_ok=True)

    @override
    def delete_folder(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(key)

    @override
    def delete_unfinished(self, key: str, idle_seconds: float) -> None:
        for folder, _, names in os.walk(key, onerror=_refused):
            for name in names:
                # One that is being finished may go meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    path = Path(folder, name)
                    if name.endswith(_UNFINISHED) and path.stat().st_mtime < time.time() - idle_seconds:
                        path.unlink()

    @override
    def walk(self, key: str) -> Iterator[File]:
        root = Path(key)
        for folder, folders, names in os.walk(root, onerror=_refused):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                # A file may go while the others are looked at.
                with contextlib.suppress(FileNotFoundError):
                    found = None if name.endswith(_UNFINISHED) else _file(path, path.relative_to(root).as_posix())
                    if found is not None:
                        yield found

    @override
    def entries(self, key: str) -> tuple[list[str], list[File]]:
        folders, files = [], []
        with contextlib.suppress(FileNotFoundError):
            for path in sorted(Path(key).iterdir()):
                if path.is_dir():
                    folders.append(path.name)
                elif not path.name.endswith(_UNFINISHED) and (found := self.find(str(path))):
                    files.append(found)
        return folders, files

    @override
    def flush(self, key: str) -> None:
        path = Path(key)
        # The file, and the names by which it is found.
        for each in (path, path.parent, path.parent.parent):
            number = os.open(each, os.O_RDONLY)
            try:
                os.fsync(number)
            finally:
                os.close(number)


DISK = Disk()


def _refused(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _file(path: Path, name: str) -> File | None:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        return None
    modified = dt.datetime.fromtimestamp(found.st_mtime, dt.UTC)
    return File(name, found.st_size, f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}", modified)


@contextlib.contextmanager
def _finished(key: str) -> Iterator[tuple[IO[bytes], Path]]:
    """A stream into a new file beside its place; the file is gone at the end, unless it was moved there."""
    path = Path(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{uuid.uuid4().hex}{_UNFINISHED}")
    try:
        with unfinished.open("xb") as stream:
            yield stream, unfinished
    finally:
        unfinished.unlink(missing_ok=True)
