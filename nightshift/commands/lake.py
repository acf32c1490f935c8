"""`nightshift lake …`: where the lake is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from nightshift import terminal
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings

if TYPE_CHECKING:
    from nightshift.storage.copying import Progress

SAID_EVERY_SECONDS = 5


@click.group()
def lake() -> None:
    """Carry the lake from one place to another."""


@lake.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@pass_settings
def move(settings: Settings, source: str, target: str) -> None:
    r"""Copy the lake at FROM to TO and prove that both hold the same rows, each an absolute path or a URL.

    All versions go along, so that scores can still be replayed. Nothing may run meanwhile. A move that did not come to
    its end is carried out again: what is there already is not copied once more. FROM stays as it is; let
    NIGHTSHIFT_LAKE_URL name TO in the end, and remove FROM when you trust it.

    \b
    nightshift down
    nightshift lake move /srv/nightshift/lake s3://company/lake
    """
    from nightshift.install.backup.move_lake import move_lake

    slices = move_lake(settings, source, target, _Said().progress, terminal.echo)
    terminal.echo(f"{target} holds the same rows: {slices:,} slices of all tables have equal digests", fg="green")
    named = settings.model_copy(update={"lake_url": None}).lake
    setting = "unset NIGHTSHIFT_LAKE_URL" if str(named) == target else f"set NIGHTSHIFT_LAKE_URL={target}"
    terminal.echo(f"Next: {setting} wherever jobs and services start, then `nightshift doctor` and `nightshift up`")


class _Said:
    """How far a copy is, every few seconds and at its end."""

    def __init__(self) -> None:
        self.next = 0.0

    def progress(self, done: Progress) -> None:
        is_through = done.files == done.all_files
        if time.monotonic() < self.next and not is_through:
            return
        self.next = time.monotonic() + SAID_EVERY_SECONDS
        there = f", {done.skipped:,} of them were there" if done.skipped else ""
        size = f"{done.bytes / 1e6:,.1f} of {done.all_bytes / 1e6:,.1f} MB"
        terminal.echo(f"{done.files:,} of {done.all_files:,} files, {size}{there}")
