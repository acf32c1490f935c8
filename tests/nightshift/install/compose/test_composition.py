"""What `make compose-up` says before it starts anything; Docker, which not every machine has, is played by a script."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nightshift.home.settings import PROJECT_DIR
from tests.servers import free_port

DOCKER = """#!{python} -ISS
import json, os, sys
answers = json.load(open({file!r}))
asked = " ".join(sys.argv[1:])
known = str(os.environ) + open(".env").read()
if asked.startswith("compose ") and "version" not in asked and "NIGHTSHIFT_UID" not in known:
    sys.exit("NIGHTSHIFT_UID is missing in .env")
with open({log!r}, "a") as log:
    print(asked, *([sys.stdin.read()] if asked.endswith("restore -") else []), file=log)
for asked, (status, text) in answers.items():
    if " ".join(sys.argv[1:]).startswith(asked):
        (sys.stderr if status else sys.stdout).write(text)
        sys.exit(status)
"""
ENGINE = {"MemTotal": 8 * 2**30, "DockerRootDir": "/"}


class Machine:
    """A checkout with what `make compose-up` needs, and a Docker that answers as it is told."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "checkout"
        self.answers: dict[str, tuple[int, str]] = {
            "info": (0, json.dumps(ENGINE)),
            "compose version": (0, "2.20.0\n"),
            "volume inspect": (1, "no such volume"),
        }
        self.project.mkdir()
        # Neither it nor what it imports may need a package.
        for module in (
            "nightshift/__init__.py",
            "nightshift/install/__init__.py",
            "nightshift/install/setup/__init__.py",
            "nightshift/install/setup/secret_files.py",
        ):
            (self.project / module).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT_DIR / module, self.project / module)
        shutil.copytree(PROJECT_DIR / "nightshift/install/compose", self.project / "nightshift/install/compose")
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.log = folder / "docker.log"
        self.log.touch()
        for name in ("make", "docker"):
            program = self.programs / name
            said = {"python": sys.executable, "file": str(folder / "answers.json"), "log": str(self.log)}
            program.write_text(DOCKER.format(**said))
            program.chmod(0o755)
        self.set(**{f"NIGHTSHIFT_{name}_PORT": free_port() for name in ("AIRFLOW", "MLFLOW", "PAGES", "SPARK")})

    def set(self, **variables: Any) -> None:
        with (self.project / ".env").open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in variables.items())

    def runs(self, *services: dict[str, str]) -> None:
        """Let the engine have containers."""
        self.answers["ps"] = (0, "".join(f"{json.dumps(each)}\n" for each in services))

    def compose(self, *action: str) -> subprocess.CompletedProcess[str]:
        (self.log.parent / "answers.json").write_text(json.dumps(self.answers))
        command = [sys.executable, "-E", "-s", "-S", "-m", "nightshift.install.compose", *action]
        environment = {"PATH": str(self.programs)}
        return subprocess.run(command, env=environment, cwd=self.project, capture_output=True, text=True, check=False)

    def refusal(self, *action: str) -> str:
        done = self.compose(*(action or ("up",)))
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        assert "up --detach" not in self.log.read_text(), "nothing was started"
        return done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_secrets_then_the_image_then_the_services(machine: Machine) -> None:
    done = machine.compose("up")
    assert done.returncode == 0, done.stderr
    assert (machine.project / "secrets" / "admin_password").is_file()
    asked = machine.log.read_text().splitlines()
    started = asked.index("compose up --detach --wait --wait-timeout 600")
    assert asked.index("--no-print-directory image") < started
    assert "user admin, password in secrets/admin_password" in done.stdout


@pytest.mark.parametrize(
    ("asked", "status", "text", "said"),
    [
        ("info", 1, "Cannot connect to the Docker daemon", "Docker does not answer: Cannot connect"),
        ("info", 0, json.dumps(ENGINE | {"MemTotal": 2 * 2**30}), "Docker has 2.0 GB of memory"),
        ("compose version", 1, "unknown command", "Docker has no Compose plugin"),
        ("compose version", 0, "v2.17.3", "this is Docker Compose v2.17.3"),
        ("volume inspect", 0, "[]", "has a database that only the old passwords open"),
        ("ps", 1, "permission denied", "Docker does not say what runs: permission denied"),
    ],
)
def test_what_is_missing_is_said_with_a_remedy(machine: Machine, asked: str, status: int, text: str, said: str) -> None:
    machine.answers[asked] = (status, text)
    told = machine.refusal()
    assert said in told
    assert "Remedy: " in told


def test_without_docker_it_names_what_needs_none(machine: Machine) -> None:
    (machine.programs / "docker").unlink()
    told = machine.refusal()
    assert "there is no docker here" in told
    assert "make demo" in told


