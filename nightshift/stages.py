"""The stages of a night: the job of each, what it reads, over which batch dates, and what it writes.

Everything else follows from this declaration: their order, which slices a late delivery makes due, what a stage
misses, the command that writes a table, the tasks of the DAGs and their assets.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from graphlib import TopologicalSorter

from nightshift.dates import BatchDates
from nightshift.declarations.feature_registry_table import REGISTRY_TABLE
from nightshift.declarations.score_names import SCORES
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase

# The virtual environment that set-up makes in the checkout; no other Python has what the jobs import.
PYTHON = ".venv/bin/python"
LAND, REFINE, FEATURES, SCORE, MARTS = "land", "refine", "features", "score", "marts"
# No stages of a night: the feature registry follows a training, and a person's rows are taken out of what is published.
DESCRIBE_FEATURES, ERASE = "describe_features", "erase"


class DateWindow(Enum):
    """Which batch dates of a table a slice of batch date D is made from."""

    OWN_DATE = "D"
    NEWEST_SNAPSHOT = "the newest date up to D on which the table came"
    LOOKBACK = "the deliveries that the look-back of `nightly` holds, D included"
    MATURITY = "the dates whose outcomes may come with D, up to the maturity of `target` before"
    RECENT = "the deliveries that the look-back of `nightly` holds before D, and D"

    def begin(self, use_case: UseCase, date: dt.date) -> dt.date:
        """The oldest of these dates, of one batch date; a snapshot may be of any age."""
        calendar = use_case.calendar
        if self is DateWindow.LOOKBACK:
            return calendar.begin(date, use_case.lookback)
        if self is DateWindow.RECENT:
            return calendar.begin(date, use_case.lookback + 1)
        if self is DateWindow.MATURITY:
            # With the delivery of D come the outcomes of all that had not come with the one before it.
            return calendar.later(calendar.last_due(calendar.later(date, -1), use_case.maturity), 1)
        return date

    def dates(self, use_case: UseCase, dates: BatchDates) -> BatchDates:
        """From the oldest date that the slices of some dates are made from to their last one."""
        return dates.between(min(self.begin(use_case, dates.first), dates.first), dates.last)


class RedoneBy(Enum):
    """Who makes a slice again when what it was made from has changed."""

    CATCH_UP = "the catch-up, which finds it due"
    JOB = "the stage's own job, when it makes a slice of the earlier date"
    NOBODY = "nobody: it is looked up as it was known then"


@dataclass(frozen=True)
class Reads:
    """Tables that a stage reads.

    Attributes:
        stage: the one that writes them.
        selects: which of the tables that it writes.
        is_needed: whether a date that is missing stops the stage.
    """

    stage: str
    selects: Callable[[UseCase, Table], bool]
    window: DateWindow
    is_needed: bool = True
    redone_by: RedoneBy = RedoneBy.CATCH_UP


@dataclass(frozen=True)
class DeclaredStage:
    """A job, and the slices that it makes.

    Attributes:
        job: module of the job.
        needs_model: whether it can only run once there is a model; before, its slices are never due.
    """

    name: str
    job: str
    reads: tuple[Reads, ...]
    writes: Callable[[Table], bool]
    needs_model: bool = False


def _is_delivered_daily(_: UseCase, table: Table) -> bool:
    return table.source is not None and table.source.required


def _is_snapshot(_: UseCase, table: Table) -> bool:
    return table.source is not None and not table.source.required


def _has_outcomes(use_case: UseCase, table: Table) -> bool:
    return table.name == use_case.target.table


def _any(_: UseCase, table: Table) -> bool:
    return True


_BESIDE_DBT = (SCORES, f"gold.{REGISTRY_TABLE}")
DECLARED = (
    DeclaredStage(LAND, "spark_jobs.land", reads=(), writes=lambda table: table.layer == "bronze"),
    DeclaredStage(
        REFINE,
        "spark_jobs.refine",
        reads=(
            Reads(LAND, _is_delivered_daily, DateWindow.OWN_DATE),
            Reads(LAND, _is_snapshot, DateWindow.NEWEST_SNAPSHOT, is_needed=False),
        ),
        writes=lambda table: table.layer == "silver",
    ),
    DeclaredStage(
        FEATURES,
        "spark_jobs.features",
        # One delivery that is missing would change every rate silently.
        reads=(Reads(REFINE, _any, DateWindow.LOOKBACK),),
        writes=lambda table: table.layer == "gold" and bool(table.features),
    ),
    DeclaredStage(
        SCORE,
        "scoring.score",
        reads=(Reads(FEATURES, _any, DateWindow.OWN_DATE),),
        writes=lambda table: table.short_name == SCORES,
        needs_model=True,
    ),
    DeclaredStage(
        MARTS,
        "spark_jobs.marts",
        reads=(
            Reads(SCORE, _any, DateWindow.OWN_DATE),
            Reads(REFINE, _has_outcomes, DateWindow.OWN_DATE),
            # Scores of the days before meet the outcomes that came with D.
            Reads(SCORE, _any, DateWindow.MATURITY, is_needed=False, redone_by=RedoneBy.JOB),
            Reads(REFINE, _any, DateWindow.RECENT, is_needed=False, redone_by=RedoneBy.NOBODY),
            Reads(FEATURES, _any, DateWindow.RECENT, is_needed=False, redone_by=RedoneBy.NOBODY),
        ),
        writes=lambda table: table.layer == "gold" and not table.features and table.short_name not in _BESIDE_DBT,
        needs_model=True,
    ),
)
STAGE = {stage.name: stage for stage in DECLARED}
# In the order of the night: each after those that write what it reads.
STAGES = tuple(
    TopologicalSorter({stage.name: {read.stage for read in stage.reads} for stage in DECLARED}).static_order()
)
# From files to features, and what comes after that.
INGEST = tuple(name for name in STAGES if not STAGE[name].needs_model)
AFTER_MODEL = tuple(name for name in STAGES if STAGE[name].needs_model)


def tables_read(read: Reads, use_case: UseCase, tables: Iterable[Table]) -> list[Table]:
    """Those of a use case's tables that a stage reads."""
    return [table for table in tables if STAGE[read.stage].writes(table) and read.selects(use_case, table)]


