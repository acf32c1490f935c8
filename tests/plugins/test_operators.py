"""The operator runs a job as a child, shows its output, and tells failures from crashes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift_airflow.operators import JobOperator
from nightshift_airflow.retries import TaskFailedError
from nightshift_airflow.runs import night


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project folder of its own, for jobs that tests write."""
    use_cases = get_settings().use_cases_dir
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(use_cases))
    monkeypatch.setenv("NIGHTSHIFT_PROJECT_DIR", str(tmp_path))
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


def context(batch_date: str | None = "2013-10-01") -> dict[str, Any]:
    params = {"batch_date": batch_date}
    dag_run = SimpleNamespace(run_type="manual", run_id="manual__x", logical_date=None, conf={})
    return {"dag_run": dag_run, "dag": SimpleNamespace(params=params), "params": params}


def run(project: Path, job: str, monkeypatch: pytest.MonkeyPatch, **arguments: Any) -> list[str]:
    """Run a job of these lines; gives what the task's log shows."""
    (project / "stand_in.py").write_text(textwrap.dedent(job))
    task = JobOperator(
        task_id="land",
        module="stand_in",
        use_case=UseCase.load("flight_delays", get_settings()),
        dates=night,
        **arguments,
    )
    shown: list[str] = []
    # Airflow warns that no task runner calls.
    log = SimpleNamespace(
        info=lambda text, *values: shown.append(text % values), warning=lambda *_: None, error=lambda *_: None
    )
    monkeypatch.setattr(type(task), "log", log)
    task.execute(context())
    return shown


def test_a_job_gets_the_dates_of_the_run_and_its_output_is_the_log(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = "import sys; print(*sys.argv[1:]); print('to stderr', file=sys.stderr)"
    shown = run(project, job, monkeypatch, options={"--model": "as_of", "--trials": ""})
    command = "--use-case flight_delays --dates 2013-10-01 --run-id manual__x --model as_of"
    assert shown == [f"In {project}: python -m stand_in {command}", command, "to stderr"]


def test_what_a_job_warns_of_is_a_warning_in_the_log(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: dict[str, list[str]] = {"info": [], "warning": [], "error": []}
    (project / "stand_in.py").write_text("print('12:00:00 WARNING late'); print('12:00:01 ERROR off'); print('ERROR')")
    task = JobOperator(
        task_id="land", module="stand_in", use_case=UseCase.load("flight_delays", get_settings()), dates=night
    )
    levels = {name: lambda text, *values, to=to: to.append(text % values) for name, to in shown.items()}
    monkeypatch.setattr(type(task), "log", SimpleNamespace(**levels))
    task.execute(context())
    assert shown["error"] == ["12:00:01 ERROR off"]
    # Airflow itself warns that no task runner calls.
    assert shown["warning"][-1] == "12:00:00 WARNING late"
    assert shown["info"][-1] == "ERROR"


FAILS = """
    import sys
    from nightshift.errors import {kind}
    from nightshift.job_result import hand_over_failure
    print("12:00:01 ERROR land failed after 1.0 s")
    error = {kind}("3 rows of bronze/flight_delays/schedule break a rule:\\n  line 7: ZZ", remedy="ask the sender")
    assert hand_over_failure(error)
    sys.exit(error.exit_status)
"""


@pytest.mark.parametrize(("kind", "status"), [("DeliveryError", 65), ("StoreUnreachableError", 75)])
def test_a_failure_ends_the_task_as_the_job_ended_with_cause_and_next_step(
    kind: str, status: int, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TaskFailedError) as failed:
        run(project, FAILS.format(kind=kind), monkeypatch)
    assert failed.value.code == status
    assert type(failed.value.error).__name__ == kind
    message = "3 rows of bronze/flight_delays/schedule break a rule:\n  line 7: ZZ\nNext: ask the sender"
    assert str(failed.value) == message


@pytest.mark.parametrize(("status", "kind"), [(65, "refused"), (75, "temporary"), (2, "usage")])
def test_a_job_that_could_not_hand_over_why_is_known_by_its_exit_status(
    status: int, kind: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TaskFailedError, match="the last line") as failed:
        run(project, f"import sys; print('the last line'); sys.exit({status})", monkeypatch)
    assert failed.value.error.kind == kind


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("raise ValueError('no such thing')", "stand_in crashed with exit status 1: ValueError: no such thing"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "stand_in was killed by signal 9: it printed"),
    ],
)
def test_a_crash_is_no_failure_that_people_are_told(
    project: Path, monkeypatch: pytest.MonkeyPatch, job: str, message: str
) -> None:
    with pytest.raises(AirflowException, match=message):
        run(project, job, monkeypatch)


