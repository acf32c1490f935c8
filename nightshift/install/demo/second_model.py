"""What became of the demo's second model: refused by its gates, waiting for a person, or decided about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nightshift import terminal
from nightshift.declarations.use_case import UseCase
from nightshift.figures import number
from nightshift.install.demo.dag_runs import asks_a_person
from nightshift.install.services.airflow_api import AirflowApi
from nightshift.models.champions import Decision, decisions
from nightshift.models.mlflow_connection import client, model_version

# Metrics of a training that say what the challenger gained, with their words.
GAINS = {"auc": "AUC", "mae": "mean absolute error", "loss": "loss per row", "cost_per_row": "cost per row"}


@dataclass(frozen=True)
class SecondModel:
    """The outcome of a training that had a champion to beat.

    Attributes:
        use_case: its name.
        version: that was registered; None where the gates refused the model.
        refused: names of the gates that did.
        metrics: of the MLflow run.
        people: users of Airflow who may answer; none when nobody is asked.
        form: address of the form in Airflow that asks them.
        decision: the newest about the version, whoever made it.
    """

    use_case: str
    version: int | None
    refused: str
    metrics: Mapping[str, float]
    people: tuple[str, ...]
    form: str
    decision: Decision | None

    def lines(self) -> list[str]:
        """In words, with where to click."""
        if self.version is None:
            return [f"The challenger was refused by its gates ({self.refused}): the champion stays."]
        gained = self.gain()
        return [f"[bold]{self._state()}[/]", *([f"  {gained}"] if gained else []), *self._next()]

    def gain(self) -> str:
        """Its measures beside the champion's, on the same rows; nothing where there are none."""
        measured = [
            f"{words} {number(self.metrics[name], 3)} against {number(self.metrics[f'champion_{name}'], 3)}"
            for name, words in GAINS.items()
            if {name, f"champion_{name}"} <= set(self.metrics)
        ]
        if not measured:
            return ""
        gained = ""
        if "gain_over_champion" in self.metrics:
            mean, low, high = (number(self.metrics[f"gain_over_champion{end}"], 3) for end in ("", "_lower", "_upper"))
            gained = f"; loss saved {mean} per row (surely {low} to {high})"
        return f"on the same rows of its test period: {', '.join(measured)}{gained}"

    def _state(self) -> str:
        if self.decision is not None:
            made = self.decision
            first = f" from {made.first} on" if made.first else ""
            return f"Version {self.version} was {made.action}{first} by {terminal.in_markup(f'{made.who}: {made.why}')}"
        if self.people:
            return f"Version {self.version} has passed its gates and WAITS FOR APPROVAL by {', '.join(self.people)}"
        return f"Version {self.version} has passed its gates, and nothing was decided about it"

    def _next(self) -> list[str]:
        if self.decision is not None or not self.people:
            return []
        return [
            f"  read the comparison, say why, click Approve or Reject: {self.form}",
            "  approved, it is champion of the nights to come, and the scores that are there stay as they are;",
            f"  who decided, when and why is then in `nightshift models history --use-case {self.use_case}`, and "
            f"`make demo USE_CASE={self.use_case}` says it, too",
        ]


def outcome(api: AirflowApi, use_case: UseCase, run: Mapping[str, Any]) -> SecondModel:
    """Read from Airflow, MLflow and the ledger what became of a training run that was seen through."""
    dag_id, run_id = run["dag_id"], run["dag_run_id"]
    version = _told(api, dag_id, run_id, "version")
    decided = [each for each in decisions(use_case) if each.version == version]
    return SecondModel(
        use_case=use_case.name,
        version=version,
        refused=str(_told(api, dag_id, run_id, "refused")),
        metrics={} if version is None else _metrics(use_case, version),
        people=use_case.training.approval.by if asks_a_person(run) else (),
        form=form_of(api, run),
        decision=decided[-1] if decided else None,
    )


def form_of(api: AirflowApi, run: Mapping[str, Any]) -> str:
    """Address of the form by which a training run asks a person."""
    run_page = f"{api.connection.public_url}/dags/{run['dag_id']}/runs/{run['dag_run_id']}"
    return f"{run_page}/tasks/approve/required_actions"


def _told(api: AirflowApi, dag_id: str, run_id: str, key: str) -> Any:
    """What the training told its DAG."""
    path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/train/xcomEntries/{key}"
    return api.call("GET", path, params={"deserialize": "true"})["value"]


def _metrics(use_case: UseCase, version: int) -> Mapping[str, float]:
    metrics: Mapping[str, float] = (
        client(use_case.home).get_run(str(model_version(use_case, version).run_id)).data.metrics
    )
    return metrics
