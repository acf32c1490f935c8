"""`nightshift quarantine`: see what was not accepted, and decide what becomes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.decorators import FC

from nightshift import terminal
from nightshift.dates import BatchDates, parse_date
from nightshift.errors import DecisionError, UsageError
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings

if TYPE_CHECKING:
    from nightshift.declarations.catalog import Catalog
    from nightshift.ledger.row_decisions import Action

STATES = ("open", "rejected", "waiting")


@click.group()
def quarantine() -> None:
    """Work with rows that were not accepted (docs/runbooks/quarantine.md).

    A decision counts as soon as its date is landed again.
    """


@quarantine.command("list")
@click.option("--use-case", required=True)
@click.option("--dates", "--date", "dates", required=True, metavar="A..B", help="Batch date, or inclusive range.")
@click.option("--table", help="Only this source, like customers.")
@click.option("--rule", help="Only rows that break this rule, like distance.maximum.")
@click.option("--json", "as_json", is_flag=True, help="For programs: an object with `tables` and `rules`.")
@pass_settings
def list_counts(
    settings: Settings, use_case: str, dates: str, table: str | None, rule: str | None, as_json: bool
) -> None:
    """Count the quarantined rows, per date and table and per broken rule.

    open: nobody has decided. rejected: a person has decided that they stay out. waiting: released, and in quarantine
    until the date is landed again. released: let pass by decision of a person.
    """
    from nightshift.ingest.quarantine.quarantined_rows import Selection, counts

    catalog = _catalog(settings, use_case)
    found = counts(
        catalog, Selection(BatchDates.parse(dates, catalog.use_case.calendar), _source(catalog, table), rule)
    )
    if as_json:
        terminal.echo_json(found)
    elif not found["tables"]:
        terminal.echo(f"nothing of {dates} is in the quarantine of {use_case}")
    else:
        _print(found["tables"], ("batch_date", "table", "rows", *STATES, "released"))
        _print(found["rules"], ("batch_date", "table", "rule", "rows", *STATES))
        terminal.echo(f"rows: nightshift quarantine show --use-case {use_case} --dates {dates}")


@quarantine.command()
@click.option("--use-case", required=True)
@click.option("--dates", "--date", "dates", required=True, metavar="A..B", help="Batch date, or inclusive range.")
@click.option("--table", help="Only this source, like customers.")
@click.option("--rule", help="Only rows that break this rule, like distance.maximum.")
@click.option("--file", help="Only this file of the delivery.")
@click.option("--record", type=int, help="Only this line or record number.")
@click.option("--limit", default=20, show_default=True, help="How many rows.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of objects.")
@pass_settings
def show(
    settings: Settings,
    use_case: str,
    dates: str,
    table: str | None,
    rule: str | None,
    file: str | None,
    record: int | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show quarantined rows: where they stand, what is wrong, and what was decided. Personal data is masked."""
    from nightshift.ingest.quarantine.quarantined_rows import Selection, rows

    catalog = _catalog(settings, use_case)
    selection = Selection(
        BatchDates.parse(dates, catalog.use_case.calendar), _source(catalog, table), rule, file, record
    )
    found = rows(catalog, selection, limit)
    if as_json:
        terminal.echo_json(found)
        return
    for row in found:
        decided = f" by {row['decided_by']}: {row['decided_why']}" if row["decided_by"] else ""
        terminal.echo(
            f"{row['batch_date']} {row['table']}: {row['file']} record {row['record']}, {row['state']}{decided}"
        )
        terminal.echo(f"    breaks  {row['rules'].replace(',', ', ')}\n    because {row['reason']}")
        if row["raw"] is not None:
            terminal.echo(f"    raw     {row['raw']}")
        terminal.echo(f"    sha256  {row['file_sha256']}")
    terminal.echo(f"({len(found)} rows{', raise --limit for more' if len(found) == limit else ''})")


def _decision(command: FC) -> FC:
    """The options of both decisions."""
    for option in reversed(
        (
            click.option("--use-case", required=True),
            click.option("--table", required=True, help="The source, like customers."),
            click.option("--date", required=True, help="Batch date."),
            click.option("--rule", help="Only rows that break this rule; unset: all that can be decided."),
            click.option("--file", help="Only this file of the delivery."),
            click.option("--record", type=int, help="Only this line or record number; needs --file."),
            click.option("--who", required=True, help="Who decides."),
            click.option("--why", required=True, help="Why, in words that will still be understood in a year."),
        )
    ):
        command = option(command)
    return command


@quarantine.command()
@_decision
@pass_settings
def release(settings: Settings, /, **given: Any) -> None:
    """Let rows pass although they break a rule.

    Bounds, accepted values, patterns and rules between columns can be waived. What can't be read, is missing or of
    another type can't: only a fixed rule or a new delivery helps.
    """
    _decide(settings, "release", **given)


@quarantine.command()
@_decision
@pass_settings
def reject(settings: Settings, /, **given: Any) -> None:
    """Keep rows out for good: they no longer count against the tolerated share."""
    _decide(settings, "reject", **given)


def _decide(
    settings: Settings,
    action: Action,
    use_case: str,
    table: str,
    date: str,
    rule: str | None,
    file: str | None,
    record: int | None,
    who: str,
    why: str,
) -> None:
    from nightshift.ingest.quarantine.decide_rows import decide, land_again
    from nightshift.ingest.quarantine.quarantined_rows import Selection

    if record is not None and file is None:
        raise UsageError("--record needs --file: a record's number is its place within a file")
    catalog = _catalog(settings, use_case)
    dates = BatchDates.parse(str(parse_date(date)), catalog.use_case.calendar)
    done = decide(catalog, action, Selection(dates, _source(catalog, table), rule, file, record), who, why)
    word = {"release": "released", "reject": "rejected"}[action]
    terminal.echo(f"{done.rows} rows {word}{f', {done.already} were so before' if done.already else ''}")
    if not done.rows:
        # A reason that was given and is kept nowhere must not look like a decision.
        raise DecisionError(
            f"nothing was decided: {done.already} rows are {word} already, and the reason that was given now is not "
            f"kept; `nightshift quarantine show --use-case {use_case} --date {date} --table {table}` shows by whom"
        )
    for rules, number in done.left.items():
        terminal.echo(f"{number} rows stay as they are: they break {rules.replace(',', ', ')}")
    if done.rows:
        terminal.echo(f"It counts when the date is landed again:\n{land_again(use_case, dates)}")


def _catalog(settings: Settings, use_case: str) -> Catalog:
    from nightshift.declarations.catalog import Catalog
    from nightshift.declarations.use_case import UseCase

    return Catalog(UseCase.load(use_case, settings))


def _source(catalog: Catalog, name: str | None) -> str | None:
    from nightshift.ingest.quarantine.quarantined_rows import source_table

    return None if name is None else source_table(catalog, name).name


def _print(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    terminal.print_table(
        [name.replace("_", " ") for name in columns],
        [[f"{row[name]:,}" if isinstance(row[name], int) else row[name] for name in columns] for row in rows],
        right=(*STATES, "rows", "released"),
    )
    terminal.echo()
