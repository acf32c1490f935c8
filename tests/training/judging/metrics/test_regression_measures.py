"""Measures of values, against scikit-learn."""

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn

from training.judging.metrics.arrays import mean
from training.judging.metrics.regression_measures import covered, pinball_losses, r2, value_metrics

GENERATOR = np.random.default_rng(1)
VALUES = GENERATOR.normal(20, 5, 1000)
PREDICTED = VALUES + GENERATOR.normal(1, 2, 1000)
WEIGHTS = GENERATOR.random(1000) + 0.1


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_scikit_learn_gives_the_same(weights):
    ours = value_metrics(VALUES, PREDICTED, weights)
    arguments = {"y_true": VALUES, "y_pred": PREDICTED, "sample_weight": weights}
    assert ours["mae"] == pytest.approx(sklearn.mean_absolute_error(**arguments))
    assert ours["mse"] == pytest.approx(sklearn.mean_squared_error(**arguments))
    assert ours["rmse"] == pytest.approx(sklearn.root_mean_squared_error(**arguments))
    assert ours["r2"] == pytest.approx(sklearn.r2_score(**arguments))
    assert ours["bias"] == pytest.approx(np.average(PREDICTED - VALUES, weights=weights))
    assert ours["bias"] > 0.5, "above 0 where the forecast is too high"


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_scikit_learn_gives_the_same_pinball_loss(level, weights):
    expected = sklearn.mean_pinball_loss(VALUES, PREDICTED, alpha=level, sample_weight=weights)
    assert mean(pinball_losses(VALUES, PREDICTED, level), weights) == pytest.approx(expected)


def test_an_outcome_at_the_end_of_its_interval_is_covered():
    assert list(covered(np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 2.0), np.full(4, 3.0))) == [0, 1, 1, 0]


def test_no_variance_can_be_explained_where_there_is_none():
    assert math.isnan(r2(np.full(5, 3.0), np.full(5, 3.0)))
