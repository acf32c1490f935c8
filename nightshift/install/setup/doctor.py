"""`nightshift doctor`: what this machine has and lacks, what of nightshift runs, and the remedy for each thing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
import psutil

from nightshift import terminal
from nightshift.home.command_settings import pass_settings
from nightshift.home.home_folder import foreign_entries, is_home
from nightshift.home.settings import Settings
from nightshift.home.variables import entry
from nightshift.home.variables import without_effect as variables
from nightshift.install.setup import jars, java, jvm_class_archive, lock_files
from nightshift.install.setup.doctor_finding import Finding
from nightshift.install.setup.toolchain import Toolchain

DISK_GB = 5
MEMORY_GB = 6
_MARKS = {"ok": ("✔", "green"), "warn": ("!", "yellow"), "fail": ("✘", "red")}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_settings
def doctor(settings: Settings, as_json: bool) -> None:
    """Check this machine, and what of nightshift runs on it; name the remedy for what is wrong.

    It starts nothing. The exit status is 1 when something must be fixed before nightshift can work.
    """
    findings = examine(settings)
    if as_json:
        terminal.echo_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark, colour = _MARKS[finding.result]
            terminal.echo(f"{finding.check:<12} {finding.found}", mark=mark, fg=colour)
            if finding.remedy:
                terminal.echo(f"  {'':<12} → {finding.remedy}")
    if any(finding.result == "fail" for finding in findings):
        sys.exit(1)


def examine(settings: Settings) -> list[Finding]:
    """All findings; a check that breaks is itself a finding that failed."""
    found: list[Finding] = []
    for check in (_python, _environment, _packages, _java, _jars, _archive, _home, _disk, _memory, _running):
        name = check.__name__.strip("_")
        try:
            found.extend(check(settings))
        except OSError as error:
            found.append(Finding(name, "fail", f"could not be checked: {error}", "see that this user may read it"))
        except Exception as error:
            found.append(Finding(name, "fail", f"could not be checked: {error}", "run `make setup`"))
    return found


def _python(_: Settings) -> Iterator[Finding]:
    found = f"{platform.python_version()} at {sys.executable}"
    yield Finding("python", "ok", found)


def _environment(_: Settings) -> Iterator[Finding]:
    names = entry.left_out()
    for name, likely in variables.misspelt(names).items():
        remedy = f"write {likely}" if likely else "see docs/reference/environment.md for the names"
        yield Finding("environment", "warn", f"{name} means nothing and is ignored", remedy)
    for what, remedy in variables.ignored(names):
        yield Finding("environment", "ok", what, remedy)
    if not names:
        yield Finding("environment", "ok", "no variable that another program would react to")


def _packages(settings: Settings) -> Iterator[Finding]:
    lock = settings.project_dir / lock_files.RUNTIME
    pinned = lock_files.pins(lock)
    differing, missing = [], []
    for requirement in _needed(lock):
        try:
            installed = importlib.metadata.version(requirement)
        except importlib.metadata.PackageNotFoundError:
            missing.append(requirement)
            continue
        if all(str(version) != installed for version in pinned[requirement]):
            differing.append(f"{requirement} {installed}")
    wrong = [*(f"{name} is missing" for name in missing), *differing]
    if wrong:
        yield Finding("packages", "fail", f"not as in {lock.name}: {', '.join(wrong[:5])}", "run `make setup`")
    else:
        yield Finding("packages", "ok", f"{len(pinned)} pins of {lock.name} fit")


def _needed(lock: Path) -> list[str]:
    """Names in the lock that this platform installs."""
    from packaging.markers import Marker
    from packaging.utils import canonicalize_name

    names = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if (match := lock_files.PIN.match(line)) and (not match["marker"] or Marker(match["marker"]).evaluate()):
            names.append(str(canonicalize_name(match["name"])))
    return names


def _java(settings: Settings) -> Iterator[Finding]:
    toolchain = Toolchain.load(settings)
    if toolchain is None:
        yield Finding("java", "fail", f"no toolchain in {settings.toolchain_dir}", "run `make setup`")
        return
    found = java.inspect(Path(toolchain.java_home))
    if found is None:
        yield Finding("java", "fail", f"{toolchain.java_home} does not run", "run `make setup`, which chooses another")
    elif found.major not in java.SUPPORTED:
        yield Finding("java", "fail", f"version {found.version}", "set JAVA_HOME to Java 17 or 25, run `make setup`")
    else:
        yield Finding("java", "ok", f"{found.version.split()[0]} at {found.home}")


def _jars(settings: Settings) -> Iterator[Finding]:
    folder = settings.toolchain_dir / "jars"
    wrong = [
        jar.file_name
        for jar in jars.read_lock(settings.project_dir / "jars.lock")
        if not jar.fits(folder / jar.file_name)
    ]
    if wrong:
        yield Finding("jars", "fail", f"{', '.join(wrong)} in {folder}: missing or altered", "run `make setup`")
    else:
        yield Finding("jars", "ok", f"as in jars.lock, in {folder}")


def _archive(settings: Settings) -> Iterator[Finding]:
    toolchain = Toolchain.load(settings)
    if toolchain is None or toolchain.archive is None or not Path(toolchain.archive).is_file():
        yield Finding("archive", "warn", "no class-data archive: Spark jobs start slowly", "run `make setup`")
        return
    found = java.inspect(Path(toolchain.java_home))
    key = jvm_class_archive.archive_key(found, [Path(jar) for jar in toolchain.jars]) if found else None
    if key != toolchain.archive_key:
        yield Finding("archive", "warn", "made for other files: the JVM ignores it", "run `make setup`")
    else:
        yield Finding("archive", "ok", toolchain.archive)


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    above = next(folder for folder in (home, *home.parents) if folder.exists())
    remedy = "let NIGHTSHIFT_HOME name a new or empty folder that you may write to"
    if not above.is_dir():
        yield Finding("home", "fail", f"{above} is no folder", remedy)
    elif not os.access(above, os.W_OK | os.X_OK):
        yield Finding("home", "fail", f"{above} is not writable", remedy)
    elif not is_home(home) and (foreign := foreign_entries(home)):
        found = f"{home} is no nightshift home: it holds {', '.join(foreign[:3])}"
        yield Finding("home", "fail", found, remedy)
    else:
        yield Finding("home", "ok", f"{home}{'' if is_home(home) else ' (new)'}")


def _running(settings: Settings) -> Iterator[Finding]:
    # Imported here: a machine that lacks packages is told so by the checks before.
    from nightshift.install.setup import doctor_running

    yield from doctor_running.findings(settings)


def _disk(settings: Settings) -> Iterator[Finding]:
    above = next(folder for folder in (settings.home, *settings.home.parents) if folder.exists())
    yield _at_least("disk", shutil.disk_usage(above).free / 1e9, DISK_GB, f"free at {above}", "free some disk space")


def _memory(_: Settings) -> Iterator[Finding]:
    limit = _container_limit()
    total = min(psutil.virtual_memory().total, limit or sys.maxsize) / 1e9
    yield _at_least("memory", total, MEMORY_GB, "in all", "give the machine or container more, or expect slow nights")


def _container_limit() -> int | None:
    """Memory limit of this container, in bytes."""
    try:
        return int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _at_least(check: str, has: float, needs: float, what: str, remedy: str) -> Finding:
    found = f"{has:.1f} GB {what}"
    if has >= needs:
        return Finding(check, "ok", found)
    return Finding(check, "fail", f"{found}; {needs} GB are needed", remedy)
