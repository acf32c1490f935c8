"""`nightshift sql`: ask the published tables, in about a second."""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pyarrow as pa


@click.command()
@click.argument("query", required=False)
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", help="How the rows are written."
)
@click.option("--max-rows", default=200, show_default=True, help="Rows shown as a table; csv and json have them all.")
def sql(query: str | None, form: str, max_rows: int) -> None:
    r"""Run QUERY on the published tables; without one, list them.

    \b
    nightshift sql "SELECT carrier, avg(probability) FROM gold.flight_delays_scores
                    WHERE batch_date = DATE '2013-10-01' GROUP BY carrier ORDER BY 2 DESC"
    """
    from nightshift.query import published_tables
    from nightshift.query import query as run

    if query is None:
        for name, table in sorted(published_tables().items()):
            click.echo(f"{name}\n    {table.description} Grain: {table.grain}.")
            click.echo(f"    {', '.join(table.column_names)}")
        return
    rows = run(query)
    {"table": _table, "csv": _csv, "json": _json}[form](rows, max_rows)


def _table(rows: pa.Table, max_rows: int) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(show_edge=False, header_style="bold")
    for column in rows.schema:
        shown.add_column(column.name, justify="right" if _is_number(column.type) else "left")
    for row in rows.slice(0, max_rows).to_pylist():
        shown.add_row(*(_cell(value) for value in row.values()))
    # A pipe has no width of its own: nothing is cut there.
    Console(width=None if sys.stdout.isatty() else 10_000).print(shown)
    more = rows.num_rows - max_rows
    click.echo(
        f"({rows.num_rows} rows{f', {more} not shown: raise --max-rows or use --format csv' if more > 0 else ''})"
    )


def _csv(rows: pa.Table, _: int) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(rows.column_names)
    for batch in rows.to_batches():
        writer.writerows([_plain(value) for value in row.values()] for row in batch.to_pylist())


def _plain(value: object) -> object:
    """A cell of a CSV file has no parts, so that what has them is JSON."""
    return json.dumps(value, default=str, ensure_ascii=False) if isinstance(value, list | dict) else value


def _json(rows: pa.Table, _: int) -> None:
    click.echo(json.dumps(rows.to_pylist(), default=str, ensure_ascii=False, indent=2))


def _is_number(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return "\n".join(_cell(item) for item in value)
    if isinstance(value, dict):
        # A reason is its phrase, and how far it moves the score; of other structs, all fields are told.
        if value.keys() == {"feature", "value", "contribution", "phrase"}:
            return f"{value['phrase']} ({value['contribution']:+.3f})"
        return ", ".join(f"{name} {_cell(field)}" for name, field in value.items())
    return f"{value:.4f}" if isinstance(value, float) else str(value)
