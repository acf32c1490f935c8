"""Tell the DAG that started a training, and people, what became of it."""

from __future__ import annotations

import datetime as dt
import logging

from nightshift import figures
from nightshift.declarations.use_case import UseCase
from nightshift.errors import GateError
from nightshift.job_result import hand_over
from nightshift.models.champions.approvers import PERSON, cleared_options
from nightshift.models.champions.compared_before import NO_CHAMPION
from training.approval_form import comparison
from training.training_outcome import Outcome

log = logging.getLogger("nightshift")


def tell(use_case: UseCase, run_id: str, outcome: Outcome, first: dt.date | None = None) -> None:
    """Hand the outcome of a training, an MLflow run, over to the DAG.

    Args:
        first: from which batch date on its version would be champion, as of now; None where there is none.
    """
    name, version = use_case.model_name, outcome.version
    refused = [verdict.name for verdict in outcome.refused]
    subject = f"May version {version} of {name} become champion?" if version else f"{name}: refused by its gates"
    if outcome.suspects:
        end = "" if version else "."
        subject += f"{end} {' and '.join(each.feature for each in outcome.suspects)} may know the outcome"
    hand_over(
        {
            "version": version,
            "approval": outcome.approval if version else None,
            "compared": outcome.compared,
            "refused": ", ".join(refused),
            "subject": subject,
            "comparison": comparison(use_case, run_id, outcome, first),
        }
    )


def say_what_follows(use_case: UseCase, run_id: str, outcome: Outcome) -> None:
    """Say for whom a model waits, or that it was refused: a normal outcome, unless nothing can score tonight.

    Raises:
        NightshiftError: if it was refused and there is no champion.
    """
    for suspect in outcome.suspects:
        log.warning("it may know the outcome: %s", suspect)
    if outcome.version is None:
        _say_refused(use_case, run_id, outcome)
    elif outcome.approval == PERSON:
        people = ", ".join(use_case.training.approval.by)
        log.warning(
            "%s version %d has passed its gates and waits for approval by %s: in Airflow under Required actions, or\n"
            "  nightshift models promote %d --use-case %s --who <name> --why <reason>%s",
            use_case.model_name, outcome.version, people, outcome.version, use_case.name,
            cleared_options(each.feature for each in outcome.suspects),
        )  # fmt: skip


def _say_refused(use_case: UseCase, run_id: str, outcome: Outcome) -> None:
    reasons = "\n".join(
        f"  {verdict.name}: {_shown(verdict.value)}, must be {verdict.limit}. {verdict.meaning}"
        for verdict in outcome.refused
    )
    if outcome.compared != NO_CHAMPION:
        log.warning("not promoted, version %s stays champion; MLflow run %s\n%s", outcome.compared, run_id, reasons)
        return
    raise GateError(
        f"the model of {use_case.model_name} was refused by its gates, and there is NO CHAMPION: nothing can be "
        f"scored until a model passes\n{reasons}\n"
        f"  next: read the report of MLflow run {run_id}; give more batch dates (--dates), or fix the features"
    )


def _shown(value: float | None) -> str:
    return "not computed" if value is None else figures.number(value)
