"""Growing the trees: the same data, parameters and seed give the same model, byte by byte."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nightshift.declarations.training_section import BINARY, Task, Training
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError
from training.data.dataset import Dataset, Part

if TYPE_CHECKING:
    import lightgbm as lgb
    from lightgbm.callback import CallbackEnv
    from numpy.typing import NDArray

    Callback = Callable[[CallbackEnv], None]

# Objective and metric of LightGBM by task; the metric is the loss that search and early stopping look at.
OBJECTIVES: Mapping[Task, tuple[str, str]] = {
    "binary": ("binary", "binary_logloss"),
    "regression": ("regression", "l2"),
}
VALIDATION_PART = "validation"
MAX_ROUNDS = 800
# Rounds without a better loss on validation before the trees stop growing.
PATIENCE = 40
_DIRECTIONS = {"increasing": 1, "decreasing": -1}


@dataclass(frozen=True)
class Parts:
    """LightGBM's binned forms of train and validation, made once and used by every trial.

    Attributes:
        digest: SHA-256 of all that decides about trees but the parameters of a trial: rows, labels, weights, plan.
    """

    train: lgb.Dataset
    validation: lgb.Dataset
    task: Task
    training: Training
    features: tuple[str, ...]
    digest: str

    @property
    def metric(self) -> str:
        """LightGBM's name of the loss."""
        return OBJECTIVES[self.task][1]


def fixed_parameters(task: Task, training: Training, features: Sequence[str]) -> dict[str, Any]:
    """What no trial varies.

    The number of threads is not among it: it would stand in the model's text, and changes nothing else in it.
    """
    objective, metric = OBJECTIVES[task]
    parameters = {
        "objective": objective,
        "metric": metric,
        # Not searched: early stopping sets the rounds, and pruning compares trials after equally many.
        "learning_rate": 0.05,
        "deterministic": True,
        "force_row_wise": True,
        "seed": training.seed,
        # Bins are shared by trials with different leaf sizes, so none may drop features on its own.
        "feature_pre_filter": False,
        "bagging_freq": 1,
        "verbosity": -1,
    }
    constraints = [_DIRECTIONS.get(training.monotone.get(name, ""), 0) for name in features]
    return {**parameters, "monotone_constraints": constraints} if any(constraints) else parameters


def binned(dataset: Dataset, use_case: UseCase) -> Parts:
    """Bin both parts; the float32 matrices are not copied and no longer needed for growing trees.

    Weights of the sample are scaled to a mean of one, so that a sample is regularised as a table of its size would be.
    `event_weight` is on top of them, in the train part alone. An event that weighs w moves the log-odds by log w, so
    validation is measured with that much less (King and Zeng 2001, Logistic regression in rare events data): its loss
    stays that of the true rate. The raw scores keep the shift, which calibration takes out.
    """
    task, training = use_case.task, use_case.training
    heavier = event_weight(dataset.train, training) if task == BINARY else 1.0
    weights = dataset.train.weights * np.where(dataset.train.labels == 1, heavier, 1.0)
    fixed = fixed_parameters(task, training, dataset.encoding.features)
    train = _binned(dataset.train, weights, dataset, fixed, None)
    validation = _binned(dataset.validation, dataset.validation.weights, dataset, fixed, train, -math.log(heavier))
    return Parts(train, validation, task, training, dataset.encoding.features, _digest(dataset, fixed, heavier))


