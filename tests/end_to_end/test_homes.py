"""The embedded services of two homes side by side: started together, crashed, fixed, ended.

In `make test` one installation serves all of this folder; its services are looked at in `test_services.py`, and what
tells the processes, ports and databases of two homes apart in `tests/nightshift/install/services` and
`test_postgres_server.py`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import psutil
import pytest

from nightshift.home import postgres_server
from nightshift.home.settings import PROJECT_DIR, Settings
from nightshift.home.variables.known_variables import SERVICE_MARK
from nightshift.install.services import home_processes, service_state
from nightshift.install.services.airflow_api import AirflowApi
from nightshift.install.services.airflow_env import connection_info
from nightshift.install.services.ports import Ports
from tests.end_to_end.station import until
from tests.end_to_end.test_services import HEALTHY

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(1500)]


def _command(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "NIGHTSHIFT_DATABASE_URL"}
    return subprocess.Popen(
        [sys.executable, "-m", "nightshift", *arguments],
        env=environment | {"NIGHTSHIFT_HOME": str(settings.home)},
        cwd=PROJECT_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _done(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    return output


@pytest.fixture
def two_homes() -> Iterator[list[Settings]]:
    root = Path(tempfile.mkdtemp(prefix="ns-two-"))
    homes = [Settings(home=root / "a"), Settings(home=root / "b")]
    yield homes
    for settings in homes:
        _done(_command(settings, "clean", "--yes"))
    shutil.rmtree(root)


def _components(settings: Settings) -> list[str]:
    lines = [" ".join(process.cmdline()) for process in home_processes.of_home(settings.home)]
    return [part for line in lines for part in ("scheduler --", "triggerer --", "dag-processor") if part in line]


def _health(settings: Settings) -> dict[str, str]:
    with AirflowApi(connection_info(settings)) as api:
        return api.health()


def test_two_homes_start_together_survive_crashes_and_end_alone(two_homes):
    first, second = two_homes
    outputs = [_done(started) for started in [_command(first, "up"), _command(second, "up")]]

    ports = [Ports.load(settings) for settings in two_homes]
    assert len({port for chosen in ports for port in astuple(chosen)}) == 6
    for settings, output in zip(two_homes, outputs, strict=True):
        assert _health(settings) == HEALTHY
        connection = connection_info(settings)
        assert connection.base_url in output
        with AirflowApi(connection) as api:
            pools = {pool["name"]: pool["slots"] for pool in api.call("GET", "pools")["pools"]}
            assert pools["lake_flight_delays"] == 1
    listening = [
        item.laddr.ip
        for settings in two_homes
        for process in home_processes.of_home(settings.home)
        for item in process.net_connections("tcp")
        if item.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}

    before = sorted(_components(first))
    _done(_command(first, "up"))
    assert sorted(_components(first)) == before, "started a second time, nothing runs twice"

    # The supervisor is killed: its children live on without it, until the next start, when no task runs, ends them.
    until(lambda: not service_state.look(first).tasks, 120)
    os.kill(int((first.run / "supervisord.pid").read_text()), signal.SIGKILL)
    _done(_command(first, "up"))
    assert _health(first) == HEALTHY
    assert Ports.load(first) == ports[0]
    assert sum(part.startswith("scheduler") for part in _components(first)) == 1

    # Killed again, and a child of a task has cut every tie but its environment.
    orphan = subprocess.Popen(
        ["sleep", "600"], env={"NIGHTSHIFT_HOME": str(first.home), SERVICE_MARK: "1"}, start_new_session=True
    )
    os.kill(int((first.run / "supervisord.pid").read_text()), signal.SIGKILL)
    _done(_command(first, "down"))
    assert orphan.wait(5) != 0
    assert home_processes.of_home(first.home) == []
    assert postgres_server.running(first) is None
    assert _health(second) == HEALTHY, "another home's services are left alone"
    assert "Nothing was running" in _done(_command(first, "down"))
