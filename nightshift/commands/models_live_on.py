"""`nightshift models live-on`: the champion of one batch date, and the versions that scored it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from nightshift import terminal
from nightshift.commands.model_tables import reign_row, shown
from nightshift.dates import parse_date
from nightshift.declarations.use_case import UseCase
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings

if TYPE_CHECKING:
    from nightshift.ledger.scores import Scoring
    from nightshift.models.champions import Reign


@click.command("live-on")
@click.argument("date")
@click.option("--use-case", required=True)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_settings
def live_on(settings: Settings, date: str, use_case: str, as_json: bool) -> None:
    """Show the version that is champion of batch date DATE, and the versions that made its scores, the newest first.

    They differ after a rollback, until the date is scored again, and where somebody scored it with a version by its
    number. Then it is shown, too, who was champion of the date when the scores were made.

    Exits with 1 where the date has no champion.
    """
    from nightshift.ledger.scores import scorings
    from nightshift.models import champions

    case, day = UseCase.load(use_case, settings), parse_date(date)
    made = champions.decisions(case)
    reign = champions.reign_on(made, day)
    scored = [(each, champions.reign_on(made, day, each.at)) for each in scorings(case, day)]
    if as_json:
        rows = [
            {"version": each.version, "at": each.at, "run_id": each.run_id, "champion_then": then and reign_row(then)}
            for each, then in scored
        ]
        terminal.echo_json((reign_row(reign) if reign else {"version": None}) | {"scores": rows})
    else:
        is_blocked = reign is not None and reign.version in champions.blocked(made)
        terminal.echo(_words(reign, is_blocked) if reign else f"{case.model_name} had no champion on {day}")
        terminal.echo("\n".join(_scored(scored, reign)) or "no scores of the date were published")
    if reign is None:
        raise SystemExit(1)


def _scored(scored: Sequence[tuple[Scoring, Reign | None]], reign: Reign | None) -> Iterator[str]:
    """In words; who was champion then only where it tells more than the reign of now."""
    for number, (each, then) in enumerate(scored):
        which = "the scores that they replaced" if number else "the scores that readers see"
        yield f"{which}: made by version {each.version} at {shown(each.at)}, run {each.run_id}"
        if then is None:
            yield "  champion of the date then: none"
        elif then.version != each.version or reign is None or then.decided_at != reign.decided_at:
            yield "  champion of the date then: " + _words(then).replace("\n", "\n  ")


def _words(reign: Reign, is_blocked: bool = False) -> str:
    return (
        f"version {reign.version}{' (blocked by now)' if is_blocked else ''}, {reign.dates}\n"
        f"{reign.action} by {reign.who} at {shown(reign.decided_at)}, run {reign.run_id}: {reign.why}"
    )