def test_a_port_in_use_and_one_that_is_none_are_named(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        machine.set(NIGHTSHIFT_MLFLOW_PORT=port)
        told = machine.refusal()
    assert f"port {port} of 127.0.0.1 can't be used: Address already in use" in told
    assert "NIGHTSHIFT_MLFLOW_PORT=" in told
    machine.set(NIGHTSHIFT_MLFLOW_PORT="many")
    assert "NIGHTSHIFT_MLFLOW_PORT is 'many'" in machine.refusal()


@pytest.mark.parametrize("action", ["up", "down", "clean", "backup all.tar", "restore all.tar"])
def test_the_containers_of_another_checkout_are_left_alone(machine: Machine, action: str) -> None:
    machine.runs({"State": "exited", "Status": "Exited (0)", "Service": "mlflow", "Folder": "/srv/other"})
    assert "there are containers of nightshift in /srv/other" in machine.refusal(*action.split())
    assert "down" not in machine.log.read_text()


def test_its_own_behind_a_link_are_its_own_and_keep_their_ports(machine: Machine) -> None:
    link = machine.project.with_name("link")
    link.symlink_to(machine.project)
    machine.runs({"State": "running", "Status": "Up (healthy)", "Service": "mlflow", "Folder": str(link)})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        machine.set(NIGHTSHIFT_MLFLOW_PORT=taken.getsockname()[1])
        assert machine.compose("up").returncode == 0


def test_a_service_that_failed_is_shown_with_its_last_lines_and_not_those_that_wait_for_it(machine: Machine) -> None:
    machine.runs(
        {"State": "exited", "Status": "Exited (65) 2 seconds ago", "Service": "init", "Folder": ""},
        {"State": "created", "Status": "Created", "Service": "api-server", "Folder": ""},
    )
    machine.answers["compose up"] = (1, "dependency failed to start")
    machine.answers["compose logs"] = (0, "init: the secret admin_password is missing")
    done = machine.compose("up")
    assert done.returncode == 1
    assert "init: Exited (65)" in done.stderr
    assert "the secret admin_password is missing" in done.stderr
    assert "api-server" not in done.stderr


def test_a_user_that_is_root_is_refused(machine: Machine) -> None:
    machine.set(NIGHTSHIFT_UID=0)
    assert "NIGHTSHIFT_UID is 0" in machine.refusal()


def test_what_runs_can_be_ended_without_secrets(machine: Machine) -> None:
    assert machine.compose("down").returncode == 0
    assert machine.compose("clean").returncode == 0
    asked = machine.log.read_text()
    assert "compose rm --stop --force --volumes spark-worker\n" in asked
    assert "compose --profile tools down --remove-orphans\n" in asked
    assert "compose --profile tools down --remove-orphans --volumes\n" in asked


def test_a_demo_of_nothing_is_refused(machine: Machine) -> None:
    assert "nothing runs" in machine.refusal("demo")


def test_a_backup_is_made_while_postgresql_alone_runs(machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "all.tar"
    machine.answers["compose run"] = (0, "all of it")
    done = machine.compose("backup", str(file))
    assert done.returncode == 0, done.stderr
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("all of it", 0o600)
    asked = machine.log.read_text().splitlines()
    backup = asked.index("compose run --rm -T --no-deps init python -m nightshift backup -")
    assert asked.index("compose up --detach --wait postgres") < backup
    assert "compose --profile tools down --remove-orphans" in asked[backup:]
    machine.log.write_text("")
    assert "is there already" in machine.refusal("backup", str(file))


def test_a_backup_that_fails_leaves_no_file(machine: Machine, tmp_path: Path) -> None:
    machine.answers["compose run"] = (65, "nightshift: pg_dump failed")
    done = machine.compose("backup", str(tmp_path / "all.tar"))
    assert (done.returncode, "pg_dump failed" in done.stderr) == (65, True)
    assert not list(tmp_path.glob("all.tar*"))


@pytest.mark.parametrize("state", ["running", "restarting", "paused"])
def test_nothing_is_backed_up_or_restored_under_services_that_run(machine: Machine, tmp_path: Path, state: str) -> None:
    machine.runs({"State": state, "Status": "Up", "Service": "scheduler", "Folder": ""})
    for action in ("backup", "restore"):
        assert "services run, and nothing may run meanwhile" in machine.refusal(action, str(tmp_path / "all.tar"))


def test_a_restore_makes_databases_first_and_names_a_file_that_is_not_there(machine: Machine, tmp_path: Path) -> None:
    assert "is no file that can be read" in machine.refusal("restore", str(tmp_path / "none.tar"))
    assert "can't be written: No such file" in machine.refusal("backup", str(tmp_path / "none" / "all.tar"))
    (tmp_path / "all.tar").write_text("all of it")
    done = machine.compose("restore", str(tmp_path / "all.tar"))
    assert done.returncode == 0, done.stderr
    asked = machine.log.read_text().splitlines()
    # It reads the file, once there are databases and roles, and no tables of this version.
    restored = asked.index("compose run --rm -T --no-deps init python -m nightshift restore - all of it")
    assert (
        asked.index("compose run --rm -T --no-deps init python -m nightshift.install.services.container databases")
        < restored
    )
    assert "compose run --rm --no-deps init" not in asked


@pytest.mark.parametrize("words", [["--help"], ["backup", "--help"]])
def test_it_helps(machine: Machine, words: list[str]) -> None:
    done = machine.compose(*words)
    assert done.returncode == 0
    assert "backup" in done.stdout


@pytest.mark.parametrize(("version", "warned"), [("20.10.24+dfsg1", True), ("27.5.1", True), ("28.0.0", False)])
def test_an_engine_that_lets_neighbours_in_is_told(machine: Machine, version: str, warned: bool) -> None:
    machine.answers["info"] = (0, json.dumps(ENGINE | {"ServerVersion": version}))
    done = machine.compose("up")
    assert done.returncode == 0, done.stderr
    assert ("past\n  the loopback ports" in done.stdout) is warned
