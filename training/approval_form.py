"""The form by which a person is asked whether a model may go live: what to know in ten lines, then the figures."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from nightshift import figures
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings
from nightshift.install.services.airflow_env import local_url
from nightshift.install.services.ports import Ports
from nightshift.models import champions
from nightshift.models.champions.approvers import cleared_options
from nightshift.models.champions.compared_before import never_compared
from nightshift.models.mlflow_connection import experiment_id
from nightshift.terminal import markdown_row
from training.card.measures_in_words import MEASURES_IN_WORDS, interval_in_words
from training.training_outcome import Outcome

if TYPE_CHECKING:
    from nightshift.models.champions import Reign

# What is named as better or worse, of those measures that the task has, with how far it must differ to be worth a word.
_SHOWN = (
    *("auc", "average_precision", "log_loss", "brier", "calibration_error", "lift_at_10", "precision", "recall"),
    *("cost_per_row", "mae", "rmse", "r2"),
)
_NOTHING = 0.005
_DIGITS = 3


class Beside(NamedTuple):
    """A measure of the challenger beside the champion's."""

    title: str
    better: str
    challenger: float
    champion: float | None
    between: str

    @property
    def verdict(self) -> str:
        """`better`, `worse`, or nothing where they are alike or there is nobody to compare with."""
        if self.champion is None or not (math.isfinite(self.challenger) and math.isfinite(self.champion)):
            return ""
        gain = (self.challenger - self.champion) * (-1 if self.better == "lower" else 1)
        if abs(gain) <= _NOTHING * max(abs(self.challenger), abs(self.champion)):
            return ""
        return "better" if gain > 0 else "worse"

    @property
    def words(self) -> str:
        """In a sentence."""
        return f"{self.title} {_number(self.challenger)} (was {_number(self.champion)})"


def comparison(use_case: UseCase, run_id: str, outcome: Outcome, first: dt.date | None = None) -> str:
    """What changes, what gets better and worse, what yes and no do; then measures, gates, and where to read on."""
    # Without what was decided about this version itself: it may be champion already.
    made = [each for each in champions.decisions(use_case) if each.version != outcome.version]
    champion = champions.coming(champions.reigns_of(made))
    blocked = champion is not None and champion.version in champions.blocked(made)
    unknown = None if outcome.version is None else never_compared(use_case, made, outcome.version, outcome.compared)
    measures = _measures(outcome.metrics)
    return "\n".join(
        [
            *_summary(use_case, outcome, champion, blocked, first),
            *_noteworthy(outcome, measures, unknown),
            "",
            *links(use_case, outcome.version, run_id),
            "",
            *_table(measures),
            "",
            *([outcome.intervals, ""] if outcome.intervals else []),
            *_gates(outcome),
        ]
    )


def _summary(
    use_case: UseCase, outcome: Outcome, champion: Reign | None, blocked: bool, first: dt.date | None
) -> list[str]:
    against = f"version {champion.version} ({champion.dates})" if champion else "no champion so far"
    if blocked:
        against += ", which is blocked and no rival"
    begins = f"from batch date {first} on" if first else "from the first date that is not scored yet"
    stays = f"version {champion.version} stays champion" if champion else "there is no champion, and nothing is scored"
    about = f"version {outcome.version}" if outcome.version else "a new model"
    asked = [verdict for verdict in outcome.verdicts if verdict.asked]
    passed = sum(verdict.passed for verdict in asked)
    return [
        f"- **Champion now:** {against}. **Asked about:** {about}.",
        f"- **Yes:** it scores {begins}, or from the first date that is not scored yet when you answer. Scores that "
        "are there stay as they are.",
        f"- **No, or no answer:** {stays}. It can still be let in by hand: `nightshift models promote "
        f"{outcome.version or '<version>'} --use-case {use_case.name} --who … --why …"
        f"{cleared_options(each.feature for each in outcome.suspects)}`.",
        f"- **Gates:** {passed} of {len(asked)} passed"
        + (f", {len(outcome.verdicts) - len(asked)} not asked." if len(asked) < len(outcome.verdicts) else "."),
    ]


