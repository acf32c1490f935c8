"""Finding out what came late or was corrected, and telling each stage which dates it redoes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import DownstreamTasksSkipped

from nightshift_airflow.retries import tells_people
from nightshift_airflow.runs import Run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightshift.declarations.use_case import UseCase

TASK_ID = "find_changes"
# Key of the stages that redo the newest landed date.
TONIGHT = "tonight"


class FindChanges(BaseOperator):
    """Checks the landing zone against the ledger; skips every stage that has nothing to redo.

    The ranges of a stage go to its task as text, under the stage's name, so that they stand in the XCom tab and in
    the rendered templates of the stage's task.
    """

    ui_color = "#f6efdb"

    def __init__(self, *, use_case: UseCase, **kwargs: Any) -> None:
        super().__init__(task_id=TASK_ID, **kwargs)
        self.use_case = use_case

    @tells_people
    def execute(self, context: Context) -> None:
        """Look, say what was found, and leave the ranges for the stages.

        Raises:
            NightshiftError: if the run was given fields that make no sense.
            DownstreamTasksSkipped: if there are stages without any date; this is no failure.
        """
        # The ledger's libraries are not for the process that reads DAG files.
        from nightshift.declarations.catalog import Catalog
        from nightshift.ingest.late import find
        from nightshift.ingest.late.changes_in_words import describe

        run = Run.of(self.use_case, context)
        leave_out = run.params.get("leave_out")
        passed_over = frozenset(self.use_case.batch_dates(leave_out)) if leave_out else frozenset()
        changes = find(self.use_case, Catalog(self.use_case), bool(run.params.get("all_dates")), passed_over)
        lines = describe(self.use_case, changes)
        if leave_out:
            lines.append(f"passed over, as Leave out says: {leave_out}")
        for line in lines:
            self.log.info("%s", line)
        instance = context["ti"]
        instance.xcom_push(key="found", value="\n".join(lines))
        for stage, several in changes.stages.items():
            instance.xcom_push(key=stage, value=" ".join(str(dates) for dates in several))
        newest = changes.dates and changes.dates.last
        tonight = [stage for stage, several in changes.stages.items() if any(newest in dates for dates in several)]
        instance.xcom_push(key=TONIGHT, value=" ".join(tonight))
        without_dates = [stage for stage, several in changes.stages.items() if not several]
        if without_dates:
            raise DownstreamTasksSkipped(tasks=without_dates)  # type: ignore[no-untyped-call]


def if_asked_or_tonight(stage: str) -> str:
    """Template of `JobOperator.announced`: past dates are announced where it is asked for, the newest one always."""
    tonight = f"ti.xcom_pull(task_ids='{TASK_ID}', key='{TONIGHT}')"
    return f"{{{{ params.announce or '{stage}' in ({tonight} or '').split() }}}}"


def ranges_of(stage: str) -> str:
    """Template of the ranges that were found for a stage."""
    return f"{{{{ ti.xcom_pull(task_ids='{TASK_ID}', key='{stage}') }}}}"
