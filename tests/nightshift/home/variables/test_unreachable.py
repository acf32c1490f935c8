"""A server that does not answer is told in a sentence before anything is written, by whatever command."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nightshift.errors import EXIT_TEMPORARY
from nightshift.home.settings import PROJECT_DIR


@pytest.mark.parametrize(
    "command",
    [
        ("nightshift", "up"),
        ("nightshift", "status"),
        ("spark_jobs.land", "--use-case", "flight_delays", "--dates", "2013-01-01"),
    ],
    ids=lambda command: command[-1],
)
def test_a_database_that_does_not_answer_is_a_sentence(tmp_path: Path, command: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env={
            "PATH": os.environ["PATH"],
            "NIGHTSHIFT_HOME": str(tmp_path / "home"),
            "NIGHTSHIFT_DATABASE_URL": f"postgresql://user:s3%40cret@127.0.0.1:{port}/ledger",
        },
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_DIR,
    )
    assert done.returncode == EXIT_TEMPORARY
    assert "PostgreSQL does not answer: " in done.stderr
    assert "Next: see that it runs" in done.stderr
    assert not [piece for piece in ("Traceback", "s3", "cret") if piece in done.stdout + done.stderr]
    assert not (tmp_path / "home").exists()
