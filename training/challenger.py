"""Making and judging one model: search, fit, calibrate, choose the threshold, evaluate, apply the gates."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from nightshift.declarations.training_section import BINARY
from nightshift.declarations.use_case import UseCase
from nightshift.models.calibrated_predictions import Calibration
from nightshift.models.encoding import Encoding
from nightshift.models.model_version import RegisteredModel
from training.data.dataset import Dataset
from training.fitting.cross_fit import left_out_scores
from training.fitting.fit import Parts, binned, event_weight, fit, raw_scores
from training.fitting.fit_calibration import calibrate, interval
from training.fitting.fitted_model import Calibrated, FittedModel
from training.judging import feature_strength, stability
from training.judging.comparable_days import Footing
from training.judging.evaluate import Evaluation, best_threshold, evaluate
from training.judging.gates import Facts, Gate, Verdict, judge
from training.judging.leak_suspects import UNANSWERED, Signs, Suspect, open_and_cleared, unanswered
from training.judging.relative_measures import relative_numbers
from training.judging.skew import Skew
from training.search.parameter_search import Winner, search

if TYPE_CHECKING:
    import lightgbm as lgb
    from numpy.typing import NDArray

log = logging.getLogger("nightshift")


@dataclass(frozen=True)
class Budget:
    """How long a search may go on, and where its trials are kept.

    Attributes:
        trials: to finish.
        seconds: after which no trial begins.
        study: name of the Optuna study.
        storage: SQLAlchemy URL of Optuna's database; None keeps the trials in memory.
        started: moment (`time.monotonic`) from which the training is timed.
    """

    trials: int
    seconds: float
    study: str
    storage: str | None = None
    started: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Challenger:
    """A model that was made and judged.

    Attributes:
        winner: the trial that gave its parameters.
        model: trees, calibration, threshold or interval.
        learning_curve: loss after each round, of train and validation.
        evaluation: on the test period.
        numbers: all that the gates were applied to.
        drift: how far each feature moved from train to test (population stability index).
        missing_rise: by how much the share of missing values of each feature rose from train to test.
        verdicts: of all gates.
        flattered: what people must know of the champion's measures, where it has seen days of the test; else empty.
        suspects: features that may know the outcome; with one, only a person lets the model in.
        cleared: likewise, that `training.cleared_features` names with a reason.
    """

    winner: Winner
    model: FittedModel
    learning_curve: Mapping[str, Sequence[float]]
    evaluation: Evaluation
    numbers: Mapping[str, float]
    drift: Mapping[str, float]
    missing_rise: Mapping[str, float]
    verdicts: Sequence[Verdict]
    flattered: str
    suspects: Sequence[Suspect] = ()
    cleared: Sequence[Suspect] = ()

    @property
    def refused(self) -> list[Verdict]:
        """The gates that it failed; none for a model that may become champion."""
        return [verdict for verdict in self.verdicts if not verdict.passed]


def challenge(
    use_case: UseCase,
    dataset: Dataset,
    gates: Sequence[Gate],
    budget: Budget,
    champion: RegisteredModel | None = None,
    skew: Skew | None = None,
) -> Challenger:
    """Make a model and judge it beside the champion, on the same rows of the test period."""
    # First, as a champion that cannot be compared is better known before the search than after it.
    rival = None if champion is None else predictions_of(champion, dataset, use_case)
    footing = None
    if champion is not None and rival is not None:
        footing = Footing.of(champion, dataset.periods.test, dataset.test)
        if footing.flattered:
            log.warning("%s", footing.flattered)
    winner, model, curve = develop(use_case, dataset, budget)
    evaluation = evaluate(
        model,
        dataset,
        use_case,
        rival,
        champion_threshold=champion.threshold if champion else None,
        champion_interval=champion.interval if champion else None,
        champion_rows=footing.rows if footing else None,
    )
    drift, missing_rise = stability.feature_drift(dataset), stability.missing_rises(dataset)
    signs = Signs.of(use_case, dataset, model, winner.parameters, evaluation.predicted, skew)
    suspected, cleared = open_and_cleared(signs, use_case.task, use_case.training.cleared_features)
    if champion is not None:
        _warn_of_champion(use_case, champion, suspected)
    open_questions, remedy = unanswered(suspected, use_case)
    leader, strength = feature_strength.strongest(signs.alone)
    strongest = feature_strength.GATED_NUMBERS[use_case.task]
    numbers = {
        **evaluation.metrics,
        **relative_numbers(evaluation.metrics, dataset.test, evaluation.predicted["test"], model),
        strongest: strength,
        UNANSWERED: open_questions,
        **stability.numbers(dataset, evaluation.predicted, evaluation.champion, drift, missing_rise),
        **(skew.numbers() if skew else {}),
        "training_seconds": time.monotonic() - budget.started + winner.seconds_before,
    }
    facts = Facts.of(
        use_case,
        champion_exists=champion is not None,
        champion_fits=numbers.get("champion_loss", 0.0) < numbers["constant_loss"],
        scored_before=skew is not None and skew.scored_before,
    )
    verdicts = judge(gates, numbers, facts, {strongest: feature_strength.said(leader, strength), UNANSWERED: remedy})
    return Challenger(
        *(winner, model, curve, evaluation, numbers, drift, missing_rise, verdicts),
        flattered=footing.flattered if footing else "",
        suspects=suspected,
        cleared=cleared,
    )


def _warn_of_champion(use_case: UseCase, champion: RegisteredModel, suspected: Sequence[Suspect]) -> None:
    """Say that the model in force reads a suspect, too."""
    if names := [each.feature for each in suspected if each.feature in champion.encoding.features]:
        log.warning(
            "champion version %d reads %s as well, which may know the outcome: look at when it is written, and if it "
            "knows it:\n  nightshift models block %d --use-case %s --who <name> --why <reason>",
            champion.version, " and ".join(names), champion.version, use_case.name,
        )  # fmt: skip


def develop(use_case: UseCase, dataset: Dataset, budget: Budget) -> tuple[Winner, FittedModel, dict[str, list[float]]]:
    """Search, fit once with the winner, calibrate, and choose what decides; the test period is not looked at."""
    parts = binned(dataset, use_case)
    winner = search(
        parts, use_case, trials=budget.trials, seconds=budget.seconds, study=budget.study, storage=budget.storage
    )
    log.info("best: loss %.5f after %d rounds with %s", winner.loss, winner.rounds, winner.parameters)
    curve: dict[str, list[float]] = {}
    booster = fit(parts, winner.parameters, curve)
    model = _deciding(use_case, dataset, parts, winner, booster)
    return winner, model, curve


def _deciding(use_case: UseCase, dataset: Dataset, parts: Parts, winner: Winner, booster: lgb.Booster) -> FittedModel:
    """The trees with what makes predictions and decisions of their raw scores."""
    training, validation = use_case.training, dataset.validation
    raw = raw_scores(booster, validation.matrix)
    if use_case.task == BINARY:
        assert training.costs is not None  # held by the declaration
        calibration, made_of = _calibrated(use_case, dataset, parts, winner, raw)
        probabilities = calibration.apply(raw)
        threshold = best_threshold(validation.labels, probabilities, validation.weights, training.costs)
        return FittedModel(BINARY, booster, dataset.encoding, calibration, threshold, None, made_of)
    calibration = Calibration("identity")
    held = _held_out(dataset, parts, winner, raw)
    around = interval(held.labels, calibration.apply(held.raw), held.weights, training.interval)
    made_of = Calibrated("none", held.of_train, len(validation))
    return FittedModel(use_case.task, booster, dataset.encoding, calibration, None, around, made_of)


def _calibrated(
    use_case: UseCase, dataset: Dataset, parts: Parts, winner: Winner, raw: NDArray[np.float64]
) -> tuple[Calibration, Calibrated]:
    """Fitted on rows that trees did not see: of train, left out in turn, and of validation."""
    training, held = use_case.training, _held_out(dataset, parts, winner, raw)
    weight = event_weight(dataset.train, training)
    losses: dict[str, float] = {}
    found = calibrate(
        training.calibration, held.labels, held.raw, held.weights, held.days, training.seed, weight, held.units, losses
    )
    return found, Calibrated(training.calibration, held.of_train, len(dataset.validation), losses)


class _HeldOut(NamedTuple):
    """Rows with raw scores of trees that did not learn from them, each of shape (rows,); the first are of train."""

    of_train: int
    labels: NDArray[np.float64]
    raw: NDArray[np.float64]
    weights: NDArray[np.float64]
    days: NDArray[np.datetime64]
    units: NDArray[np.uint64] | None


def _held_out(dataset: Dataset, parts: Parts, winner: Winner, raw: NDArray[np.float64]) -> _HeldOut:
    """Train, left out in turn, and validation, whose raw scores are there already."""
    train, validation = dataset.train, dataset.validation
    calendar = dataset.periods.train.calendar
    left_out, there = left_out_scores(parts, train, winner.parameters, winner.rounds, dataset.embargo, calendar)
    units = None
    if train.units is not None and validation.units is not None:
        units = np.append(train.units[there], validation.units)
    return _HeldOut(
        int(there.sum()),
        np.append(train.labels[there], validation.labels),
        np.append(left_out[there], raw),
        np.append(train.weights[there], validation.weights),
        np.append(train.days[there], validation.days),
        units,
    )


def predictions_of(champion: RegisteredModel, dataset: Dataset, use_case: UseCase) -> NDArray[np.float64] | None:
    """The champion's predictions of the very rows that the challenger is tested on; None where it cannot give them."""
    import lightgbm as lgb

    rows = dataset.tables["test"]
    if faults := _not_comparable(champion, rows, use_case):
        log.warning(
            "champion version %d cannot be compared with, so no challenger can show that it is better: %s. If it need "
            "not be compared with any more, block it, and train again:\n"
            "  nightshift models block %d --use-case %s --who <name> --why <reason>",
            champion.version, "; ".join(faults), champion.version, use_case.name,
        )  # fmt: skip
        return None
    booster = lgb.Booster(model_str=champion.booster)
    return champion.calibration.apply(raw_scores(booster, champion.encoding.matrix(rows)))


def _not_comparable(champion: RegisteredModel, rows: pa.Table, use_case: UseCase) -> list[str]:
    """Why a champion cannot predict these rows; empty where it can."""
    if champion.task != use_case.task:
        return [f"it is a {champion.task} model, and the task is {use_case.task} now"]
    encoding = champion.encoding
    missing = [name for name in encoding.features if name not in rows.column_names]
    unfit = [name for name in encoding.features if name not in missing and not _is_readable(encoding, name, rows)]
    return [
        *([f"the feature table no longer has {', '.join(missing)}"] if missing else []),
        *(f"{name} is a {rows[name].type} now, and it knows it as a {_kind(encoding, name)}" for name in unfit),
    ]


def _is_readable(encoding: Encoding, name: str, rows: pa.Table) -> bool:
    """Whether a feature still has values of the kind that the encoding learned."""
    categories = {name: encoding.categories[name]} if name in encoding.categories else {}
    try:
        Encoding((name,), categories).matrix(rows)
    except pa.ArrowException:
        return False
    return True


def _kind(encoding: Encoding, name: str) -> str:
    return "category" if name in encoding.categories else "quantity"
