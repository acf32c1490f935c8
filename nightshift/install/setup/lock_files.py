"""Whether the lock files fit `pyproject.toml`, without a network: ``python -m nightshift.install.setup.lock_files``."""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.install.setup.jars import read_lock

# What runs, without what only tests and checks need: the packages of the image.
RUNTIME = "requirements-runtime.lock"
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$")


def main() -> int:
    """Print what does not fit; the exit status is 1 when anything does not."""
    folder = get_settings().project_dir
    whole, runtime = folder / "requirements.lock", folder / RUNTIME
    faults = [
        *unmet(folder / "pyproject.toml", whole, groups=("dev",)),
        *unmet(folder / "pyproject.toml", runtime),
        *untrusted(whole),
        *untrusted(runtime),
        *untrusted(folder / "requirements-java.lock"),
        *pins_that_differ(runtime, whole),
        *jars_that_differ(folder / "jars.lock", whole),
    ]
    for fault in faults:
        print(fault)
    if faults:
        print("Run `make lock` and commit what it writes.")
    return 1 if faults else 0


def pins(lock: Path) -> dict[str, list[Version]]:
    """Pinned versions per package; several where they depend on the platform."""
    found: dict[str, list[Version]] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if match := PIN.match(line):
            found.setdefault(canonicalize_name(match["name"]), []).append(Version(match["version"]))
    return found


def unmet(project: Path, lock: Path, groups: Sequence[str] = ()) -> list[str]:
    """Requirements of the project and of dependency groups that no pin of the lock satisfies."""
    declared = tomllib.loads(project.read_text(encoding="utf-8"))
    pinned = pins(lock)
    asked = [
        *declared["project"]["dependencies"],
        *(text for group in groups for text in declared["dependency-groups"][group]),
    ]
    return [
        f"{lock.name}: nothing in it satisfies {text!r} of {project.name}"
        for text in asked
        if not any(
            Requirement(text).specifier.contains(version, prereleases=True)
            for version in pinned.get(canonicalize_name(Requirement(text).name), ())
        )
    ]


def untrusted(lock: Path) -> list[str]:
    """Lines that a lock must not have: pins without a digest, addresses, options."""
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    faults = [f"{lock.name}: not a pin or a digest: {line}" for line in lines if "://" in line or line.startswith("-")]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if PIN.match(line) and not following.strip().startswith("--hash=sha256:"):
            faults.append(f"{lock.name}: no digest for {line}")
    return faults


def pins_that_differ(part: Path, whole: Path) -> list[str]:
    """Pins that are not those of the whole lock, which is what the tests ran with."""
    tested = pins(whole)
    return [
        f"{part.name}: {name} {', '.join(map(str, versions))} is not as in {whole.name}"
        for name, versions in pins(part).items()
        if tested.get(name) != versions
    ]


def jars_that_differ(jars: Path, lock: Path) -> list[str]:
    """JARs of Delta whose version is not that of the Python package, which speaks to them."""
    try:
        wanted = {str(version) for version in pins(lock).get("delta-spark", [])}
        of_delta = [jar for jar in read_lock(jars) if jar.group == "io.delta"]
        return [f"{jars.name}: {jar.coordinates} is not {wanted}" for jar in of_delta if jar.version not in wanted]
    except NightshiftError as error:
        return [str(error)]


if __name__ == "__main__":
    sys.exit(main())
