"""`nightshift backup` and `nightshift restore`: all state in one file, and back, embedded or on servers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from nightshift import terminal
from nightshift.home.command_settings import pass_settings
from nightshift.home.outside_errors import unusable
from nightshift.home.settings import Settings


@click.command()
@click.argument("file")
@pass_settings
def backup(settings: Settings, file: str) -> None:
    """Write everything that this installation holds to FILE, or to standard output where FILE is `-`.

    Lake, landing zone, archive, models, audit pages, logs, and the databases with history, ledger and registry. The
    services must be down. Nobody but its owner may read FILE: it holds rows in clear, and keys.
    """
    from nightshift.install.backup import write_backup

    if file == "-":
        write_backup.write_to(sys.stdout.buffer, settings, _say)
        return
    path, new = Path(file), Path(f"{file}.new")
    if path.exists():
        raise click.UsageError(f"{path} is there already: name another file")
    try:
        # What a killed backup left.
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            write_backup.write_to(stream, settings, _say)
        new.replace(path)
    except OSError as error:
        raise unusable(f"{error.filename or new} can't be read or written", error) from error
    finally:
        new.unlink(missing_ok=True)


@click.command()
@click.argument("file")
@pass_settings
def restore(settings: Settings, file: str) -> None:
    """Read FILE, or standard input where FILE is `-`, into this installation, which must hold nothing yet.

    A backup of the embedded form is restored on servers, and one of servers in the embedded form. The services must be
    down. A restore that did not come to its end is carried out again.
    """
    from nightshift.install.backup import restore_backup

    if file == "-":
        restore_backup.restore_from(sys.stdin.buffer, settings, _say)
        return
    try:
        with Path(file).open("rb") as stream:
            restore_backup.restore_from(stream, settings, _say)
    except OSError as error:
        raise unusable(f"{error.filename or file} can't be read or written", error) from error


def _say(line: str) -> None:
    # Standard output may be the backup itself.
    terminal.echo(line, err=True)
