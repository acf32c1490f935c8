"""What the demo prints at its end."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table as Grid

from nightshift import ledger, terminal
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.label_deliveries import bringing, due_in_words, is_by_maturity, labels_due
from nightshift.declarations.score_names import SCORES
from nightshift.declarations.tables import QUARANTINE, Table
from nightshift.declarations.training_section import BINARY
from nightshift.declarations.use_case import UseCase
from nightshift.errors import UsageError
from nightshift.figures import number
from nightshift.lake.missing_dates import unpublished
from nightshift.lake.sql_queries import query
from nightshift.models import champions


@dataclass(frozen=True)
class Night:
    """One batch date in numbers.

    Attributes:
        seconds: wall time of its DAG run, first task to last.
        realised: how good its scores were, once labels came; None before.
    """

    date: dt.date
    landed: int
    quarantined: int
    scored: int
    seconds: float
    realised: float | None


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
        realised=realised(use_case, date),
    )


def realised(use_case: UseCase, date: dt.date) -> float | None:
    """How near the scores of a batch date came to what then happened; None until its labels came.

    The area under the ROC curve of a binary task, else the mean absolute error; not a number where labels tell neither.
    Which label counts is what `training.data.labels` makes of `target`.
    """
    from sklearn.metrics import mean_absolute_error, roc_auc_score

    catalog = Catalog(use_case)
    scores, outcomes = catalog[SCORES], catalog[f"silver.{use_case.target.table}"]
    deliveries, declared = bringing(use_case, date), use_case.target.if_unknown
    if not (scores.exists() and outcomes.exists()) or unpublished(outcomes, deliveries):
        return None
    is_binary, by_keys = use_case.task == BINARY, f"USING ({_quoted(scores.keys)})"
    label = "outcome._label" if declared is None else f"coalesce(outcome._label, {float(declared)})"
    known_before = _newest(use_case, outcomes, scores.keys, f"batch_date <= DATE '{date}'")
    came = f"batch_date BETWEEN DATE '{deliveries[0]}' AND DATE '{deliveries[-1]}'"
    rows = query(
        f"SELECT scored.{'probability' if is_binary else 'value'} AS score, {label} AS label "
        f"FROM {scores.full_name} AS scored LEFT JOIN ({_newest(use_case, outcomes, scores.keys, came)}) AS outcome "
        f"{by_keys} {f'ANTI JOIN ({known_before}) AS before {by_keys}' if is_by_maturity(use_case) else ''} "
        f"WHERE {label} IS NOT NULL AND scored.batch_date = DATE '{date}'",
        use_case.home,
    ).to_pydict()
    if not is_binary:
        return float(mean_absolute_error(rows["label"], rows["score"])) if rows["label"] else math.nan
    return float(roc_auc_score(rows["label"], rows["score"])) if len(set(rows["label"])) > 1 else math.nan


def _newest(use_case: UseCase, outcomes: Table, keys: Iterable[str], which: str) -> str:
    """SQL for the label that the newest of some deliveries says, by the keys of a case; without those that say none."""
    from sqlglot import transpile

    target = use_case.target
    (known,) = transpile(target.known_when or "true", read="spark", write="duckdb")
    return (
        f"SELECT * FROM (SELECT {_quoted(keys)}, "
        f"CASE WHEN {known} THEN CAST({_quoted([target.column])} AS DOUBLE) END AS _label "
        f"FROM {outcomes.full_name} WHERE {which} "
        f"QUALIFY row_number() OVER (PARTITION BY {_quoted(keys)} ORDER BY batch_date DESC) = 1) "
        "WHERE _label IS NOT NULL"
    )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def print_nights(console: Console, use_case: UseCase, nights: list[Night]) -> None:
    """One line per batch date."""
    measure = "realised AUC" if use_case.task == BINARY else "mean absolute error"
    grid = Grid("batch date", "landed", "quarantined", "scored", "seconds", measure, show_edge=False)
    for column in grid.columns[1:]:
        column.justify = "right"
    for each in nights:
        coming = f"labels come {due_in_words(labels_due(use_case, each.date))}"
        measured = coming if each.realised is None else number(each.realised, 3)
        numbers = (f"{each.landed:,}", f"{each.quarantined:,}", f"{each.scored:,}", f"{each.seconds:.0f}", measured)
        grid.add_row(str(each.date), *numbers)
    console.print(grid)


def print_query(console: Console, use_case: UseCase) -> None:
    """The use case's own closing query."""
    if use_case.demo is None:
        raise UsageError(f"{use_case.name} has no `demo` in use_case.yaml")
    rows = query(use_case.demo.show, use_case.home)
    grid = Grid(title=terminal.cell(use_case.demo.show_title), title_justify="left", show_edge=False)
    for name in rows.column_names:
        grid.add_column(terminal.cell(name))
    for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        grid.add_row(*(terminal.cell(number(value, 3) if isinstance(value, float) else value) for value in row))
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
