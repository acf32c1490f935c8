"""The services as a whole: up, down, and what they hold in one file and back."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from nightshift.install.compose import checks
from nightshift.install.compose.docker import COMPOSE, PORTS, any_runs, ask, call, containers, dotenv, fail, port
from nightshift.install.setup import secret_files

# In the container that has the secrets of every database; what it says of its progress goes to standard error.
_CONTAINER = "nightshift.install.services.container"
_TRANSFER = (*COMPOSE, "run", "--rm", "-T", "--no-deps", "init", "python", "-m", "nightshift")


def up(engine: Mapping[str, Any]) -> None:
    """Secrets where they are missing, the image of this checkout, then all services; returns once they are healthy."""
    _prepare(engine)
    if call(*COMPOSE, "up", "--detach", "--wait", "--wait-timeout", "600"):
        _explain()
    at = {name: f"http://127.0.0.1:{port(name)}" for name in PORTS}
    print(
        f"\n  Airflow    {at['NIGHTSHIFT_AIRFLOW_PORT']}   user admin, password in secrets/admin_password"
        f"\n  MLflow     {at['NIGHTSHIFT_MLFLOW_PORT']}"
        f"\n  Data Docs  {at['NIGHTSHIFT_PAGES_PORT']}"
        f"\n  Spark      {at['NIGHTSHIFT_SPARK_PORT']}"
        "\n  commands   docker compose run --rm cli --help\n"
    )
    checks.warn_of_neighbours(engine)


def demo(use_case: str | None) -> int:
    """The nights of the demo of a use case, by the scheduler that runs there."""
    if not any_runs():
        fail("nothing runs", "`make compose-up` first")
    return call(*COMPOSE, "run", "--rm", "cli", "demo", *([use_case] if use_case else []))


def down() -> int:
    """End all services and the tasks that run; what volumes hold stays, and the next start takes it up."""
    checks.refuse_another_folder()
    # What executors spilled has a volume without a name, which would be left for good.
    call(*COMPOSE, "rm", "--stop", "--force", "--volumes", "spark-worker")
    return call(*COMPOSE, "--profile", "tools", "down", "--remove-orphans")


def logs() -> int:
    """The newest lines of all services, and those that come, until it is interrupted."""
    return call(*COMPOSE, "logs", "--follow", "--tail", "50")


def clean() -> int:
    """End everything, and remove the volumes: lake, models, ledger, logs. Secrets and image stay."""
    checks.refuse_another_folder()
    return call(*COMPOSE, "--profile", "tools", "down", "--remove-orphans", "--volumes")


def backup(file: pathlib.Path) -> None:
    """All that the volumes hold, in one file, which `nightshift restore` reads in the embedded form, too."""
    _refuse_running()
    if file.exists():
        fail(f"{file} is there already", "name another file")
    new = file.with_name(f"{file.name}.new")
    try:
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
    except OSError as error:
        fail(f"{new} can't be written: {error.strerror}", "name a file in a folder that is there and yours")
    try:
        with new.open("wb") as stream:
            _with_postgres((*_TRANSFER, "backup", "-"), stdout=stream)
        new.replace(file)
    finally:
        new.unlink(missing_ok=True)
    print(
        f"{file}: {file.stat().st_size / 1e6:,.0f} MB. It holds rows in clear, and keys: keep it as you keep the lake."
    )


def restore(file: pathlib.Path, engine: Mapping[str, Any]) -> None:
    """A backup, embedded or of servers, into volumes that hold nothing yet."""
    _refuse_running()
    if not file.is_file() or not os.access(file, os.R_OK):
        fail(
            f"{file} is no file that can be read",
            "name one that `make compose-backup`, or the command `backup` of the embedded form, wrote",
        )
    _prepare(engine)
    # First roles and databases, and no table of this version.
    made = (*COMPOSE, "run", "--rm", "-T", "--no-deps", "init", "python", "-m", _CONTAINER, "databases")
    with file.open("rb") as stream:
        _with_postgres(made, (*_TRANSFER, "restore", "-"), stdin=stream)
    print("restored; `make compose-up` starts the services on it")


def _refuse_running() -> None:
    checks.refuse_another_folder()
    if any_runs():
        fail("services run, and nothing may run meanwhile", "`make compose-down` first")


def _with_postgres(*commands: tuple[str, ...], **streams: Any) -> None:
    """Carry out commands while PostgreSQL alone runs; the last one has the streams."""
    status = 0
    try:
        status = call(*COMPOSE, "up", "--detach", "--wait", "postgres")
        for command in commands:
            status = status or call(*command, **(streams if command is commands[-1] else {}))
    finally:
        down()
    if status:
        sys.exit(status)


def _prepare(engine: Mapping[str, Any]) -> None:
    checks.refuse_another_folder()
    checks.before_start(engine)
    secret_files.main([])
    checks.user()
    # It finds out whether the image is there and of this very commit.
    if not dotenv().get("NIGHTSHIFT_IMAGE") and call("make", "--no-print-directory", "image"):
        fail("there is no image of this checkout", "see the lines above; `make image` builds it again")


def _explain() -> NoReturn:
    """Which services are not well, and the last lines of each; what failed once comes before what waits for it."""
    found = [each for each in containers() if not each["Status"].startswith("Exited (0)")]
    failed = [each for each in found if each["State"] in ("exited", "restarting")]
    for each in failed or [each for each in found if "(healthy)" not in each["Status"]]:
        said = ask(*COMPOSE, "logs", "--no-log-prefix", "--tail", "8", each["Service"])
        print(f"\n{each['Service']}: {each['Status']}\n{said.stdout.strip()}", file=sys.stderr)
    fail("not every service is healthy", "the lines above say why; `docker compose logs SERVICE` has the rest")
