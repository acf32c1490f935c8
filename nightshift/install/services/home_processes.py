"""The processes of one home: found by a mark in their environment, so that none is missed after a crash."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

from nightshift.home.variables.known_variables import SERVICE_MARK


def home_mark(home: Path) -> str:
    """What the services of a home carry in their environment: the folder itself, which keeps this when it is moved."""
    stat = home.stat()
    return f"{stat.st_dev}:{stat.st_ino}"


def of_home(home: Path) -> list[psutil.Process]:
    """Every live process that the services of this home started, and what those started, whoever owns it now.

    The calling process and the ones above it are never among them.
    """
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    marks = {home_mark(home)} if home.is_dir() else set()
    real_home = os.path.realpath(home)
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid in found or not _is_marked(process, real_home, marks):
            continue
        found[process.pid] = process
        with contextlib.suppress(psutil.Error):
            found |= {child.pid: child for child in process.children(recursive=True)}
    return [process for pid, process in found.items() if pid not in spared and _lives(process)]


def end(home: Path, grace_seconds: float) -> int:
    """End every process of a home: ask, wait, kill, until none is left; the number that had to be ended.

    Processes may start others while they end, so it looks again after each round.
    """
    ended: set[int] = set()
    grace = grace_seconds
    for _ in range(10):
        processes = of_home(home)
        if not processes:
            break
        ended |= {process.pid for process in processes}
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate() if grace else process.kill()
        wait_gone(processes, grace or 5)
        grace = 0
    return len(ended)


def wait_gone(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until processes end; those that still live afterwards."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    return [process for process in alive if _lives(process)]


def variable(process: psutil.Process, name: str) -> str:
    """A variable of a process's environment; empty where it has ended or may not be looked at."""
    try:
        return process.environ().get(name, "")
    except (psutil.Error, OSError):
        return ""


def _is_marked(process: psutil.Process, home: str, marks: set[str]) -> bool:
    if not (carried := variable(process, SERVICE_MARK)):
        return False
    # Resolved: one home may be spelled in two ways, through a link. By its path, too: it may have been removed.
    return carried in marks or os.path.realpath(variable(process, "NIGHTSHIFT_HOME") or "/") == home


def _lives(process: psutil.Process) -> bool:
    try:
        # Without an init that reaps them, ended orphans stay as zombies for good.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
