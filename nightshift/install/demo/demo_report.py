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
from nightshift.declarations.label_deliveries import bringing
from nightshift.declarations.score_names import SCORES
from nightshift.declarations.tables import QUARANTINE, Table
from nightshift.declarations.training_section import BINARY
from nightshift.declarations.use_case import UseCase
from nightshift.errors import UsageError
from nightshift.figures import number
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

    The area under the ROC curve of a binary task (not a number where all labels are one), else the mean absolute error.
    """
    from sklearn.metrics import mean_absolute_error, roc_auc_score

    catalog = Catalog(use_case)
    scores, outcomes = catalog[SCORES], catalog[f"silver.{use_case.target.table}"]
    if not (scores.exists() and outcomes.exists()):
        return None
    is_binary = use_case.task == BINARY
    rows = query(
        f"SELECT scored.{'probability' if is_binary else 'value'} AS score, outcome._label AS label "
        f"FROM {scores.full_name} AS scored JOIN ({_labels(use_case, date, scores, outcomes)}) AS outcome "
        f"USING ({_quoted(scores.keys)}) WHERE outcome._label IS NOT NULL AND scored.batch_date = DATE '{date}'",
        use_case.home,
    ).to_pydict()
    if not rows["label"]:
        return None
    if not is_binary:
        return float(mean_absolute_error(rows["label"], rows["score"]))
    return float(roc_auc_score(rows["label"], rows["score"])) if len(set(rows["label"])) > 1 else math.nan


def _labels(use_case: UseCase, date: dt.date, scores: Table, outcomes: Table) -> str:
    """SQL for the labels of a batch date by the keys of the scores; of no row until the last of them came."""
    from sqlglot import transpile

    target, due = use_case.target, _labels_come(use_case, date)
    (known,) = transpile(target.known_when or "true", read="spark", write="duckdb")
    return (
        f"SELECT {_quoted(scores.keys)}, "
        f"CASE WHEN {known} THEN CAST({_quoted([target.column])} AS DOUBLE) END AS _label "
        f"FROM {outcomes.full_name} WHERE batch_date BETWEEN DATE '{bringing(use_case, date)[0]}' AND DATE '{due}' "
        f"AND EXISTS (SELECT 1 FROM {outcomes.full_name} WHERE batch_date = DATE '{due}') "
        f"QUALIFY row_number() OVER (PARTITION BY {_quoted(scores.keys)} ORDER BY batch_date DESC) = 1"
    )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _labels_come(use_case: UseCase, date: dt.date) -> dt.date:
    return use_case.calendar.due(date, use_case.maturity)


def print_nights(console: Console, use_case: UseCase, nights: list[Night]) -> None:
    """One line per batch date."""
    measure = "realised AUC" if use_case.task == BINARY else "mean absolute error"
    grid = Grid("batch date", "landed", "quarantined", "scored", "seconds", measure, show_edge=False)
    for column in grid.columns[1:]:
        column.justify = "right"
    for each in nights:
        coming = f"labels come on {_labels_come(use_case, each.date)}"
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
