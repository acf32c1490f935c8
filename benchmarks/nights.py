"""Runs stages as a night does, each in a process of its own, and measures what they take; used by two benchmarks."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nightshift.dates import BatchDates
from nightshift.home import postgres_server
from nightshift.home.settings import get_settings
from nightshift.models.resolve_version import AS_OF
from nightshift.stages import SCORE, arguments

USE_CASE = "flight_delays"


@dataclass(frozen=True)
class BytesRead:
    """How much was read of some files."""

    files: int
    bytes: int


@dataclass(frozen=True)
class Cost:
    """What some stages took: wall-clock seconds, and the files of the lake that they read: rows, and Delta's logs."""

    seconds: float
    rows: BytesRead
    logs: BytesRead


@contextmanager
def home_of_its_own() -> Iterator[None]:
    """A NIGHTSHIFT_HOME that goes when the benchmark does."""
    with tempfile.TemporaryDirectory(prefix="nightshift-benchmark-") as home:
        os.environ["NIGHTSHIFT_HOME"] = home
        get_settings.cache_clear()
        try:
            yield
        finally:
            postgres_server.stop(get_settings())


def deliver(dates: BatchDates) -> None:
    """Have the sample source play the upstream systems."""
    run(["nightshift", "deliver-sample", USE_CASE, "--dates", str(dates), "--quiet"])


def run_stages(stages: Iterable[str], dates: BatchDates, model: str = AS_OF) -> Cost:
    """Run stages one after the other, and look which files of the lake they read.

    Reading is seen by the files' times of last access, which are set back before; on a file system that is mounted
    without them (`noatime`) no file would seem to be read.
    """
    files = [path for path in get_settings().lake.path.rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, (0, path.stat().st_mtime))
    started = time.monotonic()
    for stage in stages:
        run(arguments(stage, USE_CASE, dates, *(("--model", model) if stage == SCORE else ())))
    seconds = time.monotonic() - started
    read = [path for path in files if path.exists() and path.stat().st_atime > 0]
    logs = [path for path in read if path.parent.name == "_delta_log"]
    return Cost(seconds, _read(path for path in read if path.parent.name != "_delta_log"), _read(logs))


def _read(files: Iterable[Path]) -> BytesRead:
    sizes = [path.stat().st_size for path in files]
    return BytesRead(len(sizes), sum(sizes))


def run(command: Sequence[str]) -> None:
    """Run a module of the project to its end; what it prints is shown only where it fails."""
    made = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
    if made.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{made.stdout[-3000:]}{made.stderr[-3000:]}")


def lake_bytes() -> int:
    """Size of the whole lake."""
    return sum(path.stat().st_size for path in get_settings().lake.path.rglob("*.parquet"))
