"""What a training tells the DAG that started it, and the person who is asked whether its model may become champion."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from nightshift import champions
from nightshift.champions.approval import APPROVAL_TAG, AUTO, PERSON, Who
from nightshift.champions.comparing import COMPARED_TAG, NO_CHAMPION, never_compared
from nightshift.errors import GateError
from nightshift.models.tracking import experiment_id, model_version, patiently
from nightshift.result import hand_over
from nightshift.services.airflow_env import local_url
from nightshift.services.ports import Ports
from nightshift.settings import get_settings
from nightshift.use_case import UseCase
from training.card.words import interval, number
from training.judging.footing import BY_NOTHING, FLATTERED_TAG
from training.judging.gates import Verdict
from training.register import version_of_run

log = logging.getLogger("nightshift")

# In the order in which they are shown, of those that the task has; with the direction that is better.
SHOWN = {
    "auc": "higher",
    "average_precision": "higher",
    "log_loss": "lower",
    "brier": "lower",
    "calibration_error": "lower",
    "lift_at_10": "higher",
    "precision": "higher",
    "recall": "higher",
    "cost_per_row": "lower",
    "mae": "lower",
    "rmse": "lower",
    "r2": "higher",
    "bias": "nearer to 0",
    "coverage": "nearer to what was asked",
}


@dataclass(frozen=True)
class Outcome:
    """What became of a training.

    Attributes:
        version: that was registered; None where a gate refused the model.
        approval: who lets it become champion.
        metrics: of its evaluation.
        verdicts: of its gates.
        compared: the champion that it was held against, or `none`; None where that is not known.
        flattered: what people must know of that champion's measures; empty where nothing flatters them.
    """

    version: int | None
    approval: Who
    metrics: Mapping[str, float]
    verdicts: Sequence[Verdict]
    compared: str | None
    flattered: str

    @property
    def refused(self) -> list[Verdict]:
        """The gates that it failed; none for a model that may become champion."""
        return [verdict for verdict in self.verdicts if not verdict.passed]


def registered_before(use_case: UseCase, run_id: str) -> Outcome | None:
    """The outcome of an MLflow run that was gone on with and had registered its version; None where it had not.

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
    return Outcome(version, approval, metrics, gates, tags.get(COMPARED_TAG), _flattered(tags))


def _flattered(tags: Mapping[str, str]) -> str:
    said = tags.get(FLATTERED_TAG, BY_NOTHING)
    return "" if said == BY_NOTHING else said


