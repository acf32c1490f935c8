"""A backup, read into an installation that holds nothing yet."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from nightshift import scratch
from nightshift.backup import databases
from nightshift.backup.form import DATABASES, END, FILLED, FORM, HEAD, HOME, KEY, Head, files_below, refuse_running
from nightshift.errors import InstallationError, UsageError
from nightshift.home import prepare_home
from nightshift.services.airflow_env import administration
from nightshift.settings import Settings, get_settings

Say = Callable[[str], None]
_NO_BACKUP = "is no whole backup of nightshift"


def read(stream: IO[bytes], say: Say) -> None:
    """Read all state of another installation; files and databases are put in place once all of it was read.

    Raises:
        NightshiftError: if this installation holds something already, something runs, or the backup is not whole.
        OSError: if the stream can't be read, or a file not be written.
    """
    settings = get_settings()
    prepare_home(settings)
    refuse_running(settings, "restore")
    names = databases.own(settings)
    _refuse_used(settings, names)
    folder = scratch.take(settings.home / "tmp" / "restore")
    try:
        folder.mkdir(mode=0o700)
        head, key = _unpacked(stream, folder)
        say(f"made by code {head.code} at {head.made_at}")
        _restore_databases(folder / DATABASES, [name for name in names if name in head.databases], head, say)
        if key and "airflow" in names:
            say("Airflow: tables of this version, values encrypted by the key of this installation")
            _administer_airflow(settings, key)
        count = _put_in_place(folder / HOME, settings.home)
        say(f"{count:,} files are in place")
    finally:
        scratch.discard(folder)
    for name in sorted(set(head.databases).symmetric_difference(names)):
        say(f"the database {name} is not this installation's own on both sides: what it holds was left out")


def _refuse_used(settings: Settings, names: tuple[str, ...]) -> None:
    used = [f"the folder {name}" for name in FILLED if files_below(settings.home / name)]
    used += [f"the database {name}" for name in names if databases.is_used(name)]
    if used:
        raise UsageError(
            f"this installation holds something already: {', '.join(used)}",
            remedy="restore into a new NIGHTSHIFT_HOME, or remove what is there: `nightshift clean`, "
            "`make compose-clean`",
        )


def _unpacked(stream: IO[bytes], folder: Path) -> tuple[Head, str]:
    """Unpack all of it; the head, and Airflow's key."""
    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            first = tar.next()
            if first is None or first.name != HEAD:
                raise UsageError(f"this {_NO_BACKUP}: it begins with {first.name if first else 'nothing'}")
            content = tar.extractfile(first)
            head = Head.model_validate_json(content.read() if content else b"")
            if head.form > FORM:
                raise UsageError(f"this backup has form {head.form}, and this code knows {FORM}: use newer code")
            while (member := tar.next()) is not None:
                # Nothing is written beyond the folder, whatever the names.
                tar.extract(member, folder, filter="data")
    except (tarfile.TarError, ValidationError, EOFError) as error:
        raise UsageError(f"this {_NO_BACKUP}: {str(error).splitlines()[0] if str(error) else error!r}") from None
    if not (folder / END).exists():
        raise UsageError(f"this {_NO_BACKUP}: its end is missing", remedy="copy it again; nothing was restored")
    key = folder / KEY
    return head, key.read_text(encoding="ascii") if key.exists() else ""


def _restore_databases(folder: Path, names: list[str], head: Head, say: Say) -> None:
    for name in names:
        say(f"database {name}")
        databases.restore(name, folder / name)
    if "mlflow" in names:
        databases.move_artifacts(head.artifacts, databases.artifacts(get_settings()))


def _administer_airflow(settings: Settings, old_key: str) -> None:
    """Bring Airflow's tables to this version, and its encrypted values to this installation's key."""
    environment = administration(settings, old_key)
    for command in (("db", "migrate"), ("rotate-fernet-key",)):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "airflow", *command],
            env=environment,
            cwd=settings.project_dir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            tail = "\n".join(done.stdout.splitlines()[-15:])
            raise InstallationError(f"`airflow {' '.join(command)}` failed on what was restored:\n{tail}")


def _put_in_place(source: Path, home: Path) -> int:
    """Move files to where they belong, beside what services made there when they started; how many there were."""
    count = 0
    for folder, _, files in os.walk(source):
        target = home / Path(folder).relative_to(source)
        if target != home:
            target.mkdir(parents=True, exist_ok=True)
        for name in files:
            Path(folder, name).replace(target / name)
        count += len(files)
    # Folders keep their rights, like those of personal data.
    for folder, _, _ in os.walk(source):
        if (relative := Path(folder).relative_to(source)) != Path():
            with contextlib.suppress(PermissionError):
                (home / relative).chmod(Path(folder).stat().st_mode & 0o777)
    return count
