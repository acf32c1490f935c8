"""The Unix sockets of a home: found from the home alone, whatever ``TMPDIR`` says, and put back when one is removed.

A socket lies in the home, which no cleaner of temporary files touches. The path of a socket has room for about a
hundred bytes: a home with a longer path, or with characters that some client reads as syntax, is reached through a
link in ``/tmp`` that each process makes again where it is missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import uuid
from pathlib import Path

from nightshift.errors import InstallationError

# macOS has room for 103 bytes, Linux for 107.
_LIMIT = 103
# supervisord binds under this name first.
_LONGEST = b"/run/control.sock.4194304"
# libpq reads a comma as the next host, configuration files read `;` and `%`.
_PLAIN = re.compile(rb"[A-Za-z0-9_./-]+")
# A fixed folder: `tempfile` asks TMPDIR, which differs from one shell, service and user session to the next.
TEMPORARY = Path("/tmp")


def short(home: Path) -> Path:
    """The home by a path that fits every client of a socket: its own one, or a link to it.

    Raises:
        InstallationError: if the link is needed and cannot be made, or is another user's.
    """
    path = os.fsencode(home)
    if len(path + _LONGEST) <= _LIMIT and _PLAIN.fullmatch(path):
        return home
    real, link = os.path.realpath(home), _link_to(home)
    try:
        with contextlib.suppress(FileExistsError):
            link.symlink_to(real)
        # Another user's link could lead to a server that only looks like ours.
        ours = link.lstat().st_uid == os.getuid() and link.is_symlink() and str(link.readlink()) == real
    except OSError as error:
        raise InstallationError(
            f"the path of {home} does not fit a socket, and the link {link} that stands for it cannot be made "
            f"({error.strerror})",
            remedy=f"let NIGHTSHIFT_HOME name a folder whose path has at most {_LIMIT - len(_LONGEST)} plain "
            f"characters, or make {TEMPORARY} writable",
        ) from error
    if not ours:
        raise InstallationError(
            f"{link} is no link of this user to {real}", remedy="remove it, or have its owner remove it"
        )
    return link


def forget(home: Path) -> None:
    """Remove the link of a home whose servers have ended."""
    with contextlib.suppress(OSError):
        _link_to(home).unlink(missing_ok=True)


def _link_to(home: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(os.path.realpath(home))).hexdigest()[:12]
    return TEMPORARY / f"nightshift-{os.getuid()}-{digest}"


def listens(file: Path, spare: Path) -> bool:
    """Whether a server listens; a socket that was removed under it is put back.

    Args:
        file: the socket as its clients know it.
        spare: a second name of the same socket, kept in another folder from the first look on.
    """
    if _connects(file):
        if not same_file(file, spare):
            _hard_link(file, spare)
        return True
    if _connects(spare):
        _hard_link(spare, file)
        return _connects(file)
    return False


def _connects(file: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        # A server that is stopped or overloaded still listens.
        probe.settimeout(1)
        try:
            probe.connect(str(file))
        except (BlockingIOError, TimeoutError):
            return True
        except OSError:
            return False
    return True


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file or folder; false where one of them is not there."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def _hard_link(existing: Path, name: Path) -> None:
    """Give a file one more name, in place of what has it; a file system without hard links does without a spare."""
    new = name.with_name(f".{uuid.uuid4().hex[:8]}")
    with contextlib.suppress(OSError):
        os.link(existing, new)
        new.replace(name)