def tell(use_case: UseCase, run_id: str, outcome: Outcome) -> None:
    """Hand the outcome of a training, an MLflow run, over to the DAG."""
    name, version = use_case.model_name, outcome.version
    refused = [verdict.name for verdict in outcome.refused]
    subject = f"May version {version} of {name} become champion?" if version else f"{name}: refused by its gates"
    hand_over(
        {
            "version": version,
            "approval": outcome.approval if version else None,
            "compared": outcome.compared,
            "refused": ", ".join(refused),
            "subject": subject,
            "comparison": comparison(use_case, run_id, outcome),
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
        log.warning(
            "%s version %d has passed its gates and waits for approval by %s: in Airflow under Required actions, or\n"
            "  nightshift models promote %d --use-case %s --who <name> --why <reason>",
            use_case.model_name, outcome.version, ", ".join(use_case.training.approval.by), outcome.version,
            use_case.name,
        )  # fmt: skip


def _say_refused(use_case: UseCase, run_id: str, outcome: Outcome) -> None:
    reasons = "\n".join(
        f"  {verdict.name}: {verdict.value if verdict.value is not None else 'not computed'}, "
        f"must be {verdict.limit}. {verdict.meaning}"
        for verdict in outcome.refused
    )
    if outcome.compared != NO_CHAMPION:
        log.warning("not promoted, version %s stays champion; MLflow run %s\n%s", outcome.compared, run_id, reasons)
        return
    raise GateError(
        f"the model of {use_case.model_name} was refused by its gates, and there is NO CHAMPION: nothing can be "
        f"scored until a model passes\n{reasons}\n"
        f"  next: read the report of MLflow run {run_id}; give more batch dates (--dates), or mend the features"
    )


def comparison(use_case: UseCase, run_id: str, outcome: Outcome) -> str:
    """Challenger beside champion, gates, and where to read on, as Markdown."""
    version, metrics = outcome.version, outcome.metrics
    # Without what was decided about this version itself: it may be champion already.
    made = [each for each in champions.decisions(use_case) if each.version != version]
    champion = champions.coming(champions.reigns_of(made))
    against = f"version {champion.version}, {champion.dates}" if champion else "none so far"
    if champion and champion.version in champions.blocked(made):
        against += ", which is blocked and no rival"
    unknown = None if version is None else never_compared(use_case, made, version, outcome.compared)
    judged = f"**{unknown}.**" if unknown else _judged(outcome)
    gates = [_cells(each.name, _number(each.value), each.limit, each.word, each.meaning) for each in outcome.verdicts]
    return "\n".join(
        [
            f"Champion now: {against}. {judged} In brackets: the interval that chance would give.",
            "",
            "| measure | better is | challenger | champion | constant |",
            "|---|---|---|---|---|",
            *(_row(name, metrics) for name in SHOWN if name in metrics),
            "",
            "| gate | value | limit | verdict | meaning |",
            "|---|---|---|---|---|",
            *gates,
            "",
            *links(use_case, version, run_id),
        ]
    )


def _judged(outcome: Outcome) -> str:
    """On which rows, and whether that was fair to both."""
    if not any(name.startswith("champion_") for name in outcome.metrics):
        return "The challenger alone was judged, on a test period that no choice of its training has seen."
    same = "Both were judged on the same rows of the test period"
    if outcome.flattered:
        return f"{same}. **{outcome.flattered}**"
    return f"{same}, which no choice in the training of either has seen."


def links(use_case: UseCase, version: int | None, run_id: str) -> list[str]:
    """Where the model card, the run with its plots and the version are, as lines of Markdown."""
    base = _mlflow()
    if base is None:
        return [f"MLflow run `{run_id}` holds the model card and all plots."]
    run = f"{base}/#/experiments/{experiment_id(use_case)}/runs/{run_id}"
    shown = [f"- [Model card and plots]({run}/artifacts)", f"- [MLflow run]({run})"]
    if version is not None:
        shown.append(f"- [Version {version}]({base}/#/models/{use_case.model_name}/versions/{version})")
    return shown


def _row(name: str, metrics: Mapping[str, float]) -> str:
    low, high = metrics.get(f"{name}_lower"), metrics.get(f"{name}_upper")
    between = "" if low is None or high is None else f" ({interval(low, high)})"
    others = " | ".join(_number(metrics.get(f"{who}_{name}")) for who in ("champion", "constant"))
    return f"| {name} | {SHOWN[name]} | {_number(metrics[name])}{between} | {others} |"


def _cells(*texts: str) -> str:
    """A row of a table in Markdown, in which a bar would end a cell."""
    escaped = [text.replace("|", r"\|") for text in texts]
    return f"| {' | '.join(escaped)} |"


def _verdict(kept: Mapping[str, Any]) -> Verdict:
    """The other way round of `Verdict.to_dict`."""
    value = kept["value"]
    names = {field.name for field in fields(Verdict)} - {"value"}
    return Verdict(value=None if value is None else float(value), **{name: kept[name] for name in names})


def _number(value: float | None) -> str:
    return number(value) if value is None or math.isfinite(value) else "not computed"


def _mlflow() -> str | None:
    """Where people reach MLflow's pages; None where this home's server was never started."""
    settings = get_settings()
    if (uri := settings.mlflow_tracking_uri) is not None:
        return uri.rstrip("/") if uri.startswith("http") else None
    ports = Ports.load(settings)
    return None if ports is None else local_url(ports.mlflow)
