"""`nightshift fingerprint`: whether two installations hold the same rows, without bringing them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nightshift import terminal
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nightshift.declarations.tables import Table

_HALF = 2**64


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
    from nightshift.lake.sql_queries import published_tables

    tables = published_tables(settings)
    if table is not None and table not in tables:
        raise UsageError(f"there is no published table {table}: `nightshift sql` lists those that there are")
    for name in sorted(tables) if table is None else [table]:
        for line in _slices(tables[name]):
            terminal.echo(f"{name}\t{line}")


def _slices(table: Table) -> Iterator[str]:
    from nightshift.lake.sql_queries import query

    # Sums of digests: neither the order nor the files of the rows count, and a row that is there twice does.
    # Of each row as JSON, in which text and null are told apart.
    parts = ", ".join(f"sum(CAST(md5_number_{half}(to_json(row)) AS HUGEINT))" for half in ("upper", "lower"))
    asked = f"SELECT batch_date, count(*), {parts} FROM {table.full_name} AS row GROUP BY 1 ORDER BY 1"
    found = query(asked, table.home)
    for date, rows, upper, lower in zip(*(column.to_pylist() for column in found.columns), strict=True):
        yield f"{date}\t{rows}\t{int(upper) % _HALF:016x}{int(lower) % _HALF:016x}"
