"""A fitted model gives what scoring will give: the calibrated sums of its trees."""

import lightgbm as lgb
import numpy as np
import pytest

from nightshift.models.calibrated_predictions import Calibration
from nightshift.models.encoding import Encoding
from training.fitting.fitted_model import Calibrated, FittedModel

GENERATOR = np.random.default_rng(1)
MATRIX = GENERATOR.normal(size=(500, 2)).astype(np.float32)


def fitted(objective, calibration):
    labels = (MATRIX[:, 0] > 0).astype(float)
    booster = lgb.train({"objective": objective, "verbosity": -1}, lgb.Dataset(MATRIX, labels), 5)
    task = "binary" if objective == "binary" else "regression"
    return FittedModel(task, booster, Encoding(("a", "b"), {}), calibration, None, None, Calibrated("auto", 400, 100))


def test_without_calibration_a_probability_is_lightgbms_own():
    model = fitted("binary", Calibration("none"))
    assert model.predicted(MATRIX) == pytest.approx(model.booster.predict(MATRIX))


def test_calibration_is_applied_to_log_odds():
    model = fitted("binary", Calibration("platt", slope=2.0, intercept=-1.0))
    odds = np.exp(2 * model.booster.predict(MATRIX, raw_score=True) - 1)
    assert model.predicted(MATRIX) == pytest.approx(odds / (1 + odds))


def test_a_value_is_the_sum_of_the_trees():
    model = fitted("regression", Calibration("identity"))
    assert np.array_equal(model.predicted(MATRIX), model.booster.predict(MATRIX))
