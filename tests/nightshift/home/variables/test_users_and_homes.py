"""Users and homes as they come: what works, works; what can't is refused before anything is written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nightshift.errors import EXIT_FINAL
from nightshift.home.settings import PROJECT_DIR

AS_NOBODY = ("unshare", "--map-user=54321", "--map-group=54321")


def _run(home: Path, *command: str, before: tuple[str, ...] = (), umask: int = -1) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-m", *command],
        # Not even HOME.
        env={"PATH": os.environ["PATH"], "NIGHTSHIFT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_DIR,
        umask=umask,
    )


def _has_namespaces() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run([*AS_NOBODY, "true"], check=False).returncode == 0


@pytest.mark.parametrize(
    "command", [("nightshift", "up"), ("spark_jobs.land", "--use-case", "flight_delays", "--dates", "2013-01-01")]
)
def test_a_user_without_a_name_is_refused_before_anything_is_written(tmp_path: Path, command: tuple[str, ...]) -> None:
    if not _has_namespaces():
        pytest.skip("this system lets nobody be another user")
    done = _run(tmp_path / "home", *command, before=AS_NOBODY)
    assert done.returncode == EXIT_FINAL
    assert "the user id 54321 has no name in this system" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists()


def test_an_odd_home_works_for_a_user_who_lets_nobody_read(tmp_path: Path) -> None:
    home = tmp_path / "it's München; $HOME"
    try:
        done = _run(home, "nightshift", "status", umask=0o077)
        assert done.returncode == 0, done.stderr
        assert "the ledger has no entry yet" in done.stdout + done.stderr
    finally:
        _run(home, "nightshift", "clean", "--yes")
    assert not home.exists()
