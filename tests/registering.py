"""Versions of a model in a real MLflow, made without a training: a few trees with all that scoring needs."""

from __future__ import annotations

import functools
import itertools

import numpy as np

from nightshift.calibration import Calibration
from nightshift.encoding import Encoding
from nightshift.registered_model import metadata
from nightshift.tracking import client, experiment_id
from nightshift.use_case import UseCase

_numbers = itertools.count(1)
FEATURES = ("distance", "departure_minute")


def a_use_case() -> UseCase:
    """The flight use case under a name that no other test has, so that the ledger knows nothing of it."""
    return UseCase.load("flight_delays").model_copy(update={"name": f"flights_{next(_numbers)}"})


@functools.cache
def trees():
    """A small booster."""
    import lightgbm as lgb

    generator = np.random.default_rng(1)
    rows = generator.random((200, len(FEATURES)))
    data = lgb.Dataset(rows, (rows[:, 0] > 0.5).astype(float), feature_name=list(FEATURES))
    return lgb.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, num_boost_round=2)


def register(use_case: UseCase, dates: str = "2013-01-01..2013-09-30", **tags: str) -> int:
    """Log and register a version; gives its number."""
    client()
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    encoding = Encoding(FEATURES, {})
    with mlflow.start_run(experiment_id=experiment_id(use_case), tags={"dates": dates}):
        mlflow.log_metrics({"loss": 0.5})
        logged = mlflow.lightgbm.log_model(
            trees(),
            name="model",
            signature=ModelSignature(
                inputs=Schema([ColSpec("double", name, required=False) for name in FEATURES]),
                outputs=Schema([ColSpec("double")]),
            ),
            pip_requirements=["lightgbm"],
            metadata=metadata("binary", encoding, Calibration("platt", 1.5, 0.1), 0.1 + 0.2, None),
        )
    return int(mlflow.register_model(logged.model_uri, use_case.model_name, tags=tags).version)
