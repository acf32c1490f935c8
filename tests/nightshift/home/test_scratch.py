"""Folders that are gone with their process, also where it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nightshift.home import scratch
from nightshift.spark_session import _take_local_folder

TAKES = """
import sys
from pathlib import Path
from nightshift.home import scratch
folder = scratch.take(Path(sys.argv[1]))
folder.mkdir()
(folder / "rows").write_text("ada@example.org")
print(folder, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path: Path):
    """Another process that has a folder, and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", TAKES, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.wait()


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_has_is_not(other, tmp_path: Path) -> None:
    process, folder = other
    mine = scratch.take(tmp_path)
    mine.mkdir()
    assert scratch.sweep(tmp_path) == []
    assert (folder / "rows").is_file()

    process.send_signal(signal.SIGKILL)
    process.wait()

    assert scratch.sweep(tmp_path) == [folder]
    assert {path for path in tmp_path.iterdir() if path.is_dir()} == {mine}
    scratch.discard(mine)
    assert list(tmp_path.iterdir()) == []


def test_a_session_shuffles_in_a_folder_of_its_own_and_removes_those_of_the_dead(
    other, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, folder = other
    monkeypatch.setenv("SPARK_LOCAL_DIRS", "/given")
    process.kill()
    process.wait()
    _take_local_folder(tmp_path)
    assert not folder.exists()
    assert not list(tmp_path.iterdir()), "whoever gives a place keeps it"

    monkeypatch.delenv("SPARK_LOCAL_DIRS")
    _take_local_folder(tmp_path)
    mine = Path(os.environ["SPARK_LOCAL_DIRS"])
    assert mine.parent == tmp_path
    assert scratch.sweep(tmp_path) == [], "it is held while this process lives"
    scratch.discard(mine)
