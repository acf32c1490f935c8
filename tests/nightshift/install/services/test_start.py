"""`up` ends nothing that runs: it finds services by their home, repairs what it can, and says what keeps a task."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nightshift.errors import NightshiftError
from nightshift.home import sockets
from nightshift.home.settings import Settings
from nightshift.install.services import (
    home_processes,
    housekeeping,
    ready,
    service_state,
    start,
    stop,
    supervisor_client,
)
from nightshift.install.services.airflow_env import environment
from nightshift.install.services.ports import Ports
from nightshift.install.services.supervisor import Supervisor, log_of
from nightshift.install.setup import doctor_running
from tests.nightshift.supervised import DAG_FILES, Pages

TASK = "spark_jobs.land --use-case flight_delays --dates 2013-08-03"


@pytest.fixture
def up(
    home: Settings, pages: Pages, started: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], list[str]]]:
    """`nightshift up` where Airflow's tables are there and its programs sleep; what it says."""
    started()
    ports = Ports.load(home)
    monkeypatch.setattr(Ports, "choose", lambda _: ports)
    monkeypatch.setattr(start, "_migrate", lambda *_: None)
    # Other tests start whole installations meanwhile.
    monkeypatch.setattr(start, "PORTS_LOCK", home.run / "ports.lock")

    def run() -> list[str]:
        said: list[str] = []
        start.start(said.append, home)
        return said

    return run


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def services(home: Settings) -> doctor_running.Finding:
    return next(finding for finding in doctor_running.findings(home) if finding.check == "services")


def pids(home: Settings) -> set[int]:
    return {process.pid for process in home_processes.of_home(home.home)}


def worker(home: Settings, task: str, *job: str) -> subprocess.Popen[str]:
    """A process of Airflow's executor with a task, or with none, in the words of its title; it lives while we do."""
    marked = environment(home) | {"NIGHTSHIFT_SERVICE": home_processes.home_mark(home.home)}
    code = (
        "import setproctitle, subprocess, sys; setproctitle.setproctitle(sys.argv[1]); print(flush=True); "
        "subprocess.run(['bash', '-c', 'read', *sys.argv[2:]])"
    )
    command = [sys.executable, "-c", code, f"airflow worker -- LocalExecutor: {task}", *job]
    started = subprocess.Popen(command, env=marked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    started.stdout.readline()
    return started


def test_a_control_socket_that_was_removed_is_put_back_whatever_tmpdir_says(
    home: Settings, up: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = pids(home)
    assert services(home).result == "ok"
    supervisor_client.socket_file(home).unlink()
    # A link in /tmp, through which a home of a long path is reached, as well.
    sockets.forget(home.home)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))

    up()
    assert pids(home) == before
    assert services(home).result == "ok"


def test_a_supervisor_that_cannot_be_asked_is_told_and_nothing_is_ended(
    home: Settings, up: Callable[[], list[str]]
) -> None:
    with_task = worker(home, "01a22ceb-c50e")
    assert service_state.look(home).tasks == ("a task of Airflow",)
    with_task.communicate()
    with_task = worker(home, "01a22ceb-c50e", "-m", *TASK.split(), "--run-id", "x")
    until(lambda: service_state.look(home).tasks == (TASK,))
    before = pids(home)
    supervisor = next(filter(service_state.is_supervisor, home_processes.of_home(home.home)))
    supervisor.send_signal(signal.SIGSTOP)
    assert service_state.look(home, 0.2).state == "silent", "one that hangs"
    supervisor.send_signal(signal.SIGCONT)
    assert service_state.look(home).state == "running"

    for name in (supervisor_client.SOCKET, supervisor_client.SPARE):
        (home.run / name).unlink()
    finding = services(home)
    assert finding.result == "fail"
    assert f"process {supervisor.pid}" in finding.found
    assert TASK in finding.found
    assert "when no task runs, run `nightshift down`" in finding.remedy
    with pytest.raises(NightshiftError, match=r"(?s)does not answer.*nothing was ended.*when no task runs"):
        up()
    assert pids(home) == before

    stop.stop(lambda _: None, home)
    assert pids(home) == set()
    with_task.wait(5)


def test_services_whose_supervisor_was_killed_are_started_again_when_no_task_runs(
    home: Settings, up: Callable[[], list[str]]
) -> None:
    with_task, idle = worker(home, "01a22ceb-c50e", "-m", *TASK.split()), worker(home, "<idle>")
    until(lambda: service_state.look(home).tasks == (TASK,))
    supervisor = next(filter(service_state.is_supervisor, home_processes.of_home(home.home)))
    supervisor.kill()
    supervisor.wait(10)
    before = pids(home)
    finding = services(home)
    assert (finding.result, TASK in finding.found) == ("fail", True)
    assert "when that has ended, run `nightshift up`" in finding.remedy
    with pytest.raises(NightshiftError, match=f"and {TASK} with them; nothing was ended"):
        up()
    assert pids(home) == before

    with_task.communicate()
    with ThreadPoolExecutor(2) as two:
        list(two.map(lambda _: up(), range(2)))
    assert services(home).result == "ok"
    assert pids(home).isdisjoint(before)
    assert len([*filter(service_state.is_supervisor, home_processes.of_home(home.home))]) == 1
    idle.wait(5)


