"""What a training tells the DAG that started it, and the person who is asked whether its model may become champion."""

from __future__ import annotations

import datetime as dt
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from nightshift import figures
from nightshift.declarations.use_case import UseCase
from nightshift.errors import GateError
from nightshift.models.champions.approvers import APPROVAL_TAG, AUTO, PERSON, SUSPECTS_TAG, Who
from nightshift.models.champions.compared_before import COMPARED_TAG, NO_CHAMPION
from nightshift.models.mlflow_connection import model_version, patiently
from nightshift.result import hand_over
from training.approval_form import comparison
from training.judging.comparable_days import BY_NOTHING, FLATTERED_TAG
from training.judging.gates import Verdict
from training.register import version_of_run

log = logging.getLogger("nightshift")


@dataclass(frozen=True)
class Outcome:
    """What became of a training.

    Attributes:
        version: that was registered; None where a gate refused the model.
        approval: who lets it become champion.
        metrics: of its evaluation.
        verdicts: of its gates.
        compared: the champion that it was compared with, or `none`; None where that is not known.
        flattered: what people must know of that champion's measures; empty where nothing flatters them.
        suspects: features that may know the outcome, each with the reason.
    """

    version: int | None
    approval: Who
    metrics: Mapping[str, float]
    verdicts: Sequence[Verdict]
    compared: str | None
    flattered: str
    suspects: Sequence[str] = ()

    @property
    def refused(self) -> list[Verdict]:
        """The gates that it failed; none for a model that may become champion."""
        return [verdict for verdict in self.verdicts if not verdict.passed]


def registered_before(use_case: UseCase, run_id: str) -> Outcome | None:
    """The outcome of an MLflow run that was resumed and had registered its version; None where it had not.

    It is read and not made again: the version may be champion by now, and would be judged beside itself.

    Raises:
        NightshiftError: if MLflow does not answer.
    """
    from mlflow.artifacts import load_text

    version = patiently("looking for the run's version", lambda: version_of_run(use_case, run_id))
    if version is None:
        return None

    def kept(name: str) -> Any:
        return json.loads(patiently(f"reading {name}", lambda: load_text(f"runs:/{run_id}/{name}")))

    tags = model_version(use_case, version).tags
    approval: Who = AUTO if tags.get(APPROVAL_TAG) == AUTO else PERSON
    judged, verdicts = kept("measures.json")["judged"], kept("gates.json")
    metrics = {name: math.nan if value is None else value for name, value in judged.items()}
    gates = [_verdict(each) for each in verdicts]
    named = [name for name in tags.get(SUSPECTS_TAG, "").split(", ") if name]
    return Outcome(version, approval, metrics, gates, tags.get(COMPARED_TAG), _flattered(tags), named)


def _flattered(tags: Mapping[str, str]) -> str:
    said = tags.get(FLATTERED_TAG, BY_NOTHING)
    return "" if said == BY_NOTHING else said


def tell(use_case: UseCase, run_id: str, outcome: Outcome, first: dt.date | None = None) -> None:
    """Hand the outcome of a training, an MLflow run, over to the DAG.

    Args:
        first: from which batch date on its version would be champion, as of now; None where there is none.
    """
    name, version = use_case.model_name, outcome.version
    refused = [verdict.name for verdict in outcome.refused]
    subject = f"May version {version} of {name} become champion?" if version else f"{name}: refused by its gates"
    if outcome.suspects:
        subject += f" {' and '.join(each.split()[0] for each in outcome.suspects)} may know the outcome"
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
    if outcome.version is None:
        _say_refused(use_case, run_id, outcome)
    elif outcome.approval == PERSON:
        people = ", ".join(use_case.training.approval.by) or "a person"
        for suspect in outcome.suspects:
            log.warning("it may know the outcome: %s", suspect)
        log.warning(
            "%s version %d has passed its gates and waits for approval by %s: in Airflow under Required actions, or\n"
            "  nightshift models promote %d --use-case %s --who <name> --why <reason>%s",
            use_case.model_name, outcome.version, people, outcome.version, use_case.name,
            "".join(f" --cleared {each.split()[0]}" for each in outcome.suspects),
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


def _verdict(kept: Mapping[str, Any]) -> Verdict:
    """The other way round of `Verdict.to_dict`."""
    value = kept["value"]
    names = {field.name for field in fields(Verdict)} - {"value"}
    return Verdict(value=None if value is None else float(value), **{name: kept[name] for name in names})


def _shown(value: float | None) -> str:
    return "not computed" if value is None else figures.number(value)
