"""What the demo prints at its end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table as Grid

from nightshift import ledger, terminal
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.score_names import SCORES
from nightshift.declarations.tables import QUARANTINE
from nightshift.declarations.use_case import UseCase
from nightshift.errors import UsageError
from nightshift.lake.sql_queries import query
from nightshift.models import champions


@dataclass(frozen=True)
class Night:
    """One batch date in numbers.

    Attributes:
        seconds: wall time of its DAG run, first task to last.
        auc: area under the ROC curve once labels came; None before.
    """

    date: dt.date
    landed: int
    quarantined: int
    scored: int
    seconds: float
    auc: float | None


def night(use_case: UseCase, date: dt.date, seconds: float) -> Night:
    """The numbers of one batch date, from the ledger and the published tables."""
    entries = ledger.latest(use_case.name, date, published=True)
    # The quarantine's own rows are those that the sources count as set aside.
    landed = [entry for entry in entries if entry.stage == "land" and entry.table_name != QUARANTINE]
    return Night(
        date=date,
        landed=sum(entry.rows_in or 0 for entry in landed),
        quarantined=sum(entry.rows_quarantined or 0 for entry in landed),
        scored=sum(entry.rows_published or 0 for entry in entries if entry.table_name == SCORES),
        seconds=seconds,
        auc=realised_auc(use_case, date),
    )


def realised_auc(use_case: UseCase, date: dt.date) -> float | None:
    """How well the scores of a batch date ranked what then happened; None until its labels came."""
    from sklearn.metrics import roc_auc_score

    catalog = Catalog(use_case)
    scores, outcomes = catalog[SCORES], catalog[f"silver.{use_case.target.table}"]
    if not (scores.exists() and outcomes.exists()):
        return None
    labels_come = date + dt.timedelta(days=use_case.target.maturity_days)
    rows = query(
        f"SELECT scored.probability, outcome.{use_case.target.column} AS label FROM {scores.full_name} AS scored "
        f"JOIN {outcomes.full_name} AS outcome USING ({', '.join(scores.keys)}) "
        f"WHERE scored.batch_date = DATE '{date}' AND outcome.batch_date = DATE '{labels_come}'"
    ).to_pydict()
    if len(set(rows["label"])) < 2:
        return None
    return float(roc_auc_score(rows["label"], rows["probability"]))


def print_nights(console: Console, nights: list[Night]) -> None:
    """One line per batch date."""
    grid = Grid("batch date", "landed", "quarantined", "scored", "seconds", "realised AUC", show_edge=False)
    for column in grid.columns[1:]:
        column.justify = "right"
    for each in nights:
        auc = "labels come tomorrow" if each.auc is None else f"{each.auc:.3f}"
        numbers = (f"{each.landed:,}", f"{each.quarantined:,}", f"{each.scored:,}", f"{each.seconds:.0f}", auc)
        grid.add_row(str(each.date), *numbers)
    console.print(grid)


def print_query(console: Console, use_case: UseCase) -> None:
    """The use case's own closing query."""
    if use_case.demo is None:
        raise UsageError(f"{use_case.name} has no `demo` in use_case.yaml")
    rows = query(use_case.demo.show)
    grid = Grid(title=terminal.cell(use_case.demo.show_title), title_justify="left", show_edge=False)
    for name in rows.column_names:
        grid.add_column(terminal.cell(name))
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        grid.add_row(*(terminal.cell(f"{value:.3f}" if isinstance(value, float) else value) for value in row))
    console.print(grid)


def print_champions(console: Console, use_case: UseCase) -> None:
    """Which version is champion of which batch dates, by whom and why."""
    grid = Grid("version", "batch dates", "decided by", "why", title="Champions", title_justify="left", show_edge=False)
    for reign in champions.history(use_case):
        grid.add_row(*map(terminal.cell, (reign.version, reign.dates, reign.who, reign.why)))
    console.print(grid)


def print_places(console: Console, places: Mapping[str, str]) -> None:
    """Where to click."""
    grid = Grid(show_header=False, show_edge=False, title="Where to click", title_justify="left")
    for name, place in places.items():
        grid.add_row(terminal.cell(name, "bold"), terminal.cell(place))
    console.print(grid)
