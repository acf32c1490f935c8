"""Links on a disk, which are followed where they stay within some folders; an object store has none."""

from __future__ import annotations

import contextlib
import errno
import stat
from collections.abc import Iterable
from pathlib import Path

from nightshift.storage.location import Location


def unfollowed(place: Location, zone: Iterable[Location]) -> str | None:
    """Why a name is, or lies behind, a link that is not followed, as in ``is a link that …``; None where it is none.

    Args:
        zone: folders that links may lead into.
    """
    if place.is_remote:
        return None
    path = place.path
    try:
        target = path.resolve(strict=True)
    except FileNotFoundError:
        return f"is a link that leads nowhere, to {path.readlink()}" if path.is_symlink() else None
    except (OSError, RuntimeError) as error:
        # What can't be looked at says so where it is opened. Python up to 3.12 finds circles by itself.
        is_circle = isinstance(error, RuntimeError) or error.errno == errno.ELOOP
        return "is a link that leads in a circle" if is_circle else None
    if any(target.is_relative_to(folder.path.resolve()) for folder in zone):
        return None
    return f"is a link that leads out of the landing zone, to {target}"


def sizes(folder: Location, zone: Iterable[Location]) -> dict[str, int | None]:
    """The bytes of each file in a folder; None for what is no file, like a folder or a link that is not followed."""
    if folder.is_remote:
        folders, files = folder.entries()
        return dict.fromkeys(folders) | {file.name: file.bytes for file in files}
    found: dict[str, int | None] = {}
    for path in sorted(folder.path.iterdir()):
        # A file may go, or get its final name, while the others are looked at.
        with contextlib.suppress(FileNotFoundError):
            found[path.name] = _size(path, folder / path.name, zone)
    return found


def _size(path: Path, place: Location, zone: Iterable[Location]) -> int | None:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) and unfollowed(place, zone) is None:
        found = path.stat()
    return found.st_size if stat.S_ISREG(found.st_mode) else None
