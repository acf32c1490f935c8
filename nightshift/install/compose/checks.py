"""What must be so before services start, each with a sentence and a remedy where it is not."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import socket
from collections.abc import Mapping
from typing import Any

from nightshift.install.compose.docker import (
    COMPOSE,
    PORTS,
    PROJECT,
    any_runs,
    ask,
    containers,
    dotenv,
    fail,
    last,
    port,
)
from nightshift.install.compose.docker import project as project_name

# The oldest that knows `up --wait` for services that run once and end.
OLDEST_COMPOSE = (2, 20)
# The first engine that drops packets for a container's published port which come from beyond the host.
CLOSED = 28
# A machine that is sold with 4 GB has a little less.
MEMORY_GIGABYTES, DISK_GIGABYTES = 3.5, 4


def engine() -> Mapping[str, Any]:
    """What Docker tells of itself; ends where there is none, or too old a Compose."""
    if shutil.which("docker") is None:
        fail("there is no docker here", "install Docker Engine and its Compose plugin, or use `make demo` without")
    asked = ask("docker", "info", "--format", "{{json .}}")
    if asked.returncode:
        fail(f"Docker does not answer: {last(asked.stderr)}", "start it, and let this user reach it")
    version = ask(*COMPOSE, "version", "--short")
    found = re.match(r"v?(\d+)\.(\d+)", version.stdout.strip())
    oldest = ".".join(map(str, OLDEST_COMPOSE))
    if version.returncode or found is None:
        fail("Docker has no Compose plugin", f"install it, {oldest} or newer")
    if (int(found[1]), int(found[2])) < OLDEST_COMPOSE:
        fail(f"this is Docker Compose {version.stdout.strip()}", f"{oldest} or newer is needed")
    told: Mapping[str, Any] = json.loads(asked.stdout)
    return told


def before_start(told: Mapping[str, Any]) -> None:
    """End where the services could not start."""
    if not any_runs():
        _check_machine(told)
        _check_ports()
    _refuse_secrets_that_do_not_fit()


def warn_of_neighbours(told: Mapping[str, Any]) -> None:
    """Say it where Docker's doors are not as closed as the ports on loopback look."""
    version = str(told.get("ServerVersion", ""))
    if (major := re.match(r"\d+", version)) and int(major[0]) < CLOSED:
        print(
            f"  Docker {version} lets machines of this network segment that route to a container's own address past\n"
            f"  the loopback ports; {CLOSED} and newer do not. Until then: docs/deploy.md, Doors.\n"
        )


def user() -> None:
    """End where containers would run as root."""
    if dotenv().get("NIGHTSHIFT_UID") == "0":
        fail("NIGHTSHIFT_UID is 0 in .env", "name a user that is not root: the one who owns the files of secrets/")


def _check_machine(told: Mapping[str, Any]) -> None:
    """Memory that Docker has, and room on its disk."""
    memory = int(told.get("MemTotal", 0)) / 2**30
    if memory < MEMORY_GIGABYTES:
        fail(f"Docker has {memory:.1f} GB of memory", "give it 4 GB or more, else the kernel ends services at random")
    root = pathlib.Path(str(told.get("DockerRootDir", "/")))
    if root.is_dir() and (free := shutil.disk_usage(root).free / 1e9) < DISK_GIGABYTES:
        fail(
            f"{free:.1f} GB are free in {root}",
            f"make room for {DISK_GIGABYTES} GB: `docker system df` says what is there",
        )


def refuse_another_folder() -> None:
    """End where a second checkout would take the first one's containers for its own, and replace or remove them."""
    for folder in {each["Folder"] for each in containers()} - {""}:
        if pathlib.Path(folder).resolve() != PROJECT:
            fail(
                f"there are containers of nightshift in {folder}",
                "end it there, or give this one a name and ports of its own: COMPOSE_PROJECT_NAME and "
                f"{', '.join(PORTS)} in the file .env",
            )


def _refuse_secrets_that_do_not_fit() -> None:
    """New passwords would not open a database that is there."""
    volume = f"{project_name()}_postgres"
    is_there = not ask("docker", "volume", "inspect", volume).returncode
    if is_there and not (PROJECT / "secrets" / "postgres_password").exists():
        fail(
            f"secrets/ is missing, and the volume {volume} has a database that only the old passwords open",
            "bring secrets/ back; or begin again, without what is there: `make compose-clean`",
        )


def _check_ports() -> None:
    for name in PORTS:
        try:
            socket.create_server(("127.0.0.1", port(name))).close()
        except OSError as error:
            fail(
                f"port {port(name)} of 127.0.0.1 can't be used: {error.strerror}",
                f"write another one to .env, as {name}=…",
            )
