"""Versions of a model in a real MLflow, made without a training: a few trees with all that scoring needs."""

from __future__ import annotations

import functools
import itertools

import numpy as np

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.score_names import FEATURE_TABLE
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.models import usable_version
from nightshift.models.calibrated_predictions import Calibration
from nightshift.models.encoding import Encoding
from nightshift.models.mlflow_connection import client, experiment_id
from nightshift.models.model_version import metadata

_numbers = itertools.count(1)
FEATURES = ("distance", "departure_minute")


class Renamed(UseCase):
    """The flight use case under another name, which no file declares: its tables are those of the flights."""


def a_use_case() -> UseCase:
    """The flight use case under a name that no other test has, so that the ledger knows nothing of it."""
    return renamed(f"flights_{next(_numbers)}")


def renamed(name: str) -> UseCase:
    """The flight use case under this name."""
    _of_flights()
    return Renamed.load("flight_delays", get_settings()).model_copy(update={"name": name})


@functools.cache
def _of_flights() -> Catalog:
    return Catalog(UseCase.load("flight_delays", get_settings()))


def _catalog(use_case: UseCase) -> Catalog:
    return _of_flights() if isinstance(use_case, Renamed) else Catalog(use_case)


# Whoever becomes champion is checked against the declared features.
usable_version.Catalog = _catalog


@functools.cache
def trees(features: tuple[str, ...] = FEATURES):
    """A small booster."""
    import lightgbm as lgb

    generator = np.random.default_rng(1)
    rows = generator.random((200, len(features)))
    data = lgb.Dataset(rows, (rows[:, 0] > 0.5).astype(float), feature_name=list(features))
    return lgb.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, num_boost_round=2)


def register(use_case: UseCase, dates: str = "2013-01-01..2013-09-30", **tags: str) -> int:
    """Log and register a version, made of some of the declared quantities; gives its number."""
    client(get_settings())
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    declared = [column.name for column in _catalog(use_case)[FEATURE_TABLE].features if not column.categorical]
    features = FEATURES if set(FEATURES) <= set(declared) else tuple(declared)
    encoding = Encoding(features, {})
    with mlflow.start_run(experiment_id=experiment_id(use_case), tags={"dates": dates}):
        mlflow.log_metrics({"loss": 0.5})
        logged = mlflow.lightgbm.log_model(
            trees(features),
            name="model",
            signature=ModelSignature(
                inputs=Schema([ColSpec("double", name, required=False) for name in features]),
                outputs=Schema([ColSpec("double")]),
            ),
            pip_requirements=["lightgbm"],
            metadata=metadata("binary", encoding, Calibration("platt", 1.5, 0.1), 0.1 + 0.2, None),
        )
    return int(mlflow.register_model(logged.model_uri, use_case.model_name, tags=tags).version)
