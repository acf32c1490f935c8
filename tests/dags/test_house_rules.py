"""House rules, held by every DAG of every use case."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, BaseOperator, TriggerRule

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.training_section import TRAINING_POOL
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift.stages import STAGES
from nightshift_airflow.dag_kinds import KINDS, kind_of
from nightshift_airflow.defaults import default_args
from nightshift_airflow.operators import JobOperator
from nightshift_airflow.plugin import NightshiftPlugin
from nightshift_airflow.priority import NIGHTS_FIRST
from nightshift_airflow.retries import Retries
from nightshift_airflow.runs import words
from nightshift_airflow.timetable import BatchDateTicks, BoundedCron

DAG_FILES = sorted((PROJECT_DIR / "dags").glob("*.py"))
HEAVY = ["pyspark", "delta", "mlflow", "pandas", "numpy", "pyarrow", "great_expectations", "dbt", "lightgbm", "optuna"]
SECTIONS = ["Purpose", "Inputs", "Outputs", "Params", "When it fails"]


def kind(dag: DAG) -> str:
    found = kind_of(dag.dag_id)
    assert found is not None
    return found


def use_case_of(dag: DAG) -> UseCase:
    return UseCase.load(dag.dag_id.removesuffix(f"_{kind(dag)}"), get_settings())


def tasks_of(dag: DAG) -> list[BaseOperator]:
    return [task for task in dag.tasks if isinstance(task, BaseOperator)]


def test_each_use_case_has_each_kind_of_dag(dags: dict[str, DAG]) -> None:
    assert {file.stem for file in DAG_FILES} == {*KINDS, "broken_use_cases"}
    assert sorted(dags) == sorted(
        f"{use_case.name}_{kind}" for use_case in find_use_cases(get_settings()).use_cases for kind in KINDS
    )


def test_every_task_has_the_shared_default_arguments(dag: DAG) -> None:
    use_case = use_case_of(dag)
    assert dag.default_args == default_args(use_case, kind(dag))
    for task in tasks_of(dag):
        assert task.owner == use_case.owner
        assert task.retries == 5
        assert isinstance(task.retry_policy, Retries)
        assert dt.timedelta(seconds=5) <= task.retry_delay <= dt.timedelta(minutes=1)
        assert task.retry_exponential_backoff == 2
        assert task.max_retry_delay == dt.timedelta(minutes=5)


def test_every_task_has_a_timeout(dag: DAG) -> None:
    for task in tasks_of(dag):
        assert task.execution_timeout is not None
        assert task.execution_timeout <= dt.timedelta(hours=6)


# They decide, only look, write no table, or write one that no stage reads: no night waits for their slot, and a
# rollback at three in the morning does not wait for a backfill.
WITHOUT_SLOT = {
    "training.promote",
    "training.train",
    "training.rollback",
    "training.show_affected",
    "spark_jobs.describe_features",
}


def test_every_job_that_writes_to_a_lake_takes_its_slot_and_no_other_task_does(dag: DAG) -> None:
    for task in tasks_of(dag):
        writes = isinstance(task, JobOperator) and task.module not in WITHOUT_SLOT
        assert (task.pool == use_case_of(dag).lake_pool) is writes
        assert (task.pool == TRAINING_POOL) is (getattr(task, "module", "") == "training.train")
        assert task.pool_slots == 1


def test_a_night_gets_the_slot_before_all_that_can_wait(dags: dict[str, DAG]) -> None:
    for use_case in find_use_cases(get_settings()).use_cases:
        weights = {kind: {task.priority_weight for task in tasks_of(dags[f"{use_case.name}_{kind}"])} for kind in KINDS}
        assert all(len(each) == 1 for each in weights.values())
        order = sorted(KINDS, key=lambda kind: min(weights[kind]), reverse=True)
        assert order == ["nightly", "rollback", "catch_up", "backfill", "train"]


@pytest.mark.parametrize(
    ("run_id", "expected"),
    [
        ("scheduled__2013-10-03T04:00:00+00:00", 50),
        ("manual__2013-10-03T04:00:00+00:00", 50),
        # Of equal weights Airflow takes the oldest date, and so a year's backfill before tonight.
        ("backfill__2013-01-01T05:00:00+00:00", 20),
    ],
)
def test_tonight_comes_before_the_nights_of_a_backfill(dags: dict[str, DAG], run_id: str, expected: int) -> None:
    task = dags["flight_delays_nightly"].get_task("land")
    assert task.weight_rule == NIGHTS_FIRST
    # As the scheduler finds it: by its name, among what the plugin registers.
    [strategy] = [each for each in NightshiftPlugin.priority_weight_strategies if NIGHTS_FIRST.endswith(each.__name__)]
    assert strategy().get_weight(SimpleNamespace(task=task, run_id=run_id)) == expected


def test_every_dag_runs_once_at_a_time_and_never_catches_up(dag: DAG) -> None:
    assert dag.catchup is False
    assert dag.max_active_runs == 1


def test_every_dag_is_tagged_with_its_use_case_and_kind(dag: DAG) -> None:
    assert dag.tags == {"nightshift", use_case_of(dag).name, kind(dag)}


def test_no_dag_has_bounds_outside_which_a_run_has_no_tasks(dag: DAG) -> None:
    assert dag.start_date is None
    assert dag.end_date is None
    for task in tasks_of(dag):
        assert task.start_date is None
        assert task.end_date is None


def test_a_schedule_ticks_on_the_dates_and_in_the_zone_of_its_use_case(dag: DAG) -> None:
    use_case = use_case_of(dag)
    expected = {
        "backfill": None,
        "catch_up": use_case.delivery.catch_up_schedule,
        "nightly": use_case.calendar,
        "rollback": None,
        "train": use_case.training.schedule,
    }[kind(dag)]
    if expected is None:
        assert dag.schedule is None
    else:
        assert isinstance(dag.schedule, BatchDateTicks | BoundedCron)
        assert (dag.schedule.cron if isinstance(dag.schedule, BoundedCron) else dag.schedule.calendar) == expected
        assert dag.schedule.zone == use_case.timezone
        assert (dag.schedule.first, dag.schedule.last) == (use_case.dates.first, use_case.dates.last)


def test_only_a_night_can_be_backfilled(dag: DAG) -> None:
    expected = {
        "backfill": {"manual"},
        "catch_up": {"manual", "scheduled"},
        "nightly": set(),
        "rollback": {"manual"},
        "train": {"manual", "scheduled"},
    }
    assert {allowed.value for allowed in dag.allowed_run_types or ()} == expected[kind(dag)]


def test_only_what_begins_by_itself_waits_to_be_switched_on(dag: DAG) -> None:
    """A DAG that is off leaves a run that a person starts queued; one that is on may begin a night unasked."""
    expected = {"backfill": False, "catch_up": False, "nightly": None, "rollback": False, "train": None}
    assert dag.is_paused_upon_creation is expected[kind(dag)]


def test_the_night_is_one_chain(dags: dict[str, DAG]) -> None:
    for use_case in find_use_cases(get_settings()).use_cases:
        tasks = dags[f"{use_case.name}_nightly"].topological_sort()
        chain = ["wait_for_delivery", *STAGES]
        assert [task.task_id for task in tasks] == chain
        for before, after in itertools.pairwise(tasks):
            assert before.downstream_task_ids == {after.task_id}


def test_every_published_table_is_an_asset_of_the_task_that_writes_it(dags: dict[str, DAG]) -> None:
    for use_case in find_use_cases(get_settings()).use_cases:
        for kind in KINDS:
            tasks = {task.task_id: task for task in tasks_of(dags[f"{use_case.name}_{kind}"])}
            found = {name: {asset.uri for asset in task.outlets} for name, task in tasks.items() if task.outlets}
            expected = {stage: written_by(use_case, stage) for stage in (*STAGES, "describe_features")}
            assert found == {name: uris for name, uris in expected.items() if name in tasks}, kind


def written_by(use_case: UseCase, stage: str) -> set[str]:
    by_layer = {"bronze": "land", "silver": "refine"}
    by_name = {"scores": "score", "features": "features", "feature_registry": "describe_features"}
    return {
        f"nightshift://{use_case.name}/{table.layer}/{table.name}"
        for table in Catalog(use_case)
        if by_layer.get(table.layer, by_name.get(table.name, "marts")) == stage
    }


def test_past_dates_are_announced_only_where_it_is_asked_for(dags: dict[str, DAG]) -> None:
    for use_case in find_use_cases(get_settings()).use_cases:
        for kind in ("backfill", "catch_up", "nightly", "rollback"):
            dag = dags[f"{use_case.name}_{kind}"]
            assert dag.params["announce"] is False
            for task in tasks_of(dag):
                if task.task_id in STAGES:
                    assert "params.announce" in task.announced


def test_a_catch_up_goes_on_past_stages_that_have_nothing_to_redo(dags: dict[str, DAG]) -> None:
    for use_case in find_use_cases(get_settings()).use_cases:
        first, *stages = dags[f"{use_case.name}_catch_up"].topological_sort()
        assert [first.task_id, *(task.task_id for task in stages)] == ["find_changes", *STAGES]
        assert {task.trigger_rule for task in stages} == {TriggerRule.NONE_FAILED}
        for before, after in itertools.pairwise([first, *stages]):
            assert before.downstream_task_ids == {after.task_id}


def test_a_model_is_promoted_or_declined_by_what_was_answered(dags: dict[str, DAG]) -> None:
    for use_case in find_use_cases(get_settings()).use_cases:
        dag = dags[f"{use_case.name}_train"]
        after = {task.task_id: task.downstream_task_ids for task in tasks_of(dag)}
        assert after == {
            "train": {"approve"},
            "approve": {"promote", "decline"},
            "promote": {"describe_features"},
            "decline": {"describe_features"},
            "describe_features": set(),
        }
        # Where nobody is asked, `approve` is skipped; where one of the two decisions is skipped, the rest goes on.
        for name in ("promote", "decline", "describe_features"):
            assert dag.get_task(name).trigger_rule == TriggerRule.NONE_FAILED


def test_who_may_approve_and_until_when_is_what_the_use_case_says(dags: dict[str, DAG]) -> None:
    for use_case in find_use_cases(get_settings()).use_cases:
        approval, approve = use_case.training.approval, dags[f"{use_case.name}_train"].get_task("approve")
        assert [user["id"] for user in approve.assigned_users] == list(approval.by)
        assert approve.response_timeout == dt.timedelta(hours=approval.timeout_hours)
        assert approve.defaults == ["Reject"]


def test_a_rollback_describes_the_features_whatever_becomes_of_the_scores(dags: dict[str, DAG]) -> None:
    for use_case in find_use_cases(get_settings()).use_cases:
        dag = dags[f"{use_case.name}_rollback"]
        assert {task.task_id: task.downstream_task_ids for task in tasks_of(dag)} == {
            "roll_back": {"show_affected"},
            "show_affected": {"score", "describe_features"},
            "score": {"marts"},
            "marts": set(),
            "describe_features": set(),
        }


@pytest.mark.parametrize("section", SECTIONS)
def test_the_docs_of_every_dag_have_each_section(dag: DAG, section: str) -> None:
    text = (dag.doc_md or "").partition("\n---\n")[0]
    assert len(re.findall(rf"^\*\*{section}\.\*\* \S", text, re.MULTILINE)) == 1


def test_the_docs_of_every_dag_end_with_its_runbook_and_name_its_use_case(dag: DAG) -> None:
    text, _, runbook = (dag.doc_md or "").partition("\n---\n")
    assert runbook.strip().startswith(f"# Runbook: `{dag.dag_id}`")
    assert "<use case>" not in text + runbook


def test_every_param_says_what_it_is(dag: DAG) -> None:
    for name in dag.params:
        schema = dag.params.get_param(name).schema
        assert schema["title"]
        assert schema["description_md"]
        if schema.get("format") == "date":
            # Refusals call the field so.
            assert schema["title"] == words(name)


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_a_dag_file_only_wires(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    clocks = ["datetime.now", "utcnow", "date.today", "time.time"]
    for forbidden in [*clocks, "Variable", "Connection", "open(", "os.environ"]:
        assert forbidden not in text
    assert len(text.splitlines()) <= 100


PARSE = """
import sys, time
import airflow.sdk, airflow.triggers.base
import runpy
def connect(event, arguments):
    if event == "socket.connect":
        raise RuntimeError("a DAG file opened a connection while it was read")
sys.addaudithook(connect)
before = time.process_time()
runpy.run_path(sys.argv[1])
print(time.process_time() - before)
print(*[name for name in sys.argv[2:] if name in sys.modules])
"""


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_a_dag_file_is_read_quickly_without_heavy_imports_and_without_connections(file: Path, tmp_path: Path) -> None:
    # As the DAG processor does: Airflow itself is there before the file is read.
    command = [sys.executable, "-c", PARSE, str(file), *HEAVY]
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    seconds, heavy = done.stdout.splitlines()[-2:]
    assert float(seconds) <= 1.5
    assert heavy == ""
