"""`nightshift sql`: ask the published tables, in about a second."""

from __future__ import annotations

import csv
import decimal
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from nightshift import terminal
from nightshift.figures import number
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

# A pipe has no width of its own: nothing is cut there.
UNCUT = 10_000


@click.command()
@click.argument("query", required=False)
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", help="How the rows are written."
)
@click.option(
    "--max-rows",
    type=click.IntRange(min=0),
    default=200,
    show_default=True,
    help="Rows shown as a table; csv and json have them all.",
)
@pass_settings
def sql(settings: Settings, query: str | None, form: str, max_rows: int) -> None:
    r"""Run QUERY on the published tables; without one, list them.

    \b
    nightshift sql "SELECT decision, avg(probability) FROM gold.<use case>_scores
                    WHERE batch_date = DATE '2013-10-01' GROUP BY decision ORDER BY 2 DESC"

    A table shows data as it is, with control characters as escapes, and a line per value where the terminal is too
    narrow; csv has it raw. In json, of columns of one name the later ones are called `a_2`, `a_3`; what is no finite
    number is null; decimals, dates and times are text.
    """
    from nightshift.lake.sql_queries import published_tables
    from nightshift.lake.sql_queries import query as run

    if query is None:
        for name, table in sorted(published_tables(settings).items()):
            terminal.echo(f"{name}\n    {table.description} Grain: {table.grain}.")
            terminal.echo(f"    {', '.join(table.column_names)}")
        return
    rows = run(query, settings)
    {"table": _table, "csv": _csv, "json": _json}[form](rows, max_rows)


def _table(rows: pa.Table, max_rows: int) -> None:
    numbers = {column.name for column in rows.schema if _is_number(column.type)}
    cells = ([_cell(value) for value in row] for row in _rows(rows.slice(0, max_rows)))
    terminal.print_table(rows.column_names, cells, right=numbers, pipe_width=UNCUT)
    more = rows.num_rows - max_rows
    terminal.echo(
        f"({rows.num_rows} rows{f', {more} not shown: raise --max-rows or use --format csv' if more > 0 else ''})"
    )


def _csv(rows: pa.Table, _: int) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(rows.column_names)
    writer.writerows([_plain(value) for value in row] for row in _rows(rows))


def _json(rows: pa.Table, _: int) -> None:
    names = told_apart(rows.column_names)
    terminal.echo_json([{name: _number(value) for name, value in zip(names, row, strict=True)} for row in _rows(rows)])


def told_apart(names: Sequence[str]) -> list[str]:
    """Names of which none occurs twice: the second `a` is `a_2`, unless a column has that name."""
    found: list[str] = []
    for place, name in enumerate(names):
        number, other = 2, name
        while other in found or (other != name and other in names[place:]):
            number, other = number + 1, f"{name}_{number}"
        found.append(other)
    return found


def _rows(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    """Rows by place: several columns may have one name."""
    for batch in rows.to_batches():
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _plain(value: object) -> object:
    """A cell of a CSV file has no parts, so that what has them is JSON."""
    return terminal.as_json(value, indent=None) if isinstance(value, list | dict) else value


def _number(value: object) -> object:
    """Whole numbers as such, of which sums are decimals; JSON has no bounds for them."""
    is_whole = isinstance(value, decimal.Decimal) and value.as_tuple().exponent == 0
    return int(value) if is_whole and isinstance(value, decimal.Decimal) else value


def _is_number(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _cell(value: object) -> Any:
    from rich.text import Text

    # Each item of a list has a line of its own.
    return Text("\n".join(_lines(value)))


def _lines(value: object) -> list[str]:
    if value is None:
        return ["–"]
    if isinstance(value, list):
        return [line for item in value for line in _lines(item)]
    if isinstance(value, dict):
        # A reason is its phrase, and how far it moves the score; of other structs, all fields are told.
        if value.keys() == {"feature", "value", "contribution", "phrase"}:
            return [terminal.one_line(f"{value['phrase']} ({value['contribution']:+.3f})")]
        return [", ".join(f"{terminal.one_line(name)} {' '.join(_lines(field))}" for name, field in value.items())]
    return [terminal.one_line(number(value) if isinstance(value, float) else value)]
