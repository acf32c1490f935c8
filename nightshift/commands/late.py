"""`nightshift late`: what came late or was corrected, and what has to be made again because of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from nightshift import terminal
from nightshift.dates import BatchDates
from nightshift.declarations.use_case import UseCase
from nightshift.errors import UsageError
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings

if TYPE_CHECKING:
    from nightshift.ingest.late import Changes


@click.command()
@click.option("--use-case", help="Only this use case.")
@click.option("--all-dates", is_flag=True, help="Look at every batch date, not at `delivery.late_days` only.")
@click.option("--leave-out", metavar="A..B", help="Pass over the deliveries of these batch dates.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of objects.")
@pass_settings
def late(settings: Settings, use_case: str | None, all_dates: bool, leave_out: str | None, as_json: bool) -> None:
    """List late and corrected deliveries, and the dates of each stage that they touch.

    This only looks: the DAG <use case>_catch_up redoes them.
    """
    from nightshift.declarations.found_use_cases import asked_use_cases
    from nightshift.ingest.late import find
    from nightshift.ingest.late.changes_in_words import describe, next_steps

    catalogs = asked_use_cases(settings, use_case).catalogs
    passed_over = _batch_dates(leave_out, [each.use_case for each in catalogs]) if leave_out else frozenset[dt.date]()
    found = [(each.use_case, find(each.use_case, each, all_dates, passed_over)) for each in catalogs]
    if as_json:
        terminal.echo_json([_as_values(case, changes) for case, changes in found])
        return
    for case, changes in found:
        terminal.echo("\n".join([*describe(case, changes), *next_steps(case, changes)]))


def _batch_dates(text: str, cases: Sequence[UseCase]) -> frozenset[dt.date]:
    """The batch dates of a range that any of some use cases has; says which of them have none.

    Raises:
        UsageError: if none has any.
    """
    found: set[dt.date] = set()
    refused: dict[str, UsageError] = {}
    for case in cases:
        try:
            found.update(BatchDates.parse(text, case.calendar))
        except UsageError as error:
            refused[case.name] = error
    if refused and not found:
        raise next(iter(refused.values()))
    for name, reason in refused.items():
        terminal.echo(f"--leave-out means nothing to {name}: {reason}", err=True)
    return frozenset(found)


def _as_values(case: UseCase, changes: Changes) -> dict[str, Any]:
    return {
        "use_case": case.name,
        "looked_at": changes.dates and str(changes.dates),
        "found": [asdict(change) for change in changes.found],
        "stages": {stage: [str(dates) for dates in several] for stage, several in changes.stages.items()},
    }
