"""Which processes `nightshift down` ends: all of this home's, and no other."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from nightshift.home.variables.known_variables import SERVICE_MARK
from nightshift.install.services import home_processes

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)
ORPHANING = (
    "import os, subprocess, sys; "
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True, "
    "stdout=subprocess.DEVNULL); print(child.pid, flush=True)"
)


@pytest.fixture
def start(tmp_path):
    started = []

    def run(code, home, mark="1"):
        environment = os.environ | {"NIGHTSHIFT_HOME": str(home), SERVICE_MARK: mark}
        process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_only_marked_processes_of_this_home_are_ended(tmp_path, start):
    mine = start("import time; time.sleep(60)", tmp_path / "mine")
    others = start("import time; time.sleep(60)", tmp_path / "other")
    by_hand = start("import time; time.sleep(60)", tmp_path / "mine", mark="")

    assert home_processes.end(tmp_path / "mine", grace_seconds=5) == 1

    assert not psutil.pid_exists(mine.pid)
    assert others.poll() is None
    assert by_hand.poll() is None, "a job that a person runs in a shell is not a service"


def test_one_that_ignores_the_request_is_killed(tmp_path, start):
    process = start(STUBBORN, tmp_path)
    assert process.stdout.readline() == "ready\n"
    began = time.monotonic()
    assert home_processes.end(tmp_path, grace_seconds=1) == 1
    assert not psutil.pid_exists(process.pid)
    assert time.monotonic() - began < 10


def test_an_orphan_in_a_session_of_its_own_is_found(tmp_path, start):
    parent = start(ORPHANING, tmp_path)
    orphan = psutil.Process(int(parent.stdout.readline()))
    parent.wait(10)
    assert [process.pid for process in home_processes.of_home(tmp_path)] == [orphan.pid]
    home_processes.end(tmp_path, grace_seconds=5)
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE


def test_a_home_spelled_through_a_link_is_the_same_home(tmp_path, start):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    process = start("import time; time.sleep(60)", tmp_path / "link")
    assert [found.pid for found in home_processes.of_home(tmp_path / "real")] == [process.pid]


def test_the_caller_is_spared(tmp_path):
    code = (
        "from nightshift.install.services import home_processes; from pathlib import Path; "
        f"print(home_processes.end(Path({str(tmp_path)!r}), 1))"
    )
    environment = os.environ | {"NIGHTSHIFT_HOME": str(tmp_path), SERVICE_MARK: "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
