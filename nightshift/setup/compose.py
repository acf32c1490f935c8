"""`make compose-up` and its like: docker-compose.yaml with what it needs before, and a sentence for what is wrong.

Runs on the machine's own Python and imports nothing that has to be installed. `docker compose` alone does the same
once there are secrets and an image.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
from typing import NoReturn

PROJECT = pathlib.Path(__file__).resolve().parents[2]
COMPOSE = ("docker", "compose")
# The oldest that knows `up --wait` for services that run once and end.
OLDEST = (2, 20)
# A machine that is sold with 4 GB has a little less.
GIGABYTES, DISK_GIGABYTES = 3.5, 4
# Ports on this machine's loopback, by the variable that gives another one.
PORTS = {
    "NIGHTSHIFT_AIRFLOW_PORT": 8080,
    "NIGHTSHIFT_MLFLOW_PORT": 5000,
    "NIGHTSHIFT_PAGES_PORT": 8090,
    "NIGHTSHIFT_SPARK_PORT": 8081,
}


def main() -> None:
    """Do one of them."""
    parser = argparse.ArgumentParser(prog="compose", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", choices=("up", "demo", "down", "logs", "clean"))
    action = parser.parse_args().action
    _check_docker()
    {"up": up, "demo": demo, "down": down, "logs": logs, "clean": clean}[action]()


def up() -> None:
    """Secrets where they are missing, the image of this checkout, then all services; returns once they are healthy."""
    running = _containers()
    _refuse_another_folder(running)
    if not any(each["State"] == "running" for each in running):
        _check_machine()
        _check_ports()
    _refuse_secrets_that_do_not_fit()
    if _run(sys.executable, str(pathlib.Path(__file__).with_name("secret_files.py"))).returncode:
        sys.exit(1)
    if _environment().get("NIGHTSHIFT_UID") == "0":
        _fail("NIGHTSHIFT_UID is 0 in .env", "name a user that is not root: the one who owns the files of secrets/")
    # It finds out whether the image is there and of this very commit.
    if not _environment().get("NIGHTSHIFT_IMAGE") and _run("make", "--no-print-directory", "image").returncode:
        _fail("there is no image of this checkout", "see the lines above; `make image` builds it again")
    if _run(*COMPOSE, "up", "--detach", "--wait", "--wait-timeout", "600").returncode:
        _explain()
    port = {name: _port(name) for name in PORTS}
    print(
        f"\n  Airflow    http://127.0.0.1:{port['NIGHTSHIFT_AIRFLOW_PORT']}   user admin, password in "
        "secrets/admin_password"
        f"\n  MLflow     http://127.0.0.1:{port['NIGHTSHIFT_MLFLOW_PORT']}"
        f"\n  Data Docs  http://127.0.0.1:{port['NIGHTSHIFT_PAGES_PORT']}"
        f"\n  Spark      http://127.0.0.1:{port['NIGHTSHIFT_SPARK_PORT']}"
        "\n  commands   docker compose run --rm cli --help\n"
    )


def demo() -> None:
    """The nights of the demo, by the scheduler that runs there."""
    if not any(each["State"] == "running" for each in _containers()):
        _fail("nothing runs", "`make compose-up` first")
    sys.exit(_run(*COMPOSE, "run", "--rm", "cli", "demo").returncode)


def down() -> None:
    """End all services and the tasks that run; what volumes hold stays, and the next start takes it up."""
    # What executors spilled has a volume without a name, which would be left for good.
    _run(*COMPOSE, "rm", "--stop", "--force", "--volumes", "spark-worker")
    sys.exit(_run(*COMPOSE, "--profile", "tools", "down", "--remove-orphans").returncode)


def logs() -> None:
    """The newest lines of all services, and those that come, until it is interrupted."""
    sys.exit(_run(*COMPOSE, "logs", "--follow", "--tail", "50").returncode)


def clean() -> None:
    """End everything, and remove the volumes: lake, models, ledger, logs. Secrets and image stay."""
    sys.exit(_run(*COMPOSE, "--profile", "tools", "down", "--remove-orphans", "--volumes").returncode)


def _check_docker() -> None:
    if shutil.which("docker") is None:
        _fail("there is no docker here", "install Docker Engine and its Compose plugin, or use `make demo` without")
    asked = _asked("docker", "info", "--format", "{{json .}}")
    if asked.returncode:
        _fail(f"Docker does not answer: {_last(asked.stderr)}", "start it, and let this user reach it")
    version = _asked(*COMPOSE, "version", "--short")
    found = re.match(r"v?(\d+)\.(\d+)", version.stdout.strip())
    if version.returncode or found is None:
        _fail("Docker has no Compose plugin", f"install it, {_dotted(OLDEST)} or newer")
    if (int(found[1]), int(found[2])) < OLDEST:
        _fail(f"this is Docker Compose {version.stdout.strip()}", f"{_dotted(OLDEST)} or newer is needed")


def _check_machine() -> None:
    """Memory that Docker has, and room on its disk."""
    told = json.loads(_asked("docker", "info", "--format", "{{json .}}").stdout)
    memory = int(told.get("MemTotal", 0)) / 2**30
    if memory < GIGABYTES:
        _fail(
            f"Docker has {memory:.1f} GB of memory",
            "give it 4 GB or more, else the kernel ends services at random",
        )
    root = pathlib.Path(str(told.get("DockerRootDir", "/")))
    if root.is_dir() and (free := shutil.disk_usage(root).free / 1e9) < DISK_GIGABYTES:
        _fail(
            f"{free:.1f} GB are free in {root}",
            f"make room for {DISK_GIGABYTES} GB: `docker system df` says what is there",
        )


def _refuse_another_folder(containers: list[dict[str, str]]) -> None:
    """A second checkout would take the first one's containers for its own, and replace them."""
    for folder in {each["Folder"] for each in containers} - {""}:
        if pathlib.Path(folder).resolve() != PROJECT:
            _fail(
                f"there are containers of nightshift in {folder}",
                "end it there, or give this one a name and ports of its own: COMPOSE_PROJECT_NAME and "
                f"{', '.join(PORTS)} in the file .env",
            )