def test_services_of_a_home_that_was_moved_or_of_another_checkout_are_found(
    home: Settings, up: Callable[[], list[str]], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    link = tmp_path / "link"
    link.symlink_to(home.home)
    assert service_state.look(home.model_copy(update={"home": link})).state == "running", (
        "one home, spelled in two ways"
    )
    assert service_state.look(home).found == ""

    other = home.model_copy(update={"project_dir": tmp_path})
    assert f"another checkout, {home.project_dir}" in services(other).found
    assert services(other).result == "warn"

    # By a name that shells and configuration files would read as theirs.
    moved = home.model_copy(update={"home": home.home.rename(tmp_path / "it's a $HOME naïve")})
    request.addfinalizer(lambda: stop.stop(lambda _: None, moved))
    assert str(home.home) in services(moved).found
    with pytest.raises(NightshiftError, match=r"(?s)nothing was ended.*run `nightshift down` and `nightshift up`"):
        start.start(lambda _: None, moved)
    # A copy has the services of none.
    shutil.copytree(moved.home, home.home, ignore=shutil.ignore_patterns("control.*"))
    assert service_state.look(moved).state == "moved"
    assert stop.stop(lambda _: None, moved) == 8
    assert service_state.look(moved).state == "stopped"
    assert start.start(lambda _: None, moved).password
    assert service_state.look(moved).state == "running"
    assert stop.stop(lambda _: None, moved) == 8


def test_a_service_outlives_its_supervisor_and_its_log_stays_small(
    home: Settings, started: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "LOG_BYTES", 30)
    started(scheduler="while sleep 0.1; do echo one line; done")
    log = log_of(home, "scheduler")
    until(lambda: log.is_file() and log.read_text().count("one line") > 3)
    supervisor = next(filter(service_state.is_supervisor, home_processes.of_home(home.home)))
    supervisor.kill()
    supervisor.wait(10)
    before = log.read_text().count("one line")
    until(lambda: log.read_text().count("one line") > before + 3)

    supervisor_client.socket_file(home).unlink()
    sockets.forget(home.home)
    housekeeping.look(home)
    assert "one line" in log.with_suffix(".log.1").read_text()
    assert log.stat().st_size < 30
    until(lambda: "one line" in log.read_text())


def test_up_ends_when_the_dags_are_read_and_says_which_cannot_be(
    home: Settings, up: Callable[[], list[str]], pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (start, ready):
        monkeypatch.setattr(module, "READY_SECONDS", 0.5)
    read, unread, broken = DAG_FILES[:3], DAG_FILES[3], DAG_FILES[4]
    pages.answers["/api/v2/dags"] = {"dags": [{"dag_id": "x", "fileloc": str(file)} for file in read]}
    pages.answers["/api/v2/importErrors"] = {"import_errors": [{"filename": broken.name}]}
    said = up()
    assert f"Airflow has found no DAG in {unread.name} yet" in said
    assert any(line.startswith(f"Airflow cannot read {broken.name}") for line in said)
    # What a DAG file makes of broken use cases is not waited for where none is broken.
    assert not any("broken_use_cases.py" in line for line in said)

    pages.answers["/execution/health"] = 503
    with pytest.raises(NightshiftError, match="until the API server answers"):
        up()


def test_one_up_waits_for_another_and_says_so(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "READY_SECONDS", 0.2)
    monkeypatch.setattr(start, "PORTS_LOCK", home.home.with_name("ports.lock"))
    said: list[str] = []
    with start._one_at_a_time(said.append):
        assert said == []
        with pytest.raises(NightshiftError, match="has not ended"), start._one_at_a_time(said.append):
            pass
    assert said == ["waiting for another `nightshift up` of this user to end"]
    monkeypatch.setattr(start, "PORTS_LOCK", home.home.parent)
    with pytest.raises(NightshiftError, match="cannot be opened"), start._one_at_a_time(said.append):
        pass


def test_what_stands_in_the_place_of_the_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "TEMPORARY", tmp_path)
    home = tmp_path / ("long" * 30)
    home.mkdir()
    link = sockets.short(home)
    assert link.samefile(home)
    link.unlink()
    link.symlink_to("/")
    with pytest.raises(NightshiftError, match=f"{link} is no link of this user"):
        sockets.short(home)
    monkeypatch.setattr(sockets, "TEMPORARY", tmp_path / "missing")
    with pytest.raises(NightshiftError, match=r"at most \d+ plain characters"):
        sockets.short(home)
