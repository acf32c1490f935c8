"""A backup, read into an installation that holds nothing yet."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import ValidationError

from nightshift.errors import UsageError
from nightshift.home import postgres_server, scratch
from nightshift.home.home_folder import half_restored, prepare_home, transferred
from nightshift.home.settings import Settings
from nightshift.install.backup import database_dumps
from nightshift.install.backup.backup_format import (
    DUMPS,
    FILLED,
    FOLDERS,
    FORM,
    HEAD,
    HOME,
    KEY,
    LAST_ENTRY,
    Head,
    refuse_running,
)
from nightshift.install.services import mlflow_tables
from nightshift.install.services.airflow_env import administration, run_module
from nightshift.terminal import Say

_NO_BACKUP = "is no whole backup of nightshift"


def restore_from(stream: IO[bytes], settings: Settings, say: Say) -> None:
    """Read all state of another installation; nothing is changed before all of it was read.

    From then on the home is marked: what uses it refuses until a restore has come to its end, which may be another one.

    Raises:
        NightshiftError: if this installation holds something already, something runs, or the backup is not whole.
        OSError: if the stream can't be read, or a file not be written.
    """
    mark = half_restored(settings)
    is_another_try = mark.exists()
    prepare_home(settings)
    with transferred(settings), postgres_server.kept_as_it_was(settings):
        names = database_dumps.own(settings)
        refuse_running(settings, names, "restore")
        database_dumps.refuse_unfit(settings, names)
        if not is_another_try:
            _refuse_used(settings, names)
        parent = settings.home / "tmp" / "restore"
        scratch.sweep(parent)
        folder = scratch.take(parent)
        try:
            folder.mkdir(mode=0o700)
            head, key = _unpacked(stream, folder)
            say(f"made by code {head.code} at {head.made_at}")
            refuse_running(settings, names, "restore")
            mark.touch()
            if is_another_try:
                _empty(settings, names)
            restored = [name for name in names if name in head.databases]
            _restore_databases(settings, folder / DUMPS, restored, head, say)
            if key and "airflow" in names:
                say("Airflow: tables of this version, values encrypted by the key of this installation")
                _administer_airflow(settings, key)
            say(f"{_put_in_place(folder / HOME, settings.home):,} files are in place")
            mark.unlink()
        finally:
            scratch.discard(folder)
    for name in sorted({*head.databases} - {*names}):
        say(f"left out: the database {name}, as another server's is used here")
    for name in sorted({*names} - {*head.databases}):
        say(f"empty: the database {name}, which the backup does not hold")


def _empty(settings: Settings, names: tuple[str, ...]) -> None:
    """Remove what an earlier try left, which may have been one of another backup."""
    for name in FOLDERS:
        if not (settings.home / name).is_symlink():
            shutil.rmtree(settings.home / name, ignore_errors=True)
    for name in names:
        database_dumps.empty(settings, name)


def _refuse_used(settings: Settings, names: tuple[str, ...]) -> None:
    used = [f"the folder {name}" for name in FILLED if _holds_a_file(settings.home / name)]
    used += [f"the database {name}" for name in names if database_dumps.is_used(settings, name)]
    if used:
        raise UsageError(
            f"this installation holds something already: {', '.join(used)}",
            remedy="restore into a new NIGHTSHIFT_HOME, or remove what is there: `nightshift clean`, "
            "`make compose-clean`",
        )


def _holds_a_file(folder: Path) -> bool:
    def unreadable(error: OSError) -> None:
        raise error

    return folder.is_dir() and any(files for _, _, files in os.walk(folder, onerror=unreadable))


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
                _unpack(tar, member, folder)
                # It keeps all members; there may be millions.
                tar.members.clear()  # type: ignore[attr-defined]
    except (tarfile.TarError, ValidationError, EOFError) as error:
        raise UsageError(f"this {_NO_BACKUP}: {str(error).splitlines()[0] if str(error) else error!r}") from None
    if not (folder / LAST_ENTRY).exists():
        raise UsageError(f"this {_NO_BACKUP}: its end is missing", remedy="copy it again; nothing was restored")
    key = folder / KEY
    return head, key.read_text(encoding="ascii") if key.exists() else ""


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write a file or a folder with its rights; by hand, as `tarfile` has its filters from Python 3.11.4 on only."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not (member.isfile() or member.isdir()):
        raise UsageError(f"this {_NO_BACKUP}: it holds {member.name!r}, which is no file or folder of a home")
    target = folder / name
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        target.chmod((member.mode & 0o755) | 0o700)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None
    with target.open("xb") as file:
        shutil.copyfileobj(content, file)
    target.chmod((member.mode & 0o755) | 0o600)
    os.utime(target, (member.mtime, member.mtime))


def _restore_databases(settings: Settings, folder: Path, names: list[str], head: Head, say: Say) -> None:
    for name in names:
        say(f"database {name}")
        database_dumps.restore(settings, name, folder / name)
    if "mlflow" in names:
        mlflow_tables.bring_up_to_date(settings)
        for address in database_dumps.move_artifacts(settings, head.artifacts):
            say(f"MLflow names files that are not in the backup: {address}")


def _administer_airflow(settings: Settings, old_key: str) -> None:
    """Bring Airflow's tables to this version, and its encrypted values to this installation's key."""
    environment = administration(settings, old_key)
    for command in (("db", "migrate"), ("rotate-fernet-key",)):
        run_module(
            settings,
            environment,
            *("airflow", *command),
            remedy="a backup is read by the code that made it, or by newer code: restore again with that",
        )


def _put_in_place(source: Path, home: Path) -> int:
    """Move files to where they belong, beside what services made there when they started; how many there were."""
    count = 0
    for folder, _, files in os.walk(source):
        target = home / Path(folder).relative_to(source)
        if not target.exists():
            target.mkdir()
            target.chmod(Path(folder).stat().st_mode & 0o777)
        for name in files:
            # A folder of the home may be on another disk.
            shutil.move(Path(folder, name), target / name)
        count += len(files)
    return count
