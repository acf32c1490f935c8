"""`nightshift up`, `down` and `clean`."""

from __future__ import annotations

import time

import click

from nightshift import terminal
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings
from nightshift.install.services import external_services, start, stop


@click.command()
@pass_settings
def up(settings: Settings) -> None:
    """Start the embedded services and print where they are.

    PostgreSQL, Airflow, MLflow and a page of audit reports, all on this machine only. Running it again starts
    what does not run, and ends nothing that does.
    """
    began = time.monotonic()
    found = start.start(lambda text: terminal.echo(f"{time.monotonic() - began:5.0f} s  {text}"), settings)
    terminal.echo(f"{time.monotonic() - began:5.0f} s  up", fg="green")
    terminal.echo(
        f"\n  Airflow    {found.airflow}   user {found.user}, password {found.password}"
        f"\n             (kept in {found.password_file})"
        f"\n  MLflow     {found.mlflow}"
        f"\n  Data Docs  {found.data_docs}"
        f"\n  home       {settings.home}\n"
    )


@click.command()
@pass_settings
def down(settings: Settings) -> None:
    """End every process that this home started, also what a crash left behind."""
    external_services.refuse(settings)
    ended = stop.stop(terminal.echo, settings)
    terminal.echo(f"{ended} processes ended." if ended else "Nothing was running.")


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_settings
def clean(settings: Settings, yes: bool) -> None:
    """End every process of this home and remove all its state: lake, models, ledger, logs."""
    external_services.refuse(settings)
    home = settings.home
    if home.exists() and not yes:
        click.confirm(f"Remove {home} with all its tables, models and logs?", abort=True)
    stop.clean(terminal.echo, settings)
