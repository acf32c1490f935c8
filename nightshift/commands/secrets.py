"""`nightshift secrets`: the files from which the services of docker-compose.yaml read their passwords and keys."""

from __future__ import annotations

import click

from nightshift import terminal
from nightshift.home.command_settings import pass_settings
from nightshift.home.outside_errors import unusable
from nightshift.home.settings import Settings
from nightshift.install.setup import secret_files


@click.group()
def secrets() -> None:
    """Passwords and keys of docker-compose.yaml (docs/deploy.md)."""


@secrets.command()
@pass_settings
def init(settings: Settings) -> None:
    """Make the files of secrets/ that are missing; those that are there stay as they are."""
    project = settings.project_dir
    try:
        terminal.echo(secret_files.told(secret_files.make(project)))
    except OSError as error:
        raise unusable(f"{project / 'secrets'} can't be written", error) from error
