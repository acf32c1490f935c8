"""A backup, written as a stream: nothing of it lies on the disk beforehand but one database's dump at a time."""

from __future__ import annotations

import datetime as dt
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from nightshift import ledger, scratch
from nightshift.backup import databases
from nightshift.backup.form import DATABASES, END, FOLDERS, HEAD, HOME, KEY, Head, refuse_running
from nightshift.errors import UsageError
from nightshift.home import is_home
from nightshift.services.airflow_env import fernet_key
from nightshift.settings import get_settings

Say = Callable[[str], None]


def write(stream: IO[bytes], say: Say) -> None:
    """Write all state of this installation.

    Raises:
        NightshiftError: if something runs that may change it meanwhile, or a database can't be dumped.
        OSError: if a file can't be read, or the stream not be written.
    """
    settings = get_settings()
    if not is_home(settings.home):
        raise UsageError(f"{settings.home} is no home of nightshift: there is nothing to back up")
    refuse_running(settings, "backup")
    names = databases.own(settings)
    head = Head(
        code=ledger.code_version(),
        made_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        artifacts=databases.artifacts(settings),
        databases=names,
    )
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, HEAD, head.model_dump_json(indent=2).encode())
        # With it, Airflow's own encrypted values are encrypted anew where they are restored.
        if "airflow" in names and (key := fernet_key(settings)):
            _add(tar, KEY, key.encode())
        for name in names:
            say(f"database {name}: {_add_database(tar, name):.0f} MB")
        for name in FOLDERS:
            count, size = _add_folder(tar, settings.home / name)
            say(f"{name}: {count:,} files, {size / 1e6:,.0f} MB")
        _add(tar, END, b"")


def _add_database(tar: tarfile.TarFile, name: str) -> float:
    """Dump a database into the backup; its size in megabytes."""
    folder = scratch.take(get_settings().home / "tmp" / "backup")
    try:
        folder.mkdir(mode=0o700)
        file = folder / "dump"
        databases.dump(name, file)
        tar.add(file, f"{DATABASES}/{name}", filter=_owned_by_nobody)
        return file.stat().st_size / 1e6
    finally:
        scratch.discard(folder)


def _add_folder(tar: tarfile.TarFile, folder: Path) -> tuple[int, int]:
    """Add a folder of the home; how many files it has, and their bytes."""
    count = size = 0

    def counted(member: tarfile.TarInfo) -> tarfile.TarInfo:
        nonlocal count, size
        count, size = count + member.isfile(), size + member.size
        return _owned_by_nobody(member)

    if folder.is_dir():
        tar.add(folder, f"{HOME}/{folder.name}", filter=counted)
    return count, size


def _owned_by_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Files belong to whoever restores them."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    tar.addfile(member, io.BytesIO(content))
