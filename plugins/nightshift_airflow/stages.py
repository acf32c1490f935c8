"""The stages of a night as tasks: what a nightly run and a backfill have in common."""

from __future__ import annotations

from typing import Any

from nightshift.use_case import UseCase
from nightshift_airflow.operators import JobOperator
from nightshift_airflow.runs import DatesOfRun


def ingest_tasks(use_case: UseCase, dates: DatesOfRun, **common: Any) -> list[JobOperator]:
    """From files to features; needs no model."""
    common = {"use_case": use_case, "dates": dates, "pool": use_case.lake_pool, **common}
    return [
        JobOperator(task_id="land", module="spark_jobs.land", **common),
        JobOperator(task_id="refine", module="spark_jobs.refine", **common),
        JobOperator(task_id="features", module="spark_jobs.build", options={"--layer": "features"}, **common),
    ]


def score_tasks(use_case: UseCase, dates: DatesOfRun, **common: Any) -> list[JobOperator]:
    """From features to what analysts read."""
    common = {"use_case": use_case, "dates": dates, "pool": use_case.lake_pool, **common}
    return [
        JobOperator(task_id="score", module="scoring.score", options={"--model": "{{ params.model }}"}, **common),
        JobOperator(task_id="marts", module="spark_jobs.build", options={"--layer": "marts"}, **common),
    ]
