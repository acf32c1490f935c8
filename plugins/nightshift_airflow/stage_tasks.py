"""The jobs of the DAGs as tasks: the stages that nights, backfills and catch-ups share, and decisions about models."""

from __future__ import annotations

from typing import Any

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.feature_registry_table import REGISTRY_TABLE
from nightshift.declarations.use_case import UseCase
from nightshift.stages import AFTER_MODEL, INGEST, SCORE, STAGE, STAGES
from nightshift_airflow.approval import ordered
from nightshift_airflow.assets import assets
from nightshift_airflow.catch_up import if_asked_or_tonight, ranges_of
from nightshift_airflow.operators import JobOperator
from nightshift_airflow.params import IF_ASKED
from nightshift_airflow.runs import DatesOfRun, learned_from

# What a stage is told beside its dates: the answer of the trigger form.
_ASKED = {SCORE: {"--model": "{{ params.model }}"}}


def ingest_tasks(catalog: Catalog, dates: DatesOfRun, **common: Any) -> list[JobOperator]:
    """From files to features; needs no model."""
    return [_task(stage, catalog, dates=dates, **common) for stage in INGEST]


def score_tasks(catalog: Catalog, dates: DatesOfRun, **common: Any) -> list[JobOperator]:
    """From features to what analysts read."""
    return [_task(stage, catalog, dates=dates, **common) for stage in AFTER_MODEL]


def rescore_tasks(catalog: Catalog, ranges: str, **common: Any) -> list[JobOperator]:
    """Scores and marts of ranges that another task names; each date gets the champion that it has by now."""
    tasks = [_task(stage, catalog, ranges=ranges, announced=IF_ASKED, **common) for stage in AFTER_MODEL]
    tasks[0].options = {"--model": "as_of"}
    return tasks


def catch_up_tasks(catalog: Catalog, **common: Any) -> list[JobOperator]:
    """All stages, each over the ranges that were found for it."""
    # A stage that was skipped, because it has nothing to redo, holds none up that has.
    common = {"trigger_rule": "none_failed", **common}
    return [
        _task(stage, catalog, ranges=ranges_of(stage), announced=if_asked_or_tonight(stage), **common)
        for stage in STAGES
    ]


def decision_tasks(use_case: UseCase, trained: str) -> list[JobOperator]:
    """`promote` and `decline`: one does what was answered, the other is skipped; both, where a gate refused.

    They write no table and wait for no pool: whoever has decided sees it done at once.
    """
    return [
        JobOperator(
            task_id=action,
            module="training.promote",
            use_case=use_case,
            dates=learned_from,
            options={
                "--version": f"{{{{ ti.xcom_pull(task_ids='{trained}', key='version') }}}}",
                "--action": action,
                "--who": ordered("who"),
                "--who-id": ordered("who_id"),
                "--why": ordered("why"),
                "--at": ordered("at"),
            },
            wanted=ordered(action),
            unwanted=ordered("why"),
            # Where no person is asked, their task is skipped.
            trigger_rule="none_failed",
        )
        for action in ("promote", "decline")
    ]


def describe_features_task(catalog: Catalog, dates: DatesOfRun, **common: Any) -> JobOperator:
    """The feature registry from scratch, once another model may be live; the dates only name the run.

    Its table is read by no stage and written by no other job, so it holds no slot that a night may wait for.
    """
    return JobOperator(
        task_id="describe_features",
        module="spark_jobs.describe_features",
        use_case=catalog.use_case,
        dates=dates,
        outlets=assets(catalog, lambda table: table.name == REGISTRY_TABLE),
        **common,
    )


def _task(stage: str, catalog: Catalog, **common: Any) -> JobOperator:
    use_case = catalog.use_case
    common = {"pool": use_case.lake_pool, "options": _ASKED.get(stage, {}), **common}
    outlets = assets(catalog, STAGE[stage].writes)
    return JobOperator(task_id=stage, module=STAGE[stage].job, use_case=use_case, outlets=outlets, **common)
