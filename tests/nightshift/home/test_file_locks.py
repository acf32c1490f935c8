"""Locks of the operating system end with their process, and who looks at one holds up nobody."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from nightshift.errors import BusyError
from nightshift.home import file_locks
from nightshift.home.settings import PROJECT_DIR

TAKES = """
import sys
from pathlib import Path
from nightshift.home import file_locks
with file_locks.held(Path(sys.argv[1]), 0, RuntimeError()):
    print("taken", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_seen_by_others_and_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert not file_locks.is_taken(path)
    command = [sys.executable, "-c", TAKES, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "taken\n"
        assert file_locks.is_taken(path)
        assert file_locks.take(path) is None
        with pytest.raises(BusyError, match="it runs"), file_locks.held(path, 0.1, BusyError("it runs")):
            pytest.fail("it is not free")
        other.kill()
    assert not file_locks.is_taken(path)
    with file_locks.held(path, 0, BusyError("it runs")):
        assert file_locks.is_taken(path)


def test_files_are_locked_in_one_module() -> None:
    rooms = ("nightshift", "expectations", "spark_jobs", "training", "scoring", "plugins", "dags", "use_cases")
    locks = [
        path.relative_to(PROJECT_DIR).as_posix()
        for room in rooms
        for path in (PROJECT_DIR / room).rglob("*.py")
        if re.search(r"^\s*(import|from) (fcntl|filelock)\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert locks == ["nightshift/home/file_locks.py"]
