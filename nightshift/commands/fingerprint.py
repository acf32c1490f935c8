"""`nightshift fingerprint`: whether two installations hold the same rows, without bringing them together."""

from __future__ import annotations

import click

from nightshift import terminal
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings


@click.command()
@click.argument("table", required=False)
@pass_settings
def fingerprint(settings: Settings, table: str | None) -> None:
    r"""Print each published slice of TABLE, or of all, with its rows and a digest of them.

    The digest is the same for the same rows, in whatever order and files they lie, and another where a single value
    differs. Two installations hold the same where this prints the same:

    \b
    nightshift fingerprint > here
    docker compose run --rm -T cli fingerprint > there
    diff here there
    """
    from nightshift.errors import UsageError
    from nightshift.lake.fingerprints import fingerprints
    from nightshift.lake.sql_queries import published_tables

    tables = published_tables(settings)
    if table is not None and table not in tables:
        raise UsageError(f"there is no published table {table}: `nightshift sql` lists those that there are")
    for name in sorted(tables) if table is None else [table]:
        for each in fingerprints(tables[name]):
            terminal.echo(f"{name}\t{each.batch_date}\t{each.rows}\t{each.digest}")
