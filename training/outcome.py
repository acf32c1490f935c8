"""What a training tells the DAG that started it, and the person who is asked whether its model may become champion."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from nightshift import champions
from nightshift.result import hand_over
from nightshift.services.ports import Ports
from nightshift.settings import get_settings
from nightshift.tracking import experiment_id
from nightshift.use_case import UseCase
from training.gates import Verdict

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


def approval_of(use_case: UseCase) -> Literal["auto", "person"]:
    """Who lets the next model become champion: the first of all and later ones may differ."""
    approval = use_case.training.approval
    return approval.later if champions.history(use_case) else approval.first


def tell(
    use_case: UseCase, version: int | None, run_id: str, metrics: Mapping[str, float], verdicts: Sequence[Verdict]
) -> None:
    """Hand the outcome of a training over to the DAG.

    Args:
        version: that was registered; None where a gate refused the model.
        run_id: MLflow run of the training.
        metrics: of its evaluation.
        verdicts: of its gates.
    """
    name = use_case.model_name
    refused = [verdict.name for verdict in verdicts if not verdict.passed]
    subject = f"May version {version} of {name} become champion?" if version else f"{name}: refused by its gates"
    hand_over(
        {
            "version": version,
            "approval": approval_of(use_case) if version else None,
            "refused": ", ".join(refused),
            "subject": subject,
            "comparison": comparison(use_case, version, run_id, metrics, verdicts),
        }
    )


def comparison(
    use_case: UseCase, version: int | None, run_id: str, metrics: Mapping[str, float], verdicts: Sequence[Verdict]
) -> str:
    """Challenger beside champion, gates, and where to read on, as Markdown."""
    reigns = champions.history(use_case)
    against = f"version {reigns[-1].version}, {reigns[-1].dates}" if reigns else "none so far"
    gates = [
        f"| {each.name} | {_number(each.value)} | {each.limit} | {each.word} | {each.meaning} |" for each in verdicts
    ]
    return "\n".join(
        [
            f"Champion now: {against}. Both were judged on the same rows of the test period, which no choice has seen; "
            "in brackets the interval that chance would give.",
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
    interval = "" if low is None or high is None else f" ({_number(low)} to {_number(high)})"
    others = " | ".join(_number(metrics.get(f"{who}_{name}")) for who in ("champion", "constant"))
    return f"| {name} | {SHOWN[name]} | {_number(metrics[name])}{interval} | {others} |"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if math.isfinite(value) else "not computed"


def _mlflow() -> str | None:
    """Where people reach MLflow's pages; None where this home's server was never started."""
    settings = get_settings()
    if (uri := settings.mlflow_tracking_uri) is not None:
        return uri.rstrip("/") if uri.startswith("http") else None
    ports = Ports.load(settings)
    return None if ports is None else f"http://{settings.bind_address}:{ports.mlflow}"
