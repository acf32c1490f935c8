"""`nightshift models audit-pack`: one zip file with all that somebody may ask about a version."""

from __future__ import annotations

from pathlib import Path

import click

from nightshift import terminal
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings


@click.command("audit-pack")
@click.argument("version", type=int)
@click.option("--use-case", required=True)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Zip file; without it, <use case>-<version>-audit-pack.zip in this folder.",
)
@pass_settings
def audit_pack(settings: Settings, version: int, use_case: str, output: Path | None) -> None:
    """Put all that is known of VERSION into one zip file: model, card, data with digests, decisions, declarations."""
    from nightshift.declarations.use_case import UseCase
    from nightshift.models.audit_pack import write_audit_pack

    case = UseCase.load(use_case, settings)
    place = output or Path(f"{case.name}-{version}-audit-pack.zip")
    missing = write_audit_pack(case, version, place)
    terminal.echo(f"{place} ({place.stat().st_size:,} bytes)")
    for each in missing:
        terminal.echo(f"missing: {each}", err=True)
