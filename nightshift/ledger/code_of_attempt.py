"""Which version of the code an attempt ran with."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

from nightshift.home.settings import PROJECT_DIR

# The image has no Git folder: its build leaves the version of its checkout in this file.
BAKED = ".code-version"
UNKNOWN_CODE, CHANGES = "unknown", "+changes"


@functools.cache
def code_version(project: Path = PROJECT_DIR) -> str:
    """Commit of the checkout, with ``+changes`` when files differ from it; ``unknown`` without Git and image."""

    def git(*arguments: str) -> str:
        # A checkout that another user made, as in a container, is the one that was asked for.
        command = ["git", "-c", "safe.directory=*", "-C", str(project), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        return f"{commit}{CHANGES}" if git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.CalledProcessError):
        return version_in(str(project / BAKED)) or UNKNOWN_CODE


def version_in(file: str) -> str:
    """What an image's build left in a file; empty where there is none."""
    return Path(file).read_text(encoding="utf-8").strip() if Path(file).is_file() else ""
