"""Docker and Compose, asked as a person would; what `.env` and the shell say to them; and how a refusal reads."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
from typing import IO, NoReturn

PROJECT = pathlib.Path(__file__).resolve().parents[3]
COMPOSE = ("docker", "compose")
# Ports on this machine's loopback, by the variable that gives another one.
PORTS = {
    "NIGHTSHIFT_AIRFLOW_PORT": 8080,
    "NIGHTSHIFT_MLFLOW_PORT": 5000,
    "NIGHTSHIFT_PAGES_PORT": 8090,
    "NIGHTSHIFT_SPARK_PORT": 8081,
}


def ask(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command for what it prints."""
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def call(*command: str, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> int:
    """Run a command that speaks to the person; its exit status."""
    # Compose wants the user's number for the file to be whole, also where containers only end.
    if command[0] == COMPOSE[0]:
        given = {"NIGHTSHIFT_UID": "50000"} | dotenv()
    else:
        # What the compose file alone reads would draw warnings.
        given = {name: value for name, value in os.environ.items() if not name.startswith("NIGHTSHIFT_")}
    return subprocess.run(command, cwd=PROJECT, env=given, stdin=stdin, stdout=stdout, check=False).returncode


def containers() -> list[dict[str, str]]:
    """Those of this project that the engine has: state, status, service, and the folder that they were started from."""
    labels = {"Service": "com.docker.compose.service", "Folder": "com.docker.compose.project.working_dir"}
    parts = [f'"{name}":{{{{json .{name}}}}}' for name in ("State", "Status")]
    parts += [f'"{name}":"{{{{.Label "{label}"}}}}"' for name, label in labels.items()]
    of_project = f"label=com.docker.compose.project={project()}"
    asked = ask("docker", "ps", "--all", "--filter", of_project, "--format", f"{{{','.join(parts)}}}")
    if asked.returncode:
        fail(f"Docker does not say what runs: {last(asked.stderr)}", "see `docker ps`")
    return [json.loads(line) for line in asked.stdout.splitlines() if line.strip()]


def any_runs() -> bool:
    """Whether a service of this project does, or would again by itself."""
    return any(each["State"] not in ("created", "exited", "dead") for each in containers())


def project() -> str:
    """Name of the composition: what its containers and volumes begin with."""
    return dotenv().get("COMPOSE_PROJECT_NAME") or "nightshift"


def port(name: str) -> int:
    """The port that one of `PORTS` names."""
    text = dotenv().get(name) or str(PORTS[name])
    if not re.fullmatch(r"\d{1,5}", text) or not 0 < int(text) < 65536:
        fail(f"{name} is {text!r}", "write a number from 1 to 65535 to .env, without quotes")
    return int(text)


def dotenv() -> dict[str, str]:
    """The file .env, and what the shell says over it, as Compose has them."""
    file = PROJECT / ".env"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.partition(" #")[0].strip().strip("\"'") for name, _, value in pairs} | dict(os.environ)


def last(text: str) -> str:
    """The last line of what a program said."""
    return (text.strip().splitlines() or [""])[-1]


def fail(what: str, remedy: str) -> NoReturn:
    """End with a sentence that says what to do."""
    sys.exit(f"make compose: {what}.\n  Remedy: {remedy}.")
