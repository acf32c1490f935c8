"""`nightshift contracts`: the tables' data contracts, for catalogs and tools that read the standard."""

from __future__ import annotations

from pathlib import Path

import click

from nightshift import terminal
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings


@click.command()
@click.argument("table", required=False)
@click.option("--use-case", help="Only the contracts of this use case.")
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), help="Write them into this folder.")
@pass_settings
def contracts(settings: Settings, table: str | None, use_case: str | None, to: Path | None) -> None:
    r"""Print the contract of TABLE, or list all; with --to, write them as files.

    They are YAML in the Open Data Contract Standard.

    \b
    nightshift contracts gold.<use case>_scores
    nightshift contracts --use-case <use case> --to /tmp/contracts
    """
    from nightshift.catalogue.data_contracts import text
    from nightshift.declarations.sql_checks import checked_use_cases
    from nightshift.errors import UsageError

    found = {
        each.full_name: each
        for catalog in checked_use_cases(settings).warn().catalogs
        for each in catalog
        if (use_case is None or each.use_case == use_case) and (table is None or each.full_name == table)
    }
    if not found:
        asked = table or f"of the use case {use_case}"
        raise UsageError(f"there is no table {asked}: `nightshift contracts` lists those that there are")
    if to is not None:
        for each in found.values():
            place = to / each.use_case / f"{each.short_name}.odcs.yaml"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text(each), encoding="utf-8")
        terminal.echo(f"{len(found)} contracts below {to}")
    elif table is not None:
        terminal.echo(text(found[table]).rstrip("\n"))
    else:
        for name, each in sorted(found.items()):
            terminal.echo(f"{name}  version {each.version}  {each.owner}")