def needed(stage: str, use_case: UseCase, tables: Iterable[Table]) -> Iterator[tuple[Table, DateWindow]]:
    """The tables without which a stage can't run, each with the batch dates of it."""
    all_tables = list(tables)
    for read in STAGE[stage].reads:
        if read.is_needed:
            for table in tables_read(read, use_case, all_tables):
                yield table, read.window


def read_window(stage: str, use_case: UseCase, dates: BatchDates) -> BatchDates:
    """All batch dates that a stage may read of any table to make the slices of some dates."""
    begins = [read.window.dates(use_case, dates).first for read in STAGE[stage].reads]
    return dates.between(min(begins, default=dates.first), dates.last)


def followed_since(use_case: UseCase, first: dt.date) -> dt.date:
    """The oldest batch date whose slices may make one due of the first date that is looked at."""
    followed = [read.window for stage in DECLARED for read in stage.reads if read.redone_by is RedoneBy.CATCH_UP]
    return min(window.begin(use_case, first) for window in followed)


def later_dates(stage: str, use_case: UseCase, dates: BatchDates) -> BatchDates:
    """The dates and, after them, those whose slices of the stage its job makes again with theirs."""
    if not any(read.redone_by is RedoneBy.JOB for read in STAGE[stage].reads):
        return dates
    return dates.between(dates.first, use_case.calendar.due(dates.last, use_case.maturity))


def asset_uri(use_case: str, table: str) -> str:
    """The name by which other DAGs wait for a publication, of a table like ``gold.scores``."""
    return f"nightshift://{use_case}/{table.replace('.', '/')}"


def command_to_write(table: Table, dates: BatchDates | str = "<first>..<last>") -> str:
    """The command that produces a missing slice of a table, as typed in the checkout."""
    for stage in DECLARED:
        if stage.writes(table):
            return command(stage.name, table.use_case, dates)
    return f".venv/bin/nightshift features --use-case {table.use_case} --publish"


def arguments(stage: str, use_case: str, dates: BatchDates | str, *options: str) -> tuple[str, ...]:
    """What follows `python -m` on the command line of a stage."""
    return (STAGE[stage].job, "--use-case", use_case, "--dates", str(dates), *options)


def command(stage: str, use_case: str, dates: BatchDates | str, *options: str) -> str:
    """The command that runs a stage, as typed in the checkout; ``dates`` may be a stand-in like ``<first>..<last>``."""
    return typed(arguments(stage, use_case, dates, *options))


def typed(job: Sequence[str]) -> str:
    """The command that runs a job, as typed in the checkout."""
    return " ".join((PYTHON, "-m", *job))