def _noteworthy(outcome: Outcome, measures: Sequence[Beside], unknown: str | None) -> list[str]:
    """What speaks for and against it."""
    lines = [f"- ⚠ **May know the outcome:** {suspect}. Look at when it is written." for suspect in outcome.suspects]
    if unknown:
        return [*lines, f"- ⚠ **{unknown}.**"]
    if not any(measure.champion is not None for measure in measures):
        alone = "The challenger alone was judged, on a test period that no choice of its training has seen."
        return [*lines, f"- {alone}"]
    for verdict, sign in (("better", ""), ("worse", "⚠ ")):
        said = ", ".join(measure.words for measure in measures if measure.verdict == verdict)
        lines.append(f"- {sign if said else ''}**{verdict.capitalize()}:** {said or 'nothing'}.")
    same = "Both were judged on the same rows of the test period"
    if outcome.flattered:
        return [*lines, f"- ⚠ {same}. **{outcome.flattered}**"]
    return [*lines, f"- {same}, which no choice in the training of either has seen."]


def _measures(metrics: Mapping[str, float]) -> list[Beside]:
    titles = {measure.name: measure for measure in MEASURES_IN_WORDS}
    return [
        Beside(
            titles[name].title,
            titles[name].better,
            metrics[name],
            metrics.get(f"champion_{name}"),
            interval_in_words(metrics.get(f"{name}_lower"), metrics.get(f"{name}_upper"), _DIGITS),
        )
        for name in _SHOWN
        if name in metrics
    ]


def _table(measures: Sequence[Beside]) -> list[str]:
    return [
        "| measure | better is | challenger | chance gives | champion | |",
        "|---|---|---|---|---|---|",
        *(
            markdown_row(
                [
                    *(each.title, each.better, _number(each.challenger), each.between, _number(each.champion)),
                    f"⚠ {each.verdict}" if each.verdict == "worse" else each.verdict,
                ]
            )
            for each in measures
        ),
    ]


def _gates(outcome: Outcome) -> list[str]:
    """One line each where a gate failed, and one for all that passed: the model card has their meanings."""
    failed = [
        f"- ⚠ **{each.name}** failed: {_number(each.value)}, must be {each.limit}. {each.meaning}"
        for each in outcome.refused
    ]
    passed = [
        f"{each.name} {_number(each.value)} ({each.limit})" for each in outcome.verdicts if each.asked and each.passed
    ]
    unasked = [f"{each.name} ({each.word})" for each in outcome.verdicts if not each.asked]
    return [
        *failed,
        f"Gates passed: {' · '.join(passed) or 'none'}." + (f" Not asked: {' · '.join(unasked)}." if unasked else ""),
    ]


def _number(value: float | None) -> str:
    return "not computed" if value is not None and not math.isfinite(value) else figures.number(value, _DIGITS)


def links(use_case: UseCase, version: int | None, run_id: str) -> list[str]:
    """Where the model card, the run with its plots and the version are, as lines of Markdown."""
    base = _mlflow(use_case.home)
    if base is None:
        return [f"MLflow run `{run_id}` holds the model card and all plots."]
    run = f"{base}/#/experiments/{experiment_id(use_case)}/runs/{run_id}"
    shown = [f"- [Model card and plots]({run}/artifacts)", f"- [MLflow run]({run})"]
    if version is not None:
        shown.append(f"- [Version {version}]({base}/#/models/{use_case.model_name}/versions/{version})")
    return shown


def _mlflow(settings: Settings) -> str | None:
    """Where people reach MLflow's pages; None where this home's server was never started."""
    if (uri := settings.mlflow_public_url or settings.mlflow_tracking_uri) is not None:
        return uri.rstrip("/") if uri.startswith("http") else None
    ports = Ports.load(settings)
    return None if ports is None else local_url(ports.mlflow)
