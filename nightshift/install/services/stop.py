"""Ending everything that a home runs, also what a crash left behind, and removing the home."""

from __future__ import annotations

import contextlib
import shutil

from nightshift.errors import InstallationError
from nightshift.home import postgres_server, sockets
from nightshift.home.home_folder import MARKER, is_home
from nightshift.home.settings import Settings
from nightshift.install.services import home_processes, service_state, supervisor_client
from nightshift.install.services.supervisor import STOP_SECONDS
from nightshift.terminal import Say


def stop(say: Say, settings: Settings) -> int:
    """End every process that this home's services started, and its PostgreSQL; how many there were.

    Works on what a killed supervisor left behind as well.
    """
    supervised = [process for process in home_processes.of_home(settings.home) if service_state.is_supervisor(process)]
    ended = len(home_processes.of_home(settings.home))
    if supervised:
        say("stopping Airflow, MLflow and Data Docs")
        for process in supervised:
            with contextlib.suppress(Exception):
                process.terminate()
        home_processes.wait_gone(supervised, STOP_SECONDS + 5)
    if left := home_processes.end(settings.home, grace_seconds=0 if supervised else STOP_SECONDS):
        say(f"ended {left} processes that were left")
    if postgres_server.stop(settings):
        say("stopped PostgreSQL")
        ended += 1
    for name in (supervisor_client.SOCKET, supervisor_client.SPARE):
        (settings.run / name).unlink(missing_ok=True)
    sockets.forget(settings.home)
    return ended


def clean(say: Say, settings: Settings) -> None:
    """Stop everything and remove the home with all its data.

    Raises:
        NightshiftError: if the folder does not carry the mark of a home.
    """
    home = settings.home
    if not home.exists():
        say(f"{home} does not exist")
        return
    if home.is_symlink() or not is_home(home):
        raise InstallationError(
            f"{home} is not removed: it has no {MARKER}, so it may hold other things than nightshift's"
        )
    stop(say, settings)
    while home.exists():
        # Another `clean` of this home may remove a file first.
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(home)
    say(f"removed {home}")