RECORD = "import sys; print(sys.argv[sys.argv.index('--dates') + 1]); sys.exit({status})"


def test_ranges_are_worked_on_one_by_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "stand_in.py").write_text(RECORD.format(status=0))
    shown = execute_ranges("2013-10-01 2013-10-05..2013-10-07", monkeypatch)
    assert [line for line in shown if line.startswith("2013")] == ["2013-10-01", "2013-10-05..2013-10-07"]


def test_a_range_that_is_refused_ends_the_task(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "stand_in.py").write_text(RECORD.format(status=65))
    with pytest.raises(TaskFailedError, match="2013-10-01"):
        execute_ranges("2013-10-01 2013-10-05", monkeypatch)


@pytest.mark.parametrize("ranges", ["", " "])
def test_a_stage_without_ranges_is_skipped(ranges: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowSkipException, match="no dates"):
        execute_ranges(ranges, monkeypatch)


@pytest.mark.parametrize(("ranges", "message"), [("None", "is not a batch date"), ("2014-02-01", "is outside")])
def test_ranges_that_make_no_sense_start_no_job(
    ranges: str, message: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "stand_in.py").write_text("import pathlib; pathlib.Path('started').touch()")
    with pytest.raises(TaskFailedError, match=message):
        execute_ranges(ranges, monkeypatch)
    assert not (project / "started").exists()


def test_a_job_has_its_dates_from_one_place_only() -> None:
    for dates in ({}, {"dates": night, "ranges": "2013-10-01"}):
        with pytest.raises(ValueError, match="land needs either dates or ranges"):
            JobOperator(
                task_id="land", module="stand_in", use_case=UseCase.load("flight_delays", get_settings()), **dates
            )


def execute_ranges(ranges: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run the job of a catch-up; gives what the task's log shows."""
    task = JobOperator(
        task_id="land", module="stand_in", use_case=UseCase.load("flight_delays", get_settings()), ranges=ranges
    )
    shown: list[str] = []
    log = SimpleNamespace(
        info=lambda text, *values: shown.append(text % values), warning=lambda *_: None, error=lambda *_: None
    )
    monkeypatch.setattr(type(task), "log", log)
    task.execute(context())
    return shown


def test_a_run_without_a_date_starts_no_job(project: Path) -> None:
    (project / "stand_in.py").write_text("import pathlib; pathlib.Path('started').touch()")
    task = JobOperator(
        task_id="land", module="stand_in", use_case=UseCase.load("flight_delays", get_settings()), dates=night
    )
    with pytest.raises(TaskFailedError, match="Batch date is empty: fill it in"):
        task.execute(context(batch_date=None))
    assert not (project / "started").exists()


def test_a_task_that_is_not_wanted_is_skipped(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AirflowSkipException):
        run(project, "", monkeypatch, wanted="False")


HANDS_OVER = """
    from nightshift.job_result import hand_over
    hand_over({"version": 3, "dates": "2013-10-01"})
"""


def pushed_by(project: Path, job: str) -> dict[str, Any]:
    (project / "stand_in.py").write_text(textwrap.dedent(job))
    task = JobOperator(
        task_id="train", module="stand_in", use_case=UseCase.load("flight_delays", get_settings()), dates=night
    )
    pushed: dict[str, Any] = {}
    instance = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    task.execute({**context(), "ti": instance})
    return pushed


def test_what_a_job_hands_over_stands_in_the_xcom(project: Path) -> None:
    assert pushed_by(project, HANDS_OVER) == {"version": 3, "dates": "2013-10-01"}
    assert pushed_by(project, "") == {}


@pytest.mark.parametrize("wanted", ["None", "", "no"])
def test_what_is_not_clearly_wanted_is_skipped_and_says_why(
    wanted: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AirflowSkipException, match="land is skipped: nobody approved"):
        run(project, "", monkeypatch, wanted=wanted, unwanted="nobody approved")


def test_jobs_get_neither_the_secrets_of_airflow_nor_anything_foreign(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = ("AIRFLOW__CORE__FERNET_KEY", "_AIRFLOW__AS_LIBRARY", "__AIRFLOW_SUPERVISOR_FDS", "DBT_EMPTY", "PGHOST")
    for name in foreign:
        monkeypatch.setenv(name, "3")
    shown = run(project, "import os; print(*sorted(os.environ)); print(os.environ['TZ'])", monkeypatch)
    names = shown[1].split()
    assert not {*foreign} & {*names}
    assert {"NIGHTSHIFT_PROJECT_DIR", "NIGHTSHIFT_RESULT_FILE", "PATH"} <= {*names}
    assert shown[2] == "UTC"
