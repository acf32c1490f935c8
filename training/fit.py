"""Growing the trees: the same data, parameters and seed give the same model, byte by byte."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from training.dataset import Dataset, Part

if TYPE_CHECKING:
    import lightgbm as lgb
    from lightgbm.callback import CallbackEnv
    from numpy.typing import NDArray

# Threads that spin while they wait for each other took a trial from 2 s to 15 on a machine that was busy.
# Read by OpenMP when LightGBM is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

METRIC = "binary_logloss"
MAX_ROUNDS = 800
# Rounds without a better log-loss on validation before the trees stop growing.
PATIENCE = 40


@dataclass(frozen=True)
class Parts:
    """LightGBM's binned forms of train and validation, made once and used by every trial."""

    train: lgb.Dataset
    validation: lgb.Dataset


def fixed_parameters(seed: int) -> dict[str, Any]:
    """What no trial varies."""
    return {
        "objective": "binary",
        "metric": METRIC,
        # Not searched: early stopping sets the rounds, and pruning compares trials after equally many.
        "learning_rate": 0.05,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "num_threads": len(os.sched_getaffinity(0)),
        # Bins are shared by trials with different leaf sizes, so none may drop features on its own.
        "feature_pre_filter": False,
        "bagging_freq": 1,
        "verbosity": -1,
    }


def binned(dataset: Dataset, seed: int) -> Parts:
    """Bin both parts; the float32 matrices are not copied and no longer needed for growing trees."""
    import lightgbm as lgb

    features = dataset.encoding.features
    categorical = [position for position, name in enumerate(features) if name in dataset.encoding.categories]

    def of(part: Part, reference: lgb.Dataset | None) -> lgb.Dataset:
        # Said for each part: LightGBM compares the parts' declarations once their raw data is gone.
        made = lgb.Dataset(
            part.matrix,
            part.labels,
            reference=reference,
            feature_name=list(features),
            categorical_feature=categorical,
            params=fixed_parameters(seed),
        )
        return made.construct()

    train = of(dataset.train, None)
    return Parts(train, of(dataset.validation, train))


def grow(
    parts: Parts,
    parameters: Mapping[str, Any],
    seed: int,
    callbacks: Sequence[Callable[[CallbackEnv], None]] = (),
) -> lgb.Booster:
    """Grow trees until validation stops getting better; ``best_iteration`` of the result is where it was best.

    ``parameters`` is what the search varies; LightGBM calls ``callbacks`` after each round.
    """
    import lightgbm as lgb

    return lgb.train(
        {**fixed_parameters(seed), **parameters},
        parts.train,
        num_boost_round=MAX_ROUNDS,
        valid_sets=[parts.validation],
        valid_names=["validation"],
        callbacks=[lgb.early_stopping(PATIENCE, verbose=False), *callbacks],
    )


def fit(parts: Parts, parameters: Mapping[str, Any], seed: int) -> lgb.Booster:
    """The one fit with the winner's parameters, cut where validation was best."""
    import lightgbm as lgb

    booster = grow(parts, parameters, seed)
    # Without the rounds of patience; read back from text, it is the very model that scoring will load.
    return lgb.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration))


def probabilities_of(booster: lgb.Booster, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    """The model's probability of each row, shape (rows,)."""
    return np.asarray(booster.predict(matrix), dtype=np.float64)
