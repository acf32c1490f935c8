"""What is left of the model's gain when it is grown again without one of its strongest features.

A leak need not order the outcomes alone: it may know them together with another column, or at both ends of its range.
But where it is what the model lives on, a model without it has nothing left.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nightshift.declarations.training_section import BINARY
from nightshift.models.encoding import Encoding
from training.data.dataset import Dataset, Part
from training.fitting.fit import binned, fit, raw_scores
from training.fitting.fit_calibration import calibrate
from training.judging.metrics.arrays import mean
from training.judging.metrics.binary_measures import log_losses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nightshift.declarations.use_case import UseCase
    from training.fitting.fitted_model import FittedModel

    Floats = NDArray[np.float64]

log = logging.getLogger("nightshift")

# Each may cost a fit; a search takes fifteen.
MOST_ASKED = 3


def gains_left(
    dataset: Dataset,
    use_case: UseCase,
    model: FittedModel,
    parameters: Mapping[str, Any],
    passed_over: Collection[str],
    gone: float,
) -> dict[str, float]:
    """Share of the gain on the test period that a model without a feature has, of the features that it lives on.

    The features with most of the gain are asked about. Where the model keeps more than ``gone`` of its gain though the
    feature's values are shuffled among the test rows, one that was grown without it has as much: it is passed over, and
    most trainings grow nothing again.

    Args:
        dataset: that the model was made from.
        use_case: that declares how trees are grown.
        model: with all features.
        parameters: it was grown with.
        passed_over: features that are not asked about.
        gone: share of the gain up to which a model is grown again.
    """
    test, shares = dataset.test, model.gain_shares()
    asked = sorted((name for name in shares if name not in passed_over), key=lambda name: -shares[name])[:MOST_ASKED]
    whole = _attainable_gain(test, raw_scores(model.booster, test.matrix), use_case)
    found = {}
    for name in asked if whole > 0 else ():
        shuffled = raw_scores(model.booster, _shuffled(dataset, name, use_case.training.seed))
        if _attainable_gain(test, shuffled, use_case) <= gone * whole:
            found[name] = gain_left(dataset, use_case, model, parameters, [name])
    return found


def gain_left(
    dataset: Dataset, use_case: UseCase, model: FittedModel, parameters: Mapping[str, Any], names: Collection[str]
) -> float:
    """Share of the gain on the test period that a model without some features has; arguments as above."""
    whole = _attainable_gain(dataset.test, raw_scores(model.booster, dataset.test.matrix), use_case)
    kept = [at for at, name in enumerate(dataset.encoding.features) if name not in names]
    if not (kept and whole > 0):
        return 0.0
    fewer = _only(dataset, kept)
    booster = fit(binned(fewer, use_case), parameters)
    left = max(_attainable_gain(fewer.test, raw_scores(booster, fewer.test.matrix), use_case), 0.0) / whole
    log.info("a model without %s has %.0f%% of the gain", ", ".join(sorted(names)), 100 * left)
    return left


def _shuffled(dataset: Dataset, name: str, seed: int) -> NDArray[np.float32]:
    """The matrix of the test, the values of one feature in another order."""
    matrix = dataset.test.matrix.copy()
    at = dataset.encoding.features.index(name)
    matrix[:, at] = np.random.default_rng(seed).permutation(matrix[:, at])
    return matrix


def _only(dataset: Dataset, kept: list[int]) -> Dataset:
    """The data set with some columns of its matrices."""
    names = tuple(dataset.encoding.features[at] for at in kept)
    categories = {name: values for name, values in dataset.encoding.categories.items() if name in names}
    train, validation, test = (
        dataclasses.replace(part, matrix=np.ascontiguousarray(part.matrix[:, kept]))
        for part in (dataset.train, dataset.validation, dataset.test)
    )
    encoding = Encoding(names, categories)
    return dataclasses.replace(dataset, encoding=encoding, train=train, validation=validation, test=test)


def _attainable_gain(test: Part, raw: Floats, use_case: UseCase) -> float:
    """Loss saved per row against the mean of the test, by raw scores that were calibrated there by a straight line.

    So it tells what scores know, whatever their level: no calibration makes more of them that keeps their order.
    Binary: log-loss after Platt's map; regression: squared error after a linear regression.
    """
    constant = np.full(len(test), test.rate)
    if use_case.task == BINARY:
        seed = use_case.training.seed
        scaled = calibrate("platt", test.labels, raw, test.weights, test.days, seed).apply(raw)
        return mean(log_losses(test.labels, constant) - log_losses(test.labels, scaled), test.weights)
    centred, labels = raw - mean(raw, test.weights), test.labels - test.rate
    spread = mean(centred**2, test.weights)
    together = max(mean(centred * labels, test.weights), 0.0)
    return together**2 / spread if spread else 0.0
