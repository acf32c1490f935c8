"""The processes of one home: found by a mark in their environment, so that none is missed after a crash."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

from nightshift.variables.table import SERVICE_MARK


def of_home(home: Path) -> list[psutil.Process]:
    """Every live process that the services of this home started, and what those started, whoever owns it now.

    The calling process and the ones above it are never among them.
    """
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    real_home = os.path.realpath(home)
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid in found or not _is_marked(process, real_home):
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


def _is_marked(process: psutil.Process, home: str) -> bool:
    try:
        environment = process.environ()
    except (psutil.Error, OSError):
        return False
    # Resolved: one home may be spelled in two ways, through a link.
    return environment.get(SERVICE_MARK) == "1" and os.path.realpath(environment.get("NIGHTSHIFT_HOME", "/")) == home


def _lives(process: psutil.Process) -> bool:
    try:
        # Without an init that reaps them, ended orphans stay as zombies for good.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
