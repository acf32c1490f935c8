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
    LOOKBACK = "the last `nightly.lookback_days` dates, D included"
    MATURITY = "the date whose outcomes come with D, `target.maturity_days` before"
    RECENT = "the `nightly.lookback_days` dates before D, and D"

    def days_back(self, use_case: UseCase) -> int:
        """How many days before D the oldest of these dates is; a snapshot may be of any age."""
        return {
            DateWindow.LOOKBACK: use_case.nightly.lookback_days - 1,
            DateWindow.MATURITY: use_case.target.maturity_days,
            DateWindow.RECENT: use_case.nightly.lookback_days,
        }.get(self, 0)

    def dates(self, use_case: UseCase, dates: BatchDates) -> BatchDates:
        """From the oldest date that the slices of some dates are made from to their last one."""
        return BatchDates(dates.first - dt.timedelta(days=self.days_back(use_case)), dates.last)


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
    longest = max(STAGE[stage].reads, key=lambda read: read.window.days_back(use_case))
    return longest.window.dates(use_case, dates)


def longest_lookback(use_case: UseCase) -> int:
    """By how many days before the first date that is looked at a slice may make it due."""
    followed = [read.window for stage in DECLARED for read in stage.reads if read.redone_by is RedoneBy.CATCH_UP]
    return max(window.days_back(use_case) for window in followed)


def later_dates(stage: str, use_case: UseCase, dates: BatchDates) -> BatchDates:
    """The dates and, after them, those whose slices of the stage its job makes again with theirs."""
    windows = [read.window for read in STAGE[stage].reads if read.redone_by is RedoneBy.JOB]
    days = max((window.days_back(use_case) for window in windows), default=0)
    return BatchDates(dates.first, dates.last + dt.timedelta(days=days))


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
