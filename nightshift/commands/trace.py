"""`nightshift trace`: the sums of a slice, hop by hop, down to the landed files and the quarantined rows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from nightshift import terminal
from nightshift.dates import parse_date
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings

if TYPE_CHECKING:
    from rich.tree import Tree

    from nightshift.ledger import Input
    from nightshift.ledger.row_origins import Hop


@click.command()
@click.argument("table")
@click.argument("date")
@click.option("--use-case", default=None, help="Needed only where several use cases have a table of that name.")
@click.option("--json", "as_json", is_flag=True, help="For programs: nested objects.")
@pass_settings
def trace(settings: Settings, table: str, date: str, use_case: str | None, as_json: bool) -> None:
    """Follow the rows of TABLE (like gold.scores) of batch date DATE back to the files that they were landed from.

    Exits with 1 when the sums of a hop do not balance.
    """
    from nightshift.lake.recovery import recover_entries
    from nightshift.ledger.row_origins import trace as traced

    catalog, found = _find(settings, table, use_case)
    recover_entries(catalog)
    hop = traced(catalog, found, parse_date(date))
    if as_json:
        terminal.echo_json(_plain(hop))
    else:
        terminal.console().print(_tree(hop))
    if not all(each.balances for each in hop.walk()):
        raise SystemExit(1)


def _find(settings: Settings, table: str, use_case: str | None) -> Any:
    from nightshift.declarations.found_use_cases import asked_use_cases
    from nightshift.errors import UsageError

    catalogs = asked_use_cases(settings, use_case).catalogs
    found = [(catalog, each) for catalog in catalogs for each in catalog if table in (each.short_name, each.full_name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"several use cases have a table {table}: say which, with --use-case")
    known = ", ".join(sorted(each.short_name for catalog in catalogs for each in catalog))
    raise UsageError(f"there is no table {table!r}; there are: {known}")


def _tree(hop: Hop) -> Tree:
    from rich.tree import Tree

    tree = Tree(_hop_line(hop))
    _grow(tree, hop)
    return tree


def _grow(tree: Tree, hop: Hop) -> None:
    shown: set[int] = set()
    for taken, before in hop.sources:
        branch = tree.add(_input_line(taken))
        if before is None:
            continue
        if before.entry.id in shown:
            branch.add(f"{before.table.short_name}, as above")
            continue
        shown.add(before.entry.id)
        _grow(branch.add(_hop_line(before)), before)
    if hop.table.layer == "bronze" and hop.entry.rows_quarantined:
        tree.add(
            f"quarantined rows: `nightshift quarantine show --use-case {hop.table.use_case} "
            f"--table {hop.table.short_name} --date {hop.entry.batch_date}`"
        )


def _hop_line(hop: Hop) -> str:
    entry = hop.entry
    sums = f"{entry.rows_published:,} published"
    if entry.rows_in is not None:
        sums = (
            f"{entry.rows_in:,} in = {sums} + {entry.rows_quarantined:,} quarantined "
            f"+ {entry.rows_deduplicated:,} deduplicated"
        )
    verdict = "" if hop.balances else " [bold red]out of balance[/]"
    model = f", {entry.model_name} version {entry.model_version}" if entry.model_name else ""
    made = f"version {entry.delta_version}, run {entry.run_id}, code {entry.code_version}{model}"
    return (
        f"[bold]{hop.table.short_name} {entry.batch_date}[/] {sums}{verdict}\n"
        f"[dim]{terminal.in_markup(made)}, audited as {(entry.stage_sha256 or 'unknown')[:12]}[/]"
    )


def _input_line(taken: Input) -> str:
    version = f"version {taken.version}" if taken.kind == "table" else f"sha256 {taken.version[:12]}"
    aside = "".join(
        f", {count:,} {what}"
        for count, what in ((taken.quarantined, "quarantined"), (taken.deduplicated, "deduplicated"))
        if count
    )
    rows = "" if taken.kind == "table" and taken.origin else f": {taken.rows:,} rows{aside}"
    origin = f" ({taken.origin})" if taken.origin else ""
    return terminal.in_markup(f"from {taken.kind} {taken.name} {version}{rows}{origin}")


def _plain(hop: Hop) -> dict[str, Any]:
    entry = hop.entry
    columns = ("rows_in", "rows_published", "rows_quarantined", "rows_deduplicated", "delta_version", "stage_sha256")
    return {
        "table": hop.table.short_name,
        "batch_date": entry.batch_date,
        **{name: getattr(entry, name) for name in (*columns, "run_id", "code_version", "model_name", "model_version")},
        "balances": hop.balances,
        "inputs": [
            {**dataclasses.asdict(taken), "from": None if before is None else _plain(before)}
            for taken, before in hop.sources
        ],
    }
