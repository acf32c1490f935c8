"""Copying a folder with all that it holds to another place, on a disk or in a store, and proving that it is there.

A copy that was interrupted is resumed by calling it again: what is there already, byte for byte, is not written again.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from nightshift.errors import ConflictError, SettingsError, UsageError
from nightshift.storage.files import AT_ONCE, File, StoreError
from nightshift.storage.location import Location

# Files that are waited for at once; of all others no more is kept than their number.
_WAITING = 4 * AT_ONCE
# A part of a file that an earlier copy left when it was killed; one that grows is another copy's.
_IDLE_SECONDS = 3600


@dataclass(frozen=True)
class Progress:
    """How far a copy is.

    Attributes:
        files: that are in the target now, proved.
        bytes: their sizes together.
        skipped: those of the files that had been there before.
        all_files: how many there are to copy.
        all_bytes: their sizes together.
    """

    all_files: int
    all_bytes: int
    files: int = 0
    bytes: int = 0
    skipped: int = 0


class _StoppedError(Exception):
    """Another file could not be copied."""


def copy_folder(
    source: Location, target: Location, progress: Callable[[Progress], object] = lambda _: None
) -> Progress:
    """Copy all files of a folder, several at once, under the same names; what else the target holds stays.

    A file appears as a whole. It is read back, and has the SHA-256 of what was read. A file of the target that has the
    same size and SHA-256 is left as it is, any other one of that name is replaced. Folders without files, and times of
    files, are not copied. When this returns, what was copied to a disk outlives a crash of the machine.

    Args:
        source: what nothing may write to meanwhile.
        progress: called in this thread, before the first file and after each one.

    Returns:
        The counts of the whole copy.

    Raises:
        UsageError: if one of the two lies within the other.
        SettingsError: if a file or folder of the source can't be copied as it is, like a link to a folder.
        ConflictError: if the source changed meanwhile.
        OSError: if a file can't be read or written; the others stay where they are, for the next try.
    """
    _refuse_nested(source, target)
    if not source.is_remote:
        _refuse_linked_folders(source.path)
    target.delete_unfinished(_IDLE_SECONDS)
    sizes = [0, 0]
    for file in source.walk():
        sizes[0] += 1
        sizes[1] += file.bytes
    done = Progress(*sizes)
    progress(done)
    above: set[str] = set()
    with closing(_copied(source, target, above)) as copied:
        for file, was_there in copied:
            done = replace(done, files=done.files + 1, bytes=done.bytes + file.bytes, skipped=done.skipped + was_there)
            progress(done)
    if (done.files, done.bytes) != (done.all_files, done.all_bytes):
        raise _changed(f"{source} had {done.all_files:,} files when this began, and {done.files:,} when it ended")
    for folder in sorted(above):
        (target / folder if folder else target).flush()
    return done


def _copied(source: Location, target: Location, above: set[str]) -> Generator[tuple[File, bool]]:
    """Each file once it is in the target, and whether it had been there before.

    Args:
        above: gets the folders, below the target, of which flushing the files does not make sure that they are found.
    """
    stop = threading.Event()
    waiting: set[Future[tuple[File, bool]]] = set()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="copy") as pool:
        try:
            for file in source.walk():
                if not target.is_remote:
                    # Flushing a file takes its folder and the one above along.
                    above.update("/".join(parts) for parts in _beginnings(file.name.split("/")[:-3]))
                waiting.add(pool.submit(_copy, source, target, file, stop))
                if len(waiting) >= _WAITING:
                    ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (each.result() for each in ready)
            while waiting:
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in ready)
        finally:
            # Where one failed, or who waits gave up, the others end at their next piece.
            stop.set()
            pool.shutdown(cancel_futures=True)


def _beginnings(parts: list[str]) -> Iterator[list[str]]:
    for length in range(len(parts) + 1):
        yield parts[:length]


def _copy(source: Location, target: Location, file: File, stop: threading.Event) -> tuple[File, bool]:
    _refuse_name(source, file.name)
    from_file, to_file = source / file.name, target / file.name
    if file.bytes == 0 and from_file.find() is None:
        # An object whose key ends with a slash: consoles of stores make it to show a folder. It is listed, and no file.
        return file, False
    there = to_file.find()
    known = _digest(from_file, stop) if there is not None and there.bytes == file.bytes else None
    was_there = known is not None and known == _digest(to_file, stop)
    if not was_there:
        digest = hashlib.sha256()
        with to_file.writing() as stream:
            for chunk in _pieces(from_file, stop):
                digest.update(chunk)
                stream.write(chunk)
        known = digest.digest()
    to_file.flush()
    if not was_there and _digest(to_file, stop) != known:
        to_file.delete()
        raise StoreError(f"{to_file} does not hold what was written to it, and was removed again")
    now = from_file.find()
    if now is None or (now.bytes, now.stamp) != (file.bytes, file.stamp):
        raise _changed(f"{from_file} changed while it was copied")
    return file, was_there


def _digest(file: Location, stop: threading.Event) -> bytes:
    digest = hashlib.sha256()
    for chunk in _pieces(file, stop):
        digest.update(chunk)
    return digest.digest()


def _pieces(file: Location, stop: threading.Event) -> Iterator[bytes]:
    for chunk in file.chunks():
        if stop.is_set():
            raise _StoppedError
        yield chunk


def _refuse_nested(source: Location, target: Location) -> None:
    for one, other in ((source, target), (target, source)):
        if f"{_whole(one)}/".startswith(f"{_whole(other)}/"):
            raise UsageError(f"{source} and {target}: one of them lies in the other, and a copy would copy itself")


def _whole(place: Location) -> str:
    """A place by one name, links resolved; of a store, with the endpoint that its URL says."""
    return f"{place.query} {place}" if place.is_remote else os.path.realpath(place.path).rstrip("/")


def _refuse_linked_folders(folder: Path) -> None:
    """A listing does not follow them, so what they lead to would be left behind."""
    for above, folders, names in os.walk(folder):
        for name in folders:
            if Path(above, name).is_symlink():
                raise SettingsError(f"{Path(above, name)} is a link to a folder: put the folder itself in its place")
        for name in names:
            if not Path(above, name).is_file():
                raise SettingsError(f"{Path(above, name)} leads to no file: remove it, or mount what it leads to")


def _refuse_name(source: Location, name: str) -> None:
    """A key of a store need be no name of a file."""
    if any(part in ("", ".", "..") for part in name.split("/")) or "\0" in name:
        raise SettingsError(f"{source}: {name!r} can't be the name of a file everywhere: rename it or remove it")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"{source}: {name!r} is no text in UTF-8: rename the file") from None


def _changed(what: str) -> ConflictError:
    return ConflictError(what, remedy="end what writes there, then copy again: what is there is kept")
