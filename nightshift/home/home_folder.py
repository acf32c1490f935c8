"""The folder that holds all state of one installation, and the mark by which it is recognised."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from nightshift.errors import BusyError, InstallationError
from nightshift.home import file_locks
from nightshift.home.outside_errors import unusable
from nightshift.home.settings import Settings
from nightshift.storage import Location

MARKER = ".nightshift-home"
_OWN_ENTRIES = frozenset(
    {
        MARKER,
        "lake",
        "landing",
        "archive",
        "secrets",
        "staging",
        "data_docs",
        "postgres",
        "mlflow",
        "dbt",
        "run",
        "logs",
        "airflow",
        "tmp",
    }
)


def named_user() -> pwd.struct_passwd:
    """The user of this process.

    Raises:
        InstallationError: if the system has no name for it, as in some containers.
    """
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        raise InstallationError(
            f"the user id {os.getuid()} has no name in this system, which PostgreSQL and Spark need",
            remedy="add it to /etc/passwd, or run as a user that stands there",
        ) from None


def prepare_home(settings: Settings) -> Path:
    """Create the home with its mark, or mark the one that a job created.

    Raises:
        InstallationError: if this user has no name; or if the folder holds things that are not nightshift's, for
            `nightshift clean` deletes a marked folder whole, so a folder of other things must never get the mark.
    """
    named_user()
    home = settings.home
    marker = home / MARKER
    if not marker.is_file():
        if foreign := foreign_entries(home):
            raise InstallationError(
                f"{home} is no nightshift home, it holds {', '.join(foreign[:3])}: "
                "let NIGHTSHIFT_HOME name a new or empty folder"
            )
        # Others may pass, as the database server's user must, and read nothing.
        try:
            home.mkdir(mode=0o711, parents=True, exist_ok=True)
            marker.write_text("All state of one nightshift installation; `nightshift clean` removes this folder.\n")
        except OSError as error:
            raise unusable(f"NIGHTSHIFT_HOME is {home}, which can't be written", error) from None
    settings.run.mkdir(mode=0o700, exist_ok=True)
    settings.logs.mkdir(exist_ok=True)
    return home


def make_folders(*places: Path | Location) -> None:
    """Make folders where they are missing; in an object store there are none to make."""
    for place in places:
        if isinstance(place, Path) or not place.is_remote:
            Path(str(place)).mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def transferred(settings: Settings) -> Iterator[None]:
    """Keep services and jobs from starting while all state is written to a file, or read from one.

    Raises:
        BusyError: if another process does so.
    """
    settings.run.mkdir(mode=0o700, exist_ok=True)
    with file_locks.held(_transfer_lock(settings), 0, _transfer_runs(settings)):
        yield


def refuse_transfer(settings: Settings) -> None:
    """Refuse a home that holds a part of a backup, or that one is made of.

    Raises:
        InstallationError: if a restore was begun and has not come to its end.
        BusyError: if a backup or a restore runs.
    """
    if half_restored(settings).exists():
        raise InstallationError(
            f"{settings.home} holds a part of a backup: its restore did not come to its end",
            remedy="restore again; or begin without what is there: `nightshift clean`, `make compose-clean`",
        )
    if file_locks.is_taken(_transfer_lock(settings)):
        raise _transfer_runs(settings)


def _transfer_runs(settings: Settings) -> BusyError:
    return BusyError(
        f"all state of {settings.home} is being written to a file, or read from one", remedy="wait for its end"
    )


def _transfer_lock(settings: Settings) -> Path:
    return settings.run / "transfer.lock"


def half_restored(settings: Settings) -> Path:
    """The file that is there from when a restore begins to change this home until it has come to its end."""
    return settings.run / "half_restored"


def foreign_entries(home: Path) -> list[str]:
    """What lies in a folder that no nightshift put there; a job or a delivery may come before the mark."""
    return sorted(entry.name for entry in home.iterdir() if entry.name not in _OWN_ENTRIES) if home.is_dir() else []


def is_home(folder: Path) -> bool:
    """Whether the folder carries the mark."""
    return (folder / MARKER).is_file()
