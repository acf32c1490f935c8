"""A backup, written as a stream: nothing of it lies on the disk beforehand but one database's dump at a time."""

from __future__ import annotations

import datetime as dt
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from nightshift import database, ledger, scratch
from nightshift.backup import databases
from nightshift.backup.form import DATABASES, END, FOLDERS, HEAD, HOME, KEY, Head, refuse_running
from nightshift.errors import ConflictError, UsageError
from nightshift.home import is_home, refuse_half_restored
from nightshift.privacy.tokens import key_is_given
from nightshift.services.airflow_env import fernet_key
from nightshift.settings import Settings, get_settings

Say = Callable[[str], None]


def write_to(stream: IO[bytes], say: Say) -> None:
    """Write all state of this installation.

    Raises:
        NightshiftError: if something runs that may change it meanwhile, or a database can't be dumped.
        OSError: if a file can't be read, or the stream not be written.
    """
    settings = get_settings()
    if not is_home(settings.home):
        raise UsageError(f"{settings.home} is no home of nightshift: there is nothing to back up")
    refuse_half_restored(settings)
    with database.kept_as_it_was(settings):
        names = databases.own(settings)
        refuse_running(settings, names, "backup")
        before = databases.newest_entry()
        _write(stream, settings, names, say)
        refuse_running(settings, names, "backup")
        if databases.newest_entry() != before:
            raise ConflictError("a job ran while the backup was made: it is not of one moment")
    for left_out in _left_out(settings, names):
        say(f"not in it: {left_out}")


def _write(stream: IO[bytes], settings: Settings, names: tuple[str, ...], say: Say) -> None:
    head = Head(
        code=ledger.code_version(),
        made_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        artifacts=databases.artifacts(settings),
        databases=names,
    )
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, dereference=True) as tar:
        _add(tar, HEAD, head.model_dump_json(indent=2).encode())
        # Airflow's own encrypted values are encrypted again, by another key, where they are restored.
        if "airflow" in names:
            _add(tar, KEY, fernet_key(settings).encode())
        for name in names:
            say(f"database {name}: {_add_database(tar, name) / 1e6:,.1f} MB")
        for name in FOLDERS:
            count, size = _add_folder(tar, settings.home / name, say)
            say(f"{name}: {count:,} files, {size / 1e6:,.1f} MB")
        _add(tar, END, b"")


def _left_out(settings: Settings, names: tuple[str, ...]) -> Iterator[str]:
    """What belongs to this installation and is elsewhere, in words."""
    for name in databases.USED:
        if name not in names:
            yield f"the database {name}, which is another server's"
    if settings.landing_url is not None:
        yield "the landing zone, which NIGHTSHIFT_LANDING_URL names; the archive has what was landed from it"
    if key_is_given():
        yield "the key of personal data, which a variable gives; the restored installation needs the same"


def _add_database(tar: tarfile.TarFile, name: str) -> int:
    """Dump a database into the backup; its size in bytes."""
    parent = get_settings().home / "tmp" / "backup"
    scratch.sweep(parent)
    folder = scratch.take(parent)
    try:
        folder.mkdir(mode=0o700)
        file = folder / "dump"
        databases.dump(name, file)
        _add_file(tar, file, f"{DATABASES}/{name}")
        return file.stat().st_size
    finally:
        scratch.discard(folder)


def _add_folder(tar: tarfile.TarFile, folder: Path, say: Say) -> tuple[int, int]:
    """Add a folder of the home, links as what they lead to; how many files it has, and their bytes."""
    count = size = 0
    for parent, _, files in os.walk(folder, followlinks=True):
        place = Path(HOME, folder.name, Path(parent).relative_to(folder))
        _add_file(tar, Path(parent), str(place))
        for name in sorted(files):
            file = Path(parent, name)
            if not file.is_file():
                say(f"not in it: {file}, which leads to no file")
                continue
            _add_file(tar, file, str(place / name))
            count, size = count + 1, size + file.stat().st_size
    return count, size


def _add_file(tar: tarfile.TarFile, path: Path, name: str) -> None:
    tar.add(path, name, recursive=False, filter=_owned_by_nobody)
    # It keeps all members for a table of contents that a stream does not have.
    tar.members.clear()  # type: ignore[attr-defined]


def _owned_by_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Files belong to whoever restores them."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    tar.addfile(member, io.BytesIO(content))
