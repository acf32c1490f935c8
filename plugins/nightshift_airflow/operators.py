"""The operator that runs a job of the project as a child process."""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from nightshift.errors import EXIT_FINAL, EXIT_TEMPORARY, NightshiftError, TemporaryError, UsageError
from nightshift.home.variables.cleaning import cleaned
from nightshift.home.variables.known_variables import RESULT_FILE
from nightshift.job_result import NOTHING_DONE, PUBLISHED, failure, handed_over
from nightshift.stages import asset_uri
from nightshift_airflow.child_process import Child
from nightshift_airflow.retries import tells_people
from nightshift_airflow.runs import DatesOfRun, Run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightshift.dates import BatchDates
    from nightshift.declarations.use_case import UseCase

_LEVEL = re.compile(r"\d\d:\d\d:\d\d (WARNING|ERROR) ")
# Exit statuses of failures that people are told, and their kinds where the job did not come to hand over more.
_KINDS = {EXIT_FINAL: NightshiftError, EXIT_TEMPORARY: TemporaryError, 2: UsageError}


class JobOperator(BaseOperator):
    """Runs ``python -m <module> --use-case … --dates … --run-id …`` and streams its output into the task's log.

    How a job failed stands in what it hands over (`nightshift.job_result`): a final failure ends the task for good, as
    a failed audit does not heal by trying again; a temporary one, a crash or a kill is retried (`retries.Retries`).
    What a job that succeeds hands over stands in the task's XCom, value by value.

    Args:
        module: the job, like ``spark_jobs.land``.
        dates: gives the batch dates of a run.
        ranges: instead of ``dates``: renders to ranges with blanks between them, which are worked on one by one.
        options: further options of the job by name; one that renders to nothing is left out.
        wanted: renders to ``True``; where it renders to anything else, the task is skipped.
        unwanted: why it is skipped then.
        announced: renders to ``True`` where other DAGs are to hear of what the task publishes.
        outlets: the assets of the tables that the job writes; those that it published get an event.
    """

    template_fields: Sequence[str] = ("options", "ranges", "wanted", "unwanted", "announced")
    ui_color = "#dbe9f6"

    def __init__(
        self,
        *,
        module: str,
        use_case: UseCase,
        dates: DatesOfRun | None = None,
        ranges: str | None = None,
        options: Mapping[str, str] | None = None,
        wanted: str = "True",
        unwanted: str = "it is not among the stages of this run",
        announced: str = "True",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (dates is None) == (ranges is None):
            raise ValueError(f"{self.task_id} needs either dates or ranges")
        self.module = module
        self.use_case = use_case
        self.dates = dates
        self.ranges = ranges
        self.options = dict(options or {})
        self.wanted = wanted
        self.unwanted = unwanted
        self.announced = announced
        self._child: Child | None = None

    def commands(self, context: Mapping[str, Any]) -> list[list[str]]:
        """What stands behind ``python`` on the command lines of the job, one for each range.

        Raises:
            NightshiftError: if the run has no batch dates, or wrong ones.
        """
        return [self._arguments(context, dates) for dates in self._batch_dates(Run.of(self.use_case, context))]

    def _batch_dates(self, run: Run) -> list[BatchDates]:
        if self.dates is not None:
            return [self.dates(run)]
        return [self.use_case.batch_dates(dates) for dates in (self.ranges or "").split()]

    def _arguments(self, context: Mapping[str, Any], dates: BatchDates) -> list[str]:
        given = {
            "--use-case": self.use_case.name,
            "--dates": str(dates),
            "--run-id": context["dag_run"].run_id,
            **self.options,
        }
        options = [part for name, value in given.items() if value for part in (name, value)]
        return ["-m", self.module, *options]

    @tells_people
    def execute(self, context: Context) -> None:
        """Run the job to its end.

        Raises:
            AirflowSkipException: if the job is not wanted in this run, there is no date for it, or it did nothing.
            NightshiftError: if a person must act, or what failed heals by itself; it says what to do.
            AirflowException: if the job crashed or was killed.
        """
        if self.wanted != "True":
            raise AirflowSkipException(f"{self.task_id} is skipped: {self.unwanted}")
        commands = self.commands(context)
        if not commands:
            raise AirflowSkipException(f"{self.task_id} has no dates to work on in this run")
        with tempfile.TemporaryDirectory(prefix="nightshift-") as folder:
            result = Path(folder) / "result.json"
            for arguments in commands:
                self._run(arguments, result)
            left = handed_over(result)
            self._announce(context, left.pop(PUBLISHED, []))
            for key, value in left.items():
                context["ti"].xcom_push(key=key, value=value)
            if NOTHING_DONE in left:
                raise AirflowSkipException(left[NOTHING_DONE])

    def _announce(self, context: Context, published: Sequence[Mapping[str, Any]]) -> None:
        """Keep as outlets what was published, as Airflow sends an event for each of them once the task has succeeded.

        A range of dates, or several, is one event. What was overtaken by another run is that run's to announce.
        """
        told: dict[str, list[Mapping[str, Any]]] = {}
        for each in published if self.announced == "True" else ():
            told.setdefault(asset_uri(self.use_case.name, each["table"]), []).append(each)
        self.outlets = [asset for asset in self.outlets if asset.uri in told]
        for asset in self.outlets:
            commits = told[asset.uri]
            context["outlet_events"][asset].extra = {
                "batch_dates": [each["batch_dates"] for each in commits],
                "versions": [each["version"] for each in commits],
                "rows": sum(each["rows"] for each in commits),
            }

    def _run(self, arguments: Sequence[str], result: Path) -> None:
        folder = self.use_case.home.project_dir
        self.log.info("In %s: python %s", folder, shlex.join(arguments))
        # Neither Airflow's settings nor its secrets, which no job needs.
        environment = {**cleaned(os.environ), RESULT_FILE: str(result)}
        self._child = Child([sys.executable, "-u", *arguments], folder, environment)
        last_lines: deque[str] = deque(maxlen=200)
        try:
            for line in self._child.lines():
                self._shown_as(line)("%s", line)
                last_lines.append(line)
        except BaseException:
            self.on_kill()
            raise
        self._report(self._child.wait(), failure(result), last_lines)

    def _shown_as(self, line: str) -> Callable[..., None]:
        """The level at which the job logged a line, so that the log can be searched by it."""
        level = _LEVEL.match(line)
        return {"WARNING": self.log.warning, "ERROR": self.log.error}[level[1]] if level else self.log.info

    def on_kill(self) -> None:
        """End the job and all that it started."""
        if self._child is not None:
            self._child.end()

    def _report(self, status: int, told: NightshiftError | None, last_lines: Sequence[str]) -> None:
        if status == 0:
            return
        last = next((line for line in reversed(last_lines) if line.strip()), "it printed nothing")
        if status in _KINDS:
            raise told or _KINDS[status](last)
        how = f"was killed by signal {-status}" if status < 0 else f"crashed with exit status {status}"
        raise AirflowException(f"{self.module} {how}: {last}")
