"""Every landed file as it was read, named by its digest: what is verified is bit for bit what jobs read.

A file lies at ``<archive>/<use case>/<first two digits>/<sha256><suffix>``. Its digest is taken while it is written,
and it gets its name when it is whole and the digest is right, so a file of the archive is never half of one. On a disk
it lies in the folder ``incoming`` meanwhile; an object store shows nothing of an upload that was not completed.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

from nightshift.declarations.use_case import UseCase
from nightshift.home.outside_errors import unusable
from nightshift.storage import Location, StoreError
from nightshift.storage.files import PIECE
from nightshift.storage.incoming import incoming

ABANDONED_SECONDS = 24 * 3600
_INCOMING = "incoming"


class Deposit:
    """A file on its way into the archive, by the digest and the size that it should have."""

    def __init__(self, archive: Location, sha256: str, suffix: str, size: int) -> None:
        self.archive = archive
        self.bytes = 0
        self._promised = sha256
        self._digest = hashlib.sha256()
        self._target = path_of(archive, sha256, suffix)
        self._incoming = incoming(archive / _INCOMING, self._target, size)

    @property
    def sha256(self) -> str:
        """Digest of what was written up to now."""
        return self._digest.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._digest.update(chunk)
        self._incoming.write(chunk)
        self.bytes += len(chunk)

    def so_far(self) -> Path | None:
        """Where what was written up to now can be read; None of an archive in an object store."""
        return self._incoming.so_far()

    def keep(self) -> Location:
        """Give the file its place; a copy that is there already is replaced by this equal one.

        So a copy that the disk spoilt, or somebody changed, heals when its file is landed again; in an object store,
        which keeps digests of its own, one that has another size.

        Raises:
            OSError: if it has another digest than it should have, or can't be written.
        """
        if self.sha256 != self._promised:
            raise StoreError(f"{self._target} would have the SHA-256 {self.sha256}: its bytes changed on the way")
        self._incoming.keep()
        return self._target

    def discard(self) -> None:
        """Leave nothing of a file that was not kept."""
        self._incoming.discard()


def of(use_case: UseCase) -> Location:
    """The archive of a use case."""
    return use_case.home.archive / use_case.name


def path_of(archive: Location, sha256: str, suffix: str) -> Location:
    """Where a file of that content lies, or would."""
    return archive / sha256[:2] / f"{sha256}{suffix}"


def copies(archive: Location, sha256: str) -> list[str]:
    """Names of the files of that content, whatever their suffix."""
    return [file.name for file in (archive / sha256[:2]).files() if file.name.startswith(sha256)]


def remove(archive: Location, name: str) -> None:
    """Remove a file of that name, if it is there."""
    (archive / name[:2] / name).delete()


@contextlib.contextmanager
def deposit(archive: Location, sha256: str, suffix: str, size: int) -> Iterator[Deposit]:
    """A new file, which is gone at the end unless it was kept.

    Args:
        sha256: digest that it should have.
        suffix: what its name ends in, by which readers know its format.
        size: bytes that it should have.
    """
    made = Deposit(archive, sha256, suffix, size)
    try:
        yield made
    finally:
        made.discard()


def keep(archive: Location, file: Path, suffix: str) -> tuple[Location, str]:
    """Copy a finished file of this machine into the archive.

    Returns:
        Its place and its SHA-256.
    """
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        with deposit(archive, sha256, suffix, file.stat().st_size) as copy:
            while chunk := stream.read(PIECE):
                copy.write(chunk)
            return copy.keep(), sha256


def sweep(archive: Location, older_than: float = ABANDONED_SECONDS) -> None:
    """Remove what runs that were killed left on the way into the archive of a disk; stores have rules of their own.

    Args:
        older_than: in seconds; what is younger may be on its way still.
    """
    for file in (archive / _INCOMING).files():
        if time.time() - file.modified.timestamp() > older_than:
            (archive / _INCOMING / file.name).delete()


@contextlib.contextmanager
def archiving(archive: Location) -> Iterator[None]:
    """While the archive is written, or read back: what the system refuses then is no fault of the sender.

    Raises:
        NightshiftError: in place of any OSError.
    """
    try:
        yield
    except OSError as error:
        what = f"the archive {archive} can't be used"
        raise unusable(what, error, "run the stage again; the delivery is not at fault") from error
