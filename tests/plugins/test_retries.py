"""How a failed task ends: cause and next step last in Airflow's own log, without frames, tried again or not."""

from __future__ import annotations

import datetime as dt
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import RetryTask, TaskState
from structlog.testing import capture_logs

from nightshift.declarations.use_case import UseCase
from nightshift.errors import AuditFailedError, OvertakenError, StoreUnreachableError
from nightshift.home.settings import get_settings
from nightshift_airflow.defaults import default_args
from nightshift_airflow.retries import LINE, TaskFailedError, tells_people, wrapped

RETRIES = 5
LONG = "the audit of silver/flight_delays/flights 2013-10-01 failed, nothing was published: " + "a check blocks, " * 10


class Fails(BaseOperator):
    """A task that ends by an error."""

    def __init__(self, error: BaseException, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error = error

    @tells_people
    def execute(self, context: Any) -> None:
        raise self.error


def run(error: BaseException, monkeypatch: pytest.MonkeyPatch, tried: int = 1, cleared: int = 0) -> tuple[Any, list]:
    """What Airflow's task runner tells its supervisor of a task at its nth try, and what it logs.

    Args:
        cleared: tries that the task had before a person cleared it.
    """
    with DAG("any", schedule=None, default_args=default_args(UseCase.load("flight_delays", get_settings()), "nightly")):
        task = Fails(error=error, task_id="land")
    now = dt.datetime(2013, 10, 2, tzinfo=dt.UTC)
    asked = task_runner.TIRunContext.model_validate(
        {
            "dag_run": {
                **{"dag_id": "any", "run_id": "r", "logical_date": None, "run_after": now, "start_date": now},
                **{"data_interval_start": None, "data_interval_end": None, "end_date": None, "partition_key": None},
                **{"run_type": "manual", "state": "running", "consumed_asset_events": []},
            },
            "max_tries": cleared + RETRIES,
            "should_retry": tried <= RETRIES,
        }
    )
    instance = task_runner.RuntimeTaskInstance.model_construct(
        **{"id": uuid.uuid4(), "dag_version_id": uuid.uuid4(), "task_id": "land", "dag_id": "any", "run_id": "r"},
        **{"try_number": cleared + tried, "map_index": -1, "hostname": "", "context_carrier": {}, "task": task},
        **{"bundle_instance": None, "_ti_context_from_server": asked, "max_tries": cleared + RETRIES},
        **{"start_date": now, "state": None},
    )
    # The process above the task, which answers nothing here.
    supervisor = SimpleNamespace(send=lambda *_, **__: SimpleNamespace(inactive_assets=[]))
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    with capture_logs() as logged:
        context = instance.get_template_context()
        monkeypatch.setattr(type(task), "log", task_runner.structlog.get_logger("task"))
        _, message, _ = task_runner.run(instance, context, task_runner.structlog.get_logger("task"))
    return message, logged


def test_airflow_logs_cause_and_next_step_last_as_errors_and_no_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    message, logged = run(AuditFailedError(LONG, remedy="look at the examples"), monkeypatch)
    assert isinstance(message, TaskState)
    assert message.state == "failed"
    errors = [line for line in logged if line["log_level"] in ("error", "critical")]
    said = [line["event"] % line.get("positional_args", ()) for line in errors]
    assert " ".join(line.strip() for line in said[:-2]) == LONG.strip()
    assert said[-2:] == ["Next: look at the examples", "Task exited"]
    assert all(len(line) <= LINE for line in said)
    assert not any(line.get("exc_info") for line in logged)


@pytest.mark.parametrize("cleared", [0, 3])
@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (AuditFailedError("a check blocks"), 0),
        (OvertakenError("another run was faster"), 1),
        (ValueError("a bug"), 2),
        (StoreUnreachableError("the store does not answer"), RETRIES),
    ],
)
def test_what_heals_by_itself_is_tried_again(
    error: Exception, retried: int, cleared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tried in range(1, RETRIES + 2):
        message, logged = run(error, monkeypatch, tried, cleared)
        assert isinstance(message, RetryTask) == (tried <= retried), tried
        # A bug keeps its traceback.
        assert any(line.get("exc_info") for line in logged) == isinstance(error, ValueError)


def test_lines_are_wrapped_where_words_end_and_keep_their_indentation() -> None:
    command = "`nightshift models promote 3 --use-case flight_delays`"
    assert wrapped(f"one two three\n  four five six {command}\n\nend", 12) == [
        "one two",
        "  three",
        "  four five",
        "    six",
        *(f"    {word}" for word in command.split()),
        "",
        "end",
    ]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AuditFailedError("a check blocks", remedy="look"), {"cause": "a check blocks\nNext: look"}),
        (AirflowException("crashed"), {"cause": "crashed"}),
        (AirflowSkipException("not wanted"), {}),
    ],
)
def test_a_task_that_failed_leaves_why_for_the_note_of_the_run(error: Exception, expected: dict[str, str]) -> None:
    task = Fails(error=error, task_id="land")
    # Airflow gives the context by its name to `execute`, and by its place to what follows a wait.
    for by_name in (True, False):
        left: dict[str, str] = {}
        context = {"ti": SimpleNamespace(xcom_push=lambda key, value, left=left: left.update({key: value}))}
        with pytest.raises((type(error), TaskFailedError)):
            task.execute(context=context) if by_name else task.execute(context)
        assert left == expected
