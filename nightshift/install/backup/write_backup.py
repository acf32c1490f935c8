"""A backup, written as a stream: nothing of it lies on the disk beforehand but one database's dump at a time."""

from __future__ import annotations

import datetime as dt
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from nightshift import ledger
from nightshift.errors import ConflictError, UsageError
from nightshift.home import postgres_server, scratch
from nightshift.home.home_folder import is_home, refuse_transfer, transferred
from nightshift.home.settings import Settings
from nightshift.ingest.privacy.tokens import key_is_given
from nightshift.install.backup import database_dumps
from nightshift.install.backup.backup_format import DUMPS, FOLDERS, HEAD, HOME, KEY, LAST_ENTRY, Head, refuse_running
from nightshift.install.services.airflow_env import fernet_key
from nightshift.ledger.entries import newest_entry
from nightshift.terminal import Say

# Folders in which a link to what is gone is no loss.
MAY_LEAD_NOWHERE = ("landing", "logs")


def write_to(stream: IO[bytes], settings: Settings, say: Say) -> None:
    """Write all state of this installation.

    Raises:
        NightshiftError: if something runs that may change it meanwhile, or a database can't be dumped.
        OSError: if a file can't be read, or the stream not be written.
    """
    if not is_home(settings.home):
        raise UsageError(f"{settings.home} is no home of nightshift: there is nothing to back up")
    refuse_transfer(settings)
    with transferred(settings), postgres_server.kept_as_it_was(settings):
        names = database_dumps.own(settings)
        refuse_running(settings, names, "backup")
        before = newest_entry(settings)
        _write(stream, settings, names, say)
        refuse_running(settings, names, "backup")
        if newest_entry(settings) != before:
            raise ConflictError("a job ran while the backup was made: it is not of one moment")
    for left_out in _left_out(settings, names):
        say(f"not in it: {left_out}")


def _write(stream: IO[bytes], settings: Settings, names: tuple[str, ...], say: Say) -> None:
    head = Head(
        code=ledger.code_version(),
        made_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        artifacts=database_dumps.artifacts(settings),
        databases=names,
    )
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, dereference=True) as tar:
        _add(tar, HEAD, head.model_dump_json(indent=2).encode())
        # Airflow's own encrypted values are encrypted again, by another key, where they are restored.
        if "airflow" in names:
            _add(tar, KEY, fernet_key(settings).encode())
        for name in names:
            say(f"database {name}: {_add_database(tar, settings, name) / 1e6:,.1f} MB")
        for name in FOLDERS:
            count, size = _add_folder(tar, settings.home / name, say)
            say(f"{name}: {count:,} files, {size / 1e6:,.1f} MB")
        _add(tar, LAST_ENTRY, b"")


def _left_out(settings: Settings, names: tuple[str, ...]) -> Iterator[str]:
    """What belongs to this installation and is elsewhere, in words."""
    for name in database_dumps.USED:
        if name not in names:
            yield f"the database {name}, which is another server's"
    if settings.landing_url is not None:
        yield "the landing zone, which NIGHTSHIFT_LANDING_URL names; the archive has what was landed from it"
    if settings.lake_url is not None:
        yield "the lake, which NIGHTSHIFT_LAKE_URL names"
    if settings.pages_url is not None:
        yield "the audit pages, which NIGHTSHIFT_PAGES_URL names"
    if settings.archive_url is not None:
        yield "the archive, which NIGHTSHIFT_ARCHIVE_URL names"
    if key_is_given():
        yield "the key of personal data, which a variable gives; the restored installation needs the same"


def _add_database(tar: tarfile.TarFile, settings: Settings, name: str) -> int:
    """Dump a database into the backup; its size in bytes."""
    parent = settings.home / "tmp" / "backup"
    scratch.sweep(parent)
    folder = scratch.take(parent)
    try:
        folder.mkdir(mode=0o700)
        file = folder / "dump"
        database_dumps.dump(settings, name, file)
        _add_file(tar, file, f"{DUMPS}/{name}")
        return file.stat().st_size
    finally:
        scratch.discard(folder)


def _add_folder(tar: tarfile.TarFile, folder: Path, say: Say) -> tuple[int, int]:
    """Add a folder of the home, links as what they lead to; how many files it has, and their bytes."""
    if folder.is_symlink() and not folder.exists():
        raise UsageError(f"{folder} is a link to nothing: mount what it leads to")
    count = size = 0
    for path in _below(folder, folder.resolve()) if folder.exists() else ():
        place = str(Path(HOME, folder.name, path.relative_to(folder)))
        if path.is_file():
            count, size = count + 1, size + path.stat().st_size
        elif not path.is_dir():
            # A delivery may be a link to what is gone; the archive has what was landed of it.
            if folder.name not in MAY_LEAD_NOWHERE:
                raise UsageError(f"{path} leads to no file: mount what it leads to")
            say(f"not in it: {path}, which leads to no file")
            continue
        _add_file(tar, path, place)
    return count, size


def _below(folder: Path, top: Path) -> Iterator[Path]:
    """A folder and all that is below it; links are followed where they lead out of it, and others are names only."""
    yield folder
    for path in sorted(folder.iterdir()):
        if not path.is_dir():
            yield path
        elif not path.is_symlink():
            yield from _below(path, top)
        elif not (path.resolve().is_relative_to(top) or top.is_relative_to(path.resolve())):
            yield from _below(path, path.resolve())


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
