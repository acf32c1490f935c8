"""How much memory an installation needs at its peak."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from nightshift.home.settings import Settings

SECONDS = 5.0


class PeakMemory:
    """Samples, in the background, the memory that all processes of this home hold together."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is measured before the context is entered."""
        self._settings = settings
        self.peak_bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="peak-memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(SECONDS):
            self.peak_bytes = max(self.peak_bytes, sum(_proportional(process) for process in _of_home(self._settings)))


def _of_home(settings: Settings) -> list[psutil.Process]:
    home = str(settings.home)
    processes = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            belongs = process.environ().get("NIGHTSHIFT_HOME") == home or _is_database(process, settings)
            if belongs:
                processes.append(process)
    return processes


def _is_database(process: psutil.Process, settings: Settings) -> bool:
    """Whether it is the embedded server or one of its backends, which keep no environment."""
    with contextlib.suppress(psutil.Error, OSError):
        return process.name() == "postgres" and Path(process.cwd()) == settings.postgres
    return False


def _proportional(process: psutil.Process) -> int:
    """Proportional set size: pages shared by several processes are counted once between them."""
    with contextlib.suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0
