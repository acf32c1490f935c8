"""Making and judging one model: search, fit, calibrate, choose the threshold, evaluate, hold against the gates."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nightshift.calibration import Calibration
from nightshift.registry import RegisteredModel
from nightshift.training_plan import BINARY
from nightshift.use_case import UseCase
from training import stability
from training.calibrate import calibrate, interval
from training.cross_fit import left_out_scores
from training.dataset import Dataset
from training.evaluate import Evaluation, best_threshold, evaluate
from training.fit import Parts, binned, fit, raw_scores
from training.fitted import FittedModel
from training.gates import Facts, Gate, Verdict, judge
from training.search import Winner, search
from training.skew import Skew

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
        numbers: all that the gates were held against.
        drift: how far each feature moved from train to test (population stability index).
        verdicts: of all gates.
    """

    winner: Winner
    model: FittedModel
    learning_curve: Mapping[str, Sequence[float]]
    evaluation: Evaluation
    numbers: Mapping[str, float]
    drift: Mapping[str, float]
    verdicts: Sequence[Verdict]

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
    winner, model, curve = develop(use_case, dataset, budget)
    evaluation = evaluate(
        model,
        dataset,
        use_case,
        None if champion is None else predictions_of(champion, dataset),
        champion_threshold=champion.threshold if champion else None,
        champion_interval=champion.interval if champion else None,
    )
    numbers = {
        **evaluation.metrics,
        **stability.numbers(dataset, evaluation.predicted, evaluation.champion),
        **(skew.numbers() if skew else {}),
        "training_seconds": time.monotonic() - budget.started,
    }
    facts = Facts.of(
        use_case, champion_exists=champion is not None, scored_before=skew is not None and skew.scored_before
    )
    drift = stability.feature_drift(dataset)
    return Challenger(winner, model, curve, evaluation, numbers, drift, judge(gates, numbers, facts))


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
        calibration = _calibrated(use_case, dataset, parts, winner, raw)
        probabilities = calibration.apply(raw)
        threshold = best_threshold(validation.labels, probabilities, validation.weights, training.costs)
        return FittedModel(BINARY, booster, dataset.encoding, calibration, threshold, None)
    calibration = Calibration("identity")
    around = interval(validation.labels, calibration.apply(raw), validation.weights, training.interval)
    return FittedModel(use_case.task, booster, dataset.encoding, calibration, None, around)


def _calibrated(
    use_case: UseCase, dataset: Dataset, parts: Parts, winner: Winner, raw: NDArray[np.float64]
) -> Calibration:
    """Fitted on rows that trees did not see: of train, left out in turn, and of validation."""
    training, train, validation = use_case.training, dataset.train, dataset.validation
    left_out, there = left_out_scores(parts, train, winner.parameters, winner.rounds)
    return calibrate(
        training.calibration,
        np.append(train.labels[there], validation.labels),
        np.append(left_out[there], raw),
        np.append(train.weights[there], validation.weights),
        np.append(train.days[there], validation.days),
        training.seed,
    )


def predictions_of(champion: RegisteredModel, dataset: Dataset) -> NDArray[np.float64] | None:
    """The champion's predictions of the very rows that the challenger is tested on; None where it cannot give them."""
    import lightgbm as lgb

    rows = dataset.tables["test"]
    missing = [name for name in champion.encoding.features if name not in rows.column_names]
    if missing:
        log.warning(
            "champion version %d cannot be compared, the feature table no longer has: %s",
            champion.version, ", ".join(missing),
        )  # fmt: skip
        return None
    booster = lgb.Booster(model_str=champion.booster)
    return champion.calibration.apply(raw_scores(booster, champion.encoding.matrix(rows)))
