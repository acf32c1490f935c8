"""Every landed file as it was read, named by its digest: what is verified is bit for bit what jobs read.

A file lies at ``<archive>/<use case>/<first two digits>/<sha256><suffix>``. It is written under another name while its
digest is taken, and gets its name when it is whole, so a file of the archive is never half of one.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from nightshift.declarations.use_case import UseCase
from nightshift.home.outside_errors import unusable

ABANDONED_SECONDS = 24 * 3600
CHUNK = 2**20
_INCOMING = "incoming"


class Deposit:
    """A file on its way into the archive."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.path = archive / _INCOMING / uuid.uuid4().hex
        self.bytes = 0
        self._file = self.path.open("xb")
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Digest of what was written up to now."""
        return self._digest.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._digest.update(chunk)
        self._file.write(chunk)
        self.bytes += len(chunk)

    def flush(self) -> None:
        """Let readers of :attr:`path` see all that was written."""
        self._file.flush()

    def close(self) -> None:
        """Take no more."""
        self._file.close()

    def keep(self, suffix: str) -> Path:
        """Give the file its place; a copy that is there already is replaced by this equal one.

        So a copy that the disk spoilt, or somebody changed, heals when its file is landed again.
        """
        self.close()
        # Nobody has a reason to write to it again.
        self.path.chmod(self.path.stat().st_mode & 0o555)
        target = path_of(self.archive, self.sha256, suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(target)
        return target


def of(use_case: UseCase) -> Path:
    """The archive of a use case."""
    return use_case.home.archive / use_case.name


def path_of(archive: Path, sha256: str, suffix: str) -> Path:
    """Where a file of that content lies, or would."""
    return archive / sha256[:2] / f"{sha256}{suffix}"


@contextlib.contextmanager
def deposit(archive: Path) -> Iterator[Deposit]:
    """A new file, which is gone at the end unless it was kept."""
    (archive / _INCOMING).mkdir(parents=True, exist_ok=True)
    made = Deposit(archive)
    try:
        yield made
    finally:
        made.close()
        made.path.unlink(missing_ok=True)


def keep(archive: Path, file: Path, suffix: str) -> tuple[Path, str]:
    """Copy a finished file into the archive.

    Returns:
        Its place and its SHA-256.
    """
    with deposit(archive) as copy, file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            copy.write(chunk)
        return copy.keep(suffix), copy.sha256


def sweep(archive: Path) -> None:
    """Remove what runs that were killed left on the way into the archive."""
    folder = archive / _INCOMING
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()


@contextlib.contextmanager
def archiving(archive: Path) -> Iterator[None]:
    """While the archive is written, or read back: what the system refuses then is no fault of the sender.

    Raises:
        NightshiftError: in place of any OSError.
    """
    try:
        yield
    except OSError as error:
        what = f"the archive {archive} can't be used"
        raise unusable(what, error, "run the stage again; the delivery is not at fault") from error
