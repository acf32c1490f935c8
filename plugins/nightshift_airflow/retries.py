"""How a task ends that failed for a reason that people are told, and which failures are tried again."""

from __future__ import annotations

import contextlib
import functools
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from airflow.sdk import BaseOperator
from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from nightshift.errors import NightshiftError
from nightshift.home.outside_errors import explaining

if TYPE_CHECKING:
    from airflow.sdk import Context

Operator = TypeVar("Operator", bound=BaseOperator)
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
# What Airflow's log shows of a line on a screen of 1,440 points, beside time and level.
LINE = 100
# Key of the XCom that says why a task failed.
CAUSE = "cause"
# A crash may be a bug: it is not tried as often as what is known to heal by itself.
CRASH_RETRIES = 2


class TaskFailedError(SystemExit):
    """Ends a task by an exit status, as a job ends its process.

    Airflow logs every exception with a traceback, below the lines that people look for; of an exit it logs one line.
    """

    def __init__(self, error: NightshiftError) -> None:
        super().__init__(error.exit_status)
        self.error = error

    def __str__(self) -> str:
        return str(self.error)


def tells_people(method: Callable[Concatenate[Operator, Parameters], Result]) -> Callable[..., Result]:
    """Let a `NightshiftError` in a method of an operator end the task, with cause and next step last in its log."""

    @functools.wraps(method)
    def ended(self: Operator, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            with explaining():
                return method(self, *args, **kwargs)
        except AirflowSkipException:
            raise
        except AirflowException as error:
            _leave_cause(args, kwargs, error)
            raise
        except NightshiftError as error:
            _leave_cause(args, kwargs, error)
            for line in wrapped(str(error)):
                self.log.error("%s", line)
            raise TaskFailedError(error) from None

    return ended


def _leave_cause(arguments: Sequence[Any], by_name: Mapping[str, Any], error: Exception) -> None:
    """Leave the reason for the note of the run; whatever comes of that, the task fails by its own reason."""
    with contextlib.suppress(Exception):
        # Airflow gives the context to `execute` by its name, and to what follows a wait by its place.
        context = by_name["context"] if "context" in by_name else arguments[0]
        context["ti"].xcom_push(key=CAUSE, value=str(error))


def wrapped(text: str, width: int = LINE) -> list[str]:
    """The lines of a message, each short enough for the screen; commands and paths stay whole."""
    lines = []
    for line in text.strip().splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        parts = textwrap.wrap(
            line, width, subsequent_indent=f"{indent}  ", break_long_words=False, break_on_hyphens=False
        )
        lines += parts or [""]
    return lines


class Retries(RetryPolicy):
    """Final failures are not tried again; temporary ones as often as the task, or their kind, allows.

    Airflow asks it in the task's own process; of a serialized DAG only the fact that there is one is kept.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by what failed, and how often the task was tried since it was cleared."""
        error = exception.error if isinstance(exception, TaskFailedError) else None
        allowed = error.retries if error else CRASH_RETRIES
        retries = context["task"].retries if context else max_tries
        # Clearing a task adds its retries to the tries that it has had.
        tries = try_number - (max_tries - (retries or 0))
        if allowed is not None and tries > allowed:
            return RetryDecision.fail()
        return RetryDecision.retry(reason=error.kind if error else None)
