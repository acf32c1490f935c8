"""`nightshift up`, `down` and `clean`."""

from __future__ import annotations

import time

import click

from nightshift import terminal
from nightshift.home.settings import get_settings
from nightshift.install.services import elsewhere, start, stop


@click.command()
def up() -> None:
    """Start the embedded services and print where they are.

    PostgreSQL, Airflow, MLflow and a page of audit reports, all on this machine only. Running it again starts
    what does not run, and ends nothing that does.
    """
    began = time.monotonic()
    found = start.start(lambda text: terminal.echo(f"{time.monotonic() - began:5.0f} s  {text}"))
    terminal.echo(f"{time.monotonic() - began:5.0f} s  up", fg="green")
    terminal.echo(
        f"\n  Airflow    {found.airflow}   user {found.user}, password {found.password}"
        f"\n             (kept in {found.password_file})"
        f"\n  MLflow     {found.mlflow}"
        f"\n  Data Docs  {found.data_docs}"
        f"\n  home       {get_settings().home}\n"
    )


@click.command()
def down() -> None:
    """End every process that this home started, also what a crash left behind."""
    elsewhere.refuse(get_settings())
    ended = stop.stop(terminal.echo)
    terminal.echo(f"{ended} processes ended." if ended else "Nothing was running.")


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def clean(yes: bool) -> None:
    """End every process of this home and remove all its state: lake, models, ledger, logs."""
    elsewhere.refuse(get_settings())
    home = get_settings().home
    if home.exists() and not yes:
        click.confirm(f"Remove {home} with all its tables, models and logs?", abort=True)
    stop.clean(terminal.echo)