def _refuse_secrets_that_do_not_fit() -> None:
    """New passwords would not open a database that is there."""
    volume = f"{_project()}_postgres"
    if (
        not (PROJECT / "secrets" / "postgres_password").exists()
        and not _asked("docker", "volume", "inspect", volume).returncode
    ):
        _fail(
            f"secrets/ is missing, and the volume {volume} has a database that only the old passwords open",
            "bring secrets/ back; or begin anew, without what is there: `make compose-clean`",
        )


def _check_ports() -> None:
    for name in PORTS:
        port = _port(name)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            _fail(
                f"port {port} of 127.0.0.1 can't be used: {error.strerror}", f"write another one to .env, as {name}=…"
            )


def _port(name: str) -> int:
    text = _environment().get(name) or str(PORTS[name])
    if not re.fullmatch(r"\d{1,5}", text) or not 0 < int(text) < 65536:
        _fail(f"{name} is {text!r}", "write a number from 1 to 65535 to .env, without quotes")
    return int(text)


def _explain() -> NoReturn:
    """Which services are not well, and the last lines of each; what failed once comes before what waits for it."""
    containers = [each for each in _containers() if not each["Status"].startswith("Exited (0)")]
    failed = [each for each in containers if each["State"] in ("exited", "restarting")]
    for each in failed or [each for each in containers if "(healthy)" not in each["Status"]]:
        said = _asked(*COMPOSE, "logs", "--no-log-prefix", "--tail", "8", each["Service"])
        print(f"\n{each['Service']}: {each['Status']}\n{said.stdout.strip()}", file=sys.stderr)
    _fail("not every service is healthy", "the lines above say why; `docker compose logs SERVICE` has the rest")


def _containers() -> list[dict[str, str]]:
    """Those of this project that the engine has: state, status, service, and the folder that they were started from."""
    labels = {"Service": "com.docker.compose.service", "Folder": "com.docker.compose.project.working_dir"}
    parts = [f'"{name}":{{{{json .{name}}}}}' for name in ("State", "Status")]
    parts += [f'"{name}":"{{{{.Label "{label}"}}}}"' for name, label in labels.items()]
    of_project = f"label=com.docker.compose.project={_project()}"
    asked = _asked("docker", "ps", "--all", "--filter", of_project, "--format", f"{{{','.join(parts)}}}")
    if asked.returncode:
        _fail(f"Docker does not say what runs: {_last(asked.stderr)}", "see `docker ps`")
    return [json.loads(line) for line in asked.stdout.splitlines() if line.strip()]


def _project() -> str:
    return _environment().get("COMPOSE_PROJECT_NAME") or "nightshift"


def _environment() -> dict[str, str]:
    """The file .env, and what the shell says over it, as Compose has them."""
    file = PROJECT / ".env"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.partition(" #")[0].strip().strip("\"'") for name, _, value in pairs} | dict(os.environ)


def _asked(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=str(PROJECT), capture_output=True, text=True, check=False)


def _run(*command: str) -> subprocess.CompletedProcess[bytes]:
    # Compose wants the user's number for the file to be whole, also where containers only end.
    environment = {"NIGHTSHIFT_UID": "50000"} | _environment() if "down" in command or "logs" in command else None
    return subprocess.run(command, cwd=str(PROJECT), env=environment, check=False)


def _last(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _fail(what: str, remedy: str) -> NoReturn:
    sys.exit(f"make compose: {what}.\n  Remedy: {remedy}.")


if __name__ == "__main__":
    main()