def grow(
    parts: Parts, parameters: Mapping[str, Any], callbacks: Sequence[Callback] = (), measure_train: bool = False
) -> lgb.Booster:
    """Grow trees until validation stops getting better; ``best_iteration`` of the result is where it was best.

    Args:
        parts: the data.
        parameters: what the search varies.
        callbacks: called by LightGBM after each round.
        measure_train: whether callbacks get the loss on train, too.

    Raises:
        NightshiftError: if LightGBM refuses the parameters or the data.
    """
    import lightgbm as lgb

    valid = {VALIDATION_PART: parts.validation, **({"train": parts.train} if measure_train else {})}
    try:
        return lgb.train(
            {**fixed_parameters(parts.task, parts.training, parts.features), **parameters},
            parts.train,
            num_boost_round=MAX_ROUNDS,
            valid_sets=list(valid.values()),
            valid_names=list(valid),
            callbacks=[lgb.early_stopping(PATIENCE, verbose=False), *callbacks],
        )
    except lgb.basic.LightGBMError as error:
        said = " ".join(str(error).split())
        raise DeclarationError(
            f"LightGBM refuses to train with {dict(parameters)}: {said}; look at training.search in use_case.yaml"
        ) from error


def fit(parts: Parts, parameters: Mapping[str, Any], history: dict[str, list[float]] | None = None) -> lgb.Booster:
    """The one fit with the winner's parameters, cut where validation was best.

    Args:
        parts: the data.
        parameters: of the search's winner.
        history: gets the learning curve, the loss after each round by the name of the part ("train", "validation").
    """
    import lightgbm as lgb

    curves: dict[str, dict[str, list[float]]] = {}
    booster = grow(parts, parameters, [lgb.record_evaluation(curves)], measure_train=history is not None)
    if history is not None:
        history.update({name: curves[name][parts.metric] for name in ("train", VALIDATION_PART)})
    # Without the rounds of patience; read back from text, it is the very model that scoring will load.
    return lgb.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration))


def refit(parts: Parts, parameters: Mapping[str, Any], rows: NDArray[np.intp], rounds: int) -> lgb.Booster:
    """Grow so many rounds on some of the train rows, with leaves that are as large a share of them."""
    import lightgbm as lgb

    smaller = {**parameters}
    if "min_data_in_leaf" in smaller:
        share = len(rows) / parts.train.num_data()
        smaller["min_data_in_leaf"] = max(int(smaller["min_data_in_leaf"] * share), 1)
    fixed = fixed_parameters(parts.task, parts.training, parts.features)
    return lgb.train({**fixed, **smaller}, parts.train.subset(rows.tolist()), num_boost_round=rounds)


def raw_scores(booster: lgb.Booster, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """The sums of the trees' leaves, shape (rows,): log-odds (binary) or values (regression)."""
    return np.asarray(booster.predict(matrix, raw_score=True), dtype=np.float64)


def event_weight(train: Part, training: Training) -> float:
    """How much an event weighs; `balanced` makes all events together as heavy as all other rows.

    Raw scores of trees that were grown with it are higher by its logarithm.
    """
    if training.event_weight != "balanced":
        return float(training.event_weight)
    events = float(train.labels @ train.weights)
    return (float(train.weights.sum()) - events) / events


def _binned(
    part: Part,
    weights: NDArray[np.float64],
    dataset: Dataset,
    fixed: Mapping[str, Any],
    reference: lgb.Dataset | None,
    shift: float = 0.0,
) -> lgb.Dataset:
    import lightgbm as lgb

    features = dataset.encoding.features
    made = lgb.Dataset(
        part.matrix,
        part.labels,
        reference=reference,
        weight=None if (weights == weights[0]).all() else weights / weights.mean(),
        init_score=np.full(len(part), shift) if shift else None,
        feature_name=list(features),
        # Said for each part: LightGBM compares the parts' declarations once their raw data is gone.
        categorical_feature=[at for at, name in enumerate(features) if name in dataset.encoding.categories],
        params=dict(fixed),
    )
    return made.construct()


def _digest(dataset: Dataset, fixed: Mapping[str, Any], heavier: float) -> str:
    digest = hashlib.sha256(json.dumps([dataset.encoding.to_dict(), fixed, heavier], default=str).encode())
    for part in (dataset.train, dataset.validation):
        for values in (part.matrix, part.labels, part.weights):
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
