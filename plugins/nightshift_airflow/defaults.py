"""What all DAGs share: default arguments, bounds, and the page that on-call staff read."""

from __future__ import annotations

import datetime as dt
import functools
from pathlib import Path
from typing import Any

from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR
from nightshift_airflow.priority import NIGHTS_FIRST, WEIGHTS
from nightshift_airflow.retries import Retries
from nightshift_airflow.timetable import BatchDateTicks, BoundedCron

RUNBOOKS = PROJECT_DIR / "docs" / "runbooks"
# Who may start a DAG, where a backfill makes no sense. Airflow takes the names; its annotation knows an enum only.
PEOPLE: Any = ("manual",)
PEOPLE_AND_SCHEDULE: Any = ("manual", "scheduled")
# Of a range of batch dates, which may be a year.
LONGEST_STAGE = dt.timedelta(hours=6)
_RETRIES = Retries()


def default_args(use_case: UseCase, kind: str) -> dict[str, Any]:
    """Arguments of every task of a kind of DAG.

    What is temporary is retried after 20, 40, 80, 160 and 300 s: ten minutes are enough for a server to restart, and
    few for a night. Crashes are retried less often, and what a person must fix not at all: `retries.Retries`.
    """
    return {
        "owner": use_case.owner,
        "retries": 5,
        "retry_policy": _RETRIES,
        "retry_delay": dt.timedelta(seconds=20),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": dt.timedelta(minutes=5),
        "execution_timeout": dt.timedelta(hours=1),
        "priority_weight": WEIGHTS[kind],
        "weight_rule": NIGHTS_FIRST,
    }


def batch_date_ticks(use_case: UseCase) -> BatchDateTicks:
    """The midnight of each batch date, without a data interval: logical date, run id and batch date are one day."""
    return BatchDateTicks(use_case.calendar, use_case.timezone, use_case.dates.first, use_case.dates.last)


def ticks(use_case: UseCase, cron: str | None) -> BoundedCron | None:
    """A schedule in the use case's zone, from its first to its last batch date."""
    return BoundedCron(cron, use_case.timezone, use_case.dates.first, use_case.dates.last) if cron else None


def dag_arguments(use_case: UseCase, kind: str, text: str | None) -> dict[str, Any]:
    """Arguments of every DAG, apart from its schedule and params.

    There is no ``start_date`` or ``end_date`` among them: `nightshift_airflow.timetable` says why.

    Args:
        use_case: the use case that the DAG works for.
        kind: one of `dag_kinds.KINDS`: ends the DAG's id and names its runbook.
        text: the DAG file's docstring.
    """
    return {
        "dag_id": f"{use_case.name}_{kind}",
        "description": use_case.title,
        "catchup": False,
        "max_active_runs": 1,
        "default_args": default_args(use_case, kind),
        "doc_md": f"{page(text, use_case)}\n\n---\n\n{page(_runbook(kind), use_case)}",
        "tags": ["nightshift", use_case.name, kind],
    }


def page(text: str | None, use_case: UseCase) -> str:
    """Markdown for one use case: `<use case>` stands for its name."""
    return (text or "").strip().replace("<use case>", use_case.name)


@functools.cache
def _runbook(kind: str) -> str:
    return Path(RUNBOOKS / f"{kind}.md").read_text(encoding="utf-8")
