"""`up` ends nothing that runs: it finds services by their home, repairs what it can, and says what keeps a task."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nightshift import sockets
from nightshift.errors import NightshiftError
from nightshift.services import control, processes, start, state, stop
from nightshift.services.airflow_env import environment
from nightshift.services.ports import Ports
from nightshift.services.supervisor import Supervisor
from nightshift.settings import Settings
from nightshift.setup import running
from tests.nightshift.supervised import DAG_FILES, Pages

TASK = "flight_delays_nightly.land"


@pytest.fixture
def up(
    home: Settings, pages: Pages, started: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], list[str]]]:
    """`nightshift up` where Airflow's tables are there and its programs sleep; what it says."""
    started()
    ports = Ports.load(home)
    monkeypatch.setattr(Ports, "choose", lambda _: ports)
    monkeypatch.setattr(start, "_migrate", lambda *_: None)

    def run() -> list[str]:
        said: list[str] = []
        start.start(said.append, home)
        return said

    return run


def services(home: Settings) -> running.Finding:
    return next(finding for finding in running.findings(home) if finding.check == "services")


def pids(home: Settings) -> set[int]:
    return {process.pid for process in processes.of_home(home.home)}


def task_of(home: Settings, name: str = TASK) -> subprocess.Popen[bytes]:
    """A process by the title that Airflow gives it while it runs a task."""
    marked = environment(home) | {"NIGHTSHIFT_SERVICE": processes.mark(home.home)}
    title = f"airflow worker -- LocalExecutor: {name}"
    return subprocess.Popen(["bash", "-c", 'exec -a "$0" cat', title], env=marked, stdin=subprocess.PIPE)


def test_a_control_socket_that_was_removed_is_put_back_whatever_tmpdir_says(
    home: Settings, up: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = pids(home)
    assert services(home).result == "ok"
    control.socket_file(home).unlink()
    # A link in /tmp, through which a home of a long path is reached, as well.
    sockets.forget(home.home)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))

    up()
    assert pids(home) == before
    assert services(home).result == "ok"


def test_a_supervisor_that_cannot_be_asked_is_told_and_nothing_is_ended(
    home: Settings, up: Callable[[], list[str]]
) -> None:
    with_task = task_of(home)
    before = pids(home)
    supervisor = next(filter(state.is_supervisor, processes.of_home(home.home)))
    supervisor.send_signal(signal.SIGSTOP)
    assert state.look(home, 0.2).state == "silent", "one that hangs"
    supervisor.send_signal(signal.SIGCONT)
    assert state.look(home).state == "running"

    for name in (control.SOCKET, control.SPARE):
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
    with_task, idle = task_of(home), task_of(home, "<idle>")
    next(filter(state.is_supervisor, processes.of_home(home.home))).kill()
    before = pids(home)
    finding = services(home)
    assert (finding.result, TASK in finding.found) == ("fail", True)
    assert "when that has ended, run `nightshift up`" in finding.remedy
    with pytest.raises(NightshiftError, match=f"and {TASK} with them; nothing was ended"):
        up()
    assert pids(home) == before

    with_task.kill()
    with_task.wait()
    up()
    assert services(home).result == "ok"
    assert pids(home).isdisjoint(before)
    idle.wait(5)


def test_services_of_a_home_that_was_moved_or_of_another_checkout_are_found(
    home: Settings, up: Callable[[], list[str]], tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(home.home)
    assert state.look(home.model_copy(update={"home": link})).state == "running", "one home, spelled in two ways"
    assert state.look(home).found == ""

    other = home.model_copy(update={"project_dir": tmp_path})
    assert f"another checkout, {home.project_dir}" in services(other).found
    assert services(other).result == "warn"

    moved = home.model_copy(update={"home": home.home.rename(tmp_path / "moved")})
    assert str(home.home) in services(moved).found
    with pytest.raises(NightshiftError, match=r"(?s)nothing was ended.*run `nightshift down` and `nightshift up`"):
        start.start(lambda _: None, moved)
    # A copy has the services of none.
    shutil.copytree(moved.home, home.home, ignore=shutil.ignore_patterns("control.*"))
    assert state.look(moved).state == "moved"
    assert stop.stop(lambda _: None, moved) == 7
    assert state.look(moved).state == "stopped"


def test_up_ends_when_the_dags_are_read_and_says_which_cannot_be(
    home: Settings, up: Callable[[], list[str]], pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "_PATIENCE_SECONDS", 0.5)
    read, unread, broken = DAG_FILES[:3], DAG_FILES[3], DAG_FILES[4]
    pages.answers["/api/v2/dags"] = {"dags": [{"dag_id": "x", "fileloc": str(file)} for file in read]}
    pages.answers["/api/v2/importErrors"] = {"import_errors": [{"filename": broken.name}]}
    said = up()
    assert f"Airflow has found no DAG in {unread.name} yet" in said
    assert any(line.startswith(f"Airflow cannot read {broken.name}") for line in said)

    pages.answers["/execution/health"] = 503
    with pytest.raises(NightshiftError, match="until the API server answers"):
        up()


def test_one_up_waits_for_another_and_says_so(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_PATIENCE_SECONDS", 0.2)
    said: list[str] = []
    with start._one_at_a_time(said.append):
        assert said == []
        with pytest.raises(NightshiftError, match="has not ended"), start._one_at_a_time(said.append):
            pass
    assert said == ["waiting for another `nightshift up` of this user to end"]


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
