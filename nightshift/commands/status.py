"""`nightshift status`: what the ledger knows per batch date and table."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from nightshift import terminal
from nightshift.dates import parse_date
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nightshift.declarations.catalog import Catalog
    from nightshift.ledger import Entry

TITLES = ("batch date", "table", "status", "in", "published", "quarantined", "deduplicated", "version", "model", "run")
RIGHT_ALIGNED = TITLES[3:8]
LABEL_TITLES = ("batch date", "use case", "rows", "known", "matured", "share", "last labels come", "version")
SUMS = ("rows_in", "rows_published", "rows_quarantined", "rows_deduplicated", "delta_version")
STYLES = {"published": "green", "running": "yellow", "overtaken": "yellow", "refused": "bold red", "failed": "bold red"}


@click.command()
@click.option("--use-case", help="Only this use case.")
@click.option("--date", help="Only this batch date; without it, the newest dates.")
@click.option("--dates-shown", default=7, show_default=True, help="How many of the newest batch dates to show.")
@click.option("--labels", is_flag=True, help="How many labels have matured instead, as the newest training saw it.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of objects.")
@pass_settings
def status(
    settings: Settings, use_case: str | None, date: str | None, dates_shown: int, labels: bool, as_json: bool
) -> None:
    """Show the newest attempt of each table and batch date.

    Exits with 1 when an attempt shown did not publish, its rows do not balance, or a use case is broken.
    """
    from nightshift.declarations.found_use_cases import asked_use_cases
    from nightshift.lake.recovery import recover_entries
    from nightshift.ledger import latest

    found = asked_use_cases(settings, use_case)
    if labels:
        _show_labels(use_case, parse_date(date) if date else None, dates_shown, as_json)
        raise SystemExit(1 if found.broken else 0)
    for catalog in found.catalogs:
        recover_entries(catalog)
    rows = [_row(entry) for entry in latest(use_case, parse_date(date) if date else None, dates_shown)]
    if as_json:
        terminal.echo_json(rows)
    elif rows:
        _print(rows)
        for line in (line for catalog in found.catalogs for line in _overdue(catalog)):
            terminal.echo(line, fg="yellow")
    else:
        terminal.echo("the ledger has no entry yet: run `make demo`, or a night from the Airflow UI")
    if found.broken or any(row["status"] in ("refused", "failed") or not row["balances"] for row in rows):
        raise SystemExit(1)


def _show_labels(use_case: str | None, date: dt.date | None, dates_shown: int, as_json: bool) -> None:
    from nightshift.declarations.label_deliveries import due_in_words
    from nightshift.ledger.label_maturity import recorded

    found = recorded(use_case, date, dates_shown)
    if as_json:
        terminal.echo_json([{**asdict(each), "share": each.share} for each in found])
    elif found:
        cells = [
            (
                *(each.batch_date, each.use_case, _number(each.rows), _number(each.known), _number(each.matured)),
                *(f"{each.share:.1%}", due_in_words(each.labels_due), each.label_table_version),
            )
            for each in found
        ]
        terminal.print_table(LABEL_TITLES, cells, right=LABEL_TITLES[2:6])
    else:
        terminal.echo("no training has read labels yet: it records how many of each batch date have matured")


def _overdue(catalog: Catalog) -> Iterator[str]:
    """What should have come by now; of sample data, whose dates are all past, nothing is awaited."""
    from nightshift.declarations.freshness import overdue
    from nightshift.lake.missing_dates import newest_published

    now = dt.datetime.now(dt.UTC)
    last = catalog.use_case.dates.last
    for table in catalog if last is None or last >= now.date() else ():
        newest = newest_published(table, now.date())
        if (late := overdue(table, catalog.use_case, newest, now)) is not None:
            hours = late.total_seconds() / 3600
            yield f"{table.label}: newest batch date {newest or 'none'}, overdue by {hours:.0f} hours"


def _row(entry: Entry) -> dict[str, Any]:
    from nightshift.ledger.row_accounting import balances

    return {
        "batch_date": entry.batch_date,
        "use_case": entry.use_case,
        "stage": entry.stage,
        "table": entry.table_name,
        "status": entry.status,
        "rows_in": entry.rows_in,
        "rows_published": entry.rows_published,
        "rows_quarantined": entry.rows_quarantined,
        "rows_deduplicated": entry.rows_deduplicated,
        "balances": balances(entry),
        "warnings": entry.warnings,
        "audit_page": entry.audit_page,
        "delta_version": entry.delta_version,
        "model": f"{entry.model_name} v{entry.model_version}" if entry.model_name else None,
        "seconds": None if entry.seconds is None else round(entry.seconds, 1),
        "run_id": entry.run_id,
        "code_version": entry.code_version,
        "started_at": entry.started_at,
        "message": entry.message,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    cells: list[list[object]] = []
    previous: dt.date | None = None
    for row in rows:
        balance = "" if row["balances"] else " out of balance"
        cells.append(
            [
                "" if row["batch_date"] == previous else row["batch_date"],
                f"{row['table']} ({row['use_case']})",
                terminal.cell(row["status"], STYLES[row["status"]]).append(balance, "bold red"),
                *(_number(row[name]) for name in SUMS),
                row["model"] or "",
                row["run_id"],
            ]
        )
        previous = row["batch_date"]
    terminal.print_table(TITLES, cells, right=RIGHT_ALIGNED)
    for row in rows:
        if row["message"]:
            terminal.echo(row["message"], mark=f"\n{row['table']} {row['batch_date']}", bold=True)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
