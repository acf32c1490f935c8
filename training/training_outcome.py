"""What became of a training: its version, its gates, and who may let the version become champion."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from nightshift.declarations.use_case import UseCase
from nightshift.models.champions.approvers import APPROVAL_TAG, AUTO, PERSON, Who
from nightshift.models.champions.compared_before import COMPARED_TAG
from nightshift.models.mlflow_connection import model_version, patiently
from training.judging.comparable_days import BY_NOTHING, FLATTERED_TAG
from training.judging.gates import Verdict
from training.judging.leak_suspects import Suspect
from training.register import version_of_run


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
        suspects: features that may know the outcome, each with the evidence.
        intervals: what those of the metrics rest on, and what they do not cover.
    """

    version: int | None
    approval: Who
    metrics: Mapping[str, float]
    verdicts: Sequence[Verdict]
    compared: str | None
    flattered: str
    suspects: Sequence[Suspect] = ()
    intervals: str = ""

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
    measures, verdicts = kept("measures.json"), kept("gates.json")
    metrics = {name: math.nan if value is None else value for name, value in measures["judged"].items()}
    gates = [_verdict(each) for each in verdicts]
    found = [Suspect(each["feature"], tuple(each["evidence"])) for each in kept("suspects.json")["open"]]
    compared, rest_on = tags.get(COMPARED_TAG), measures["intervals"]
    return Outcome(version, approval, metrics, gates, compared, _flattered(tags), found, rest_on)


def _flattered(tags: Mapping[str, str]) -> str:
    said = tags.get(FLATTERED_TAG, BY_NOTHING)
    return "" if said == BY_NOTHING else said


def _verdict(kept: Mapping[str, Any]) -> Verdict:
    """The other way round of `Verdict.to_dict`."""
    value = kept["value"]
    names = {field.name for field in fields(Verdict)} - {"value"}
    return Verdict(value=None if value is None else float(value), **{name: kept[name] for name in names})
