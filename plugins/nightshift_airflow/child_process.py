"""A child process that can never outlive the task that started it (Linux).

A job that goes on after its task was killed could publish a slice that a later attempt has already replaced.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


class Child:
    """One child process, its output and everything that it starts.

    Three things end it, whatever happens to whom: :meth:`end` ends the whole tree; the kernel kills the child when
    the task process dies, also by SIGKILL (a JVM below it then reads the end of its standard input and exits); and
    a watch ends the tree when the supervisor above the task process is gone.
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._supervisor = os.getppid()
        self._was_ended = False
        # What the child leaves behind when it dies becomes ours, so that `end` finds it.
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._others = {process.pid for process in psutil.Process().children()}
        # No session and no process group of its own: Airflow signals the task's whole group.
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            # One system call, which takes no lock that another thread may hold.
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509
        )
        self._finished = threading.Event()
        threading.Thread(target=self._watch, name="child-watch", daemon=True).start()

    def lines(self) -> Iterator[str]:
        """The child's output, line by line as it comes, without line ends; it ends with the child."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield line.rstrip()

    def wait(self) -> int:
        """Exit status of the child, or minus the number of the signal that ended it; its leftovers are ended.

        A child that was ended never counts as a success, whatever it made of the signal.
        """
        status = self._process.wait()
        self._finished.set()
        self.end()
        return -signal.SIGTERM if self._was_ended and status == 0 else status

    def end(self, grace_seconds: float = 3.0) -> None:
        """End the child's whole tree: politely, then by SIGKILL.

        The grace is shorter than the five seconds that Airflow gives a task to end.
        """
        self._was_ended = self._was_ended or self._process.poll() is None
        tree = self._tree()
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        deadline = time.monotonic() + grace_seconds
        # Only Popen may reap the child: whoever else did would take its exit status away.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_seconds)
        below = [process for process in tree if process.pid != self._process.pid]
        _, alive = psutil.wait_procs(below, timeout=max(0.0, deadline - time.monotonic()))
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.kill()

    def _tree(self) -> list[psutil.Process]:
        """The child, what it left behind, and all that is below them."""
        tree = []
        for root in psutil.Process().children():
            if root.pid not in self._others:
                with contextlib.suppress(psutil.NoSuchProcess):
                    tree += [root, *root.children(recursive=True)]
        return tree

    def _watch(self) -> None:
        while not self._finished.wait(1.0):
            # A grandchild that holds our pipe would keep `lines` waiting after the child itself is gone.
            if os.getppid() != self._supervisor or self._process.poll() is not None:
                self.end()
                return


def _die_with(parent: int) -> Callable[[], None]:
    """What the child does before it becomes the command: ask the kernel for SIGKILL when ``parent`` dies."""

    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # The parent may have died before the request.
        if os.getppid() != parent:
            os._exit(1)

    return prepare
