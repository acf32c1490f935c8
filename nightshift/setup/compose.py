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
GIGABYTES, DISK_GIGABYTES = 4, 8
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
    """Secrets and image where they are missing, then all services; returns once they are healthy."""
    _check_machine()
    running = _containers()
    _refuse_another_folder(running)
    if not running:
        _check_ports()
    if _run(sys.executable, str(pathlib.Path(__file__).with_name("secret_files.py"))).returncode:
        sys.exit(1)
    if not _succeeds("docker", "image", "inspect", _image()):
        print(f"the image {_image()} is missing: building it, which takes some minutes", flush=True)
        if _run("make", "--no-print-directory", "image").returncode:
            _fail("the image could not be built", "see the lines above; `make image` builds it again")
    if _run(*COMPOSE, "up", "--detach", "--wait", "--wait-timeout", "600").returncode:
        _explain()
    port = {name: _environment().get(name, str(number)) for name, number in PORTS.items()}
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
    if not _containers():
        _fail("nothing runs", "`make compose-up` first")
    sys.exit(_run(*COMPOSE, "run", "--rm", "cli", "demo").returncode)


def down() -> None:
    """End all services and the tasks that run; volumes stay, and the next start goes on with them."""
    sys.exit(_run(*COMPOSE, "--profile", "tools", "down", "--remove-orphans").returncode)


def logs() -> None:
    """What all services print, the newest lines first read, and on."""
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
            f"give it {GIGABYTES} GB or more, else the kernel ends services at random",
        )
    root = pathlib.Path(str(told.get("DockerRootDir", "/")))
    if root.is_dir() and (free := shutil.disk_usage(root).free / 1e9) < DISK_GIGABYTES:
        _fail(
            f"{free:.1f} GB are free in {root}",
            f"make room for {DISK_GIGABYTES} GB: `docker system df` says what is there",
        )


def _refuse_another_folder(running: list[dict[str, str]]) -> None:
    """A second checkout would take the first one's containers for its own, and replace them."""
    for each in running:
        labels = dict(pair.partition("=")[::2] for pair in each.get("Labels", "").split(","))
        folder = labels.get("com.docker.compose.project.working_dir", str(PROJECT))
        if pathlib.Path(folder) != PROJECT:
            _fail(
                f"nightshift of {folder} runs in Docker",
                "end it there, or give this one a name and ports of its own: COMPOSE_PROJECT_NAME and "
                f"{', '.join(PORTS)} in the file .env",
            )


def _check_ports() -> None:
    for name, familiar in PORTS.items():
        port = int(_environment().get(name, familiar))
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            _fail(
                f"port {port} of 127.0.0.1 can't be used: {error.strerror}",
                f"write another one to .env: {name}={port + 10000}",
            )


def _explain() -> NoReturn:
    """Which services are not well, and the last thing that each said."""
    for each in _containers():
        if each.get("Health") not in ("", "healthy", None) or each.get("State") not in ("running", "exited"):
            said = _asked(*COMPOSE, "logs", "--no-log-prefix", "--tail", "8", each["Service"])
            print(f"\n{each['Service']}: {each.get('Status')}\n{said.stdout.strip()}", file=sys.stderr)
    _fail("not every service is healthy", "the lines above say why; `docker compose logs SERVICE` has the rest")


def _containers() -> list[dict[str, str]]:
    """Those of this project that there are, as Compose describes them."""
    lines = _asked(*COMPOSE, "ps", "--all", "--format", "json").stdout.splitlines()
    found = [json.loads(line) for line in lines if line.strip()]
    # Older versions give one list.
    return found[0] if found and isinstance(found[0], list) else found


def _image() -> str:
    declared = json.loads(_asked(*COMPOSE, "config", "--format", "json").stdout)
    return str(declared["services"]["init"]["image"])


def _environment() -> dict[str, str]:
    """The file .env, and what the shell says over it, as Compose has them."""
    file = PROJECT / ".env"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs} | dict(os.environ)


def _succeeds(*command: str) -> bool:
    return _asked(*command).returncode == 0


def _asked(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=str(PROJECT), capture_output=True, text=True, check=False)


def _run(*command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, cwd=str(PROJECT), check=False)


def _last(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _fail(what: str, remedy: str) -> NoReturn:
    sys.exit(f"make compose: {what}.\n  Remedy: {remedy}.")


if __name__ == "__main__":
    main()
