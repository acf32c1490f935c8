"""Folders for what must not outlive its process: whoever comes next removes those of processes that were killed."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from nightshift.home import file_locks

# Folders of this process; their locks end with it, however it ends.
_held: dict[Path, file_locks.FileLock] = {}


def take(parent: Path) -> Path:
    """A place for a new folder, which `sweep` spares while this process lives; the folder itself is not made."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = parent / uuid.uuid4().hex
    lock = file_locks.take(_lock_of(folder), file_locks.FOREVER)
    assert lock is not None
    _held[folder] = lock
    return folder


def discard(folder: Path) -> None:
    """Remove a folder that is needed no more."""
    shutil.rmtree(folder, ignore_errors=True)
    _lock_of(folder).unlink(missing_ok=True)
    if lock := _held.pop(folder, None):
        lock.release()


def sweep(parent: Path) -> list[Path]:
    """Remove the folders of processes that ended before they could; returns them."""
    swept = []
    # A lock is made before its folder and goes after it, so that a folder without one belongs to nobody.
    for folder in {path.with_suffix("") for path in parent.glob("*")}:
        if (lock := file_locks.take(_lock_of(folder))) is None:
            continue
        discard(folder)
        lock.release()
        swept.append(folder)
    return swept


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
