"""Which measures a task has, and what is left unmeasured."""

import math

import numpy as np
import pytest

from nightshift.declarations.training_section import Costs
from nightshift.models.calibrated_predictions import Interval
from training.judging.metrics.grouped_jackknife import GroupedJackknife
from training.judging.tasks import Binary, Regression

GENERATOR = np.random.default_rng(1)
FORECAST = GENERATOR.beta(2, 5, 3000)
LABELS = (GENERATOR.random(3000) < FORECAST).astype(float)
VALUES = GENERATOR.normal(10, 3, 3000)
WEIGHTS = GENERATOR.integers(1, 3, 3000).astype(float)
DAYS = np.datetime64("2024-01-01") + np.repeat(np.arange(30), 100)
JACKKNIFE = GroupedJackknife(DAYS, WEIGHTS)
COSTS = Costs(false_alarm=1, missed=3)


def test_each_headline_measure_of_a_decision_lies_in_its_interval():
    task = Binary(COSTS, 0.3)
    measured = task.measures(LABELS, FORECAST, WEIGHTS)
    replicates = task.replicates(JACKKNIFE, LABELS, FORECAST)
    headline = {"auc", "average_precision", "log_loss", "brier", "calibration_error", "lift_at_10"}
    assert replicates.keys() >= headline | {"precision", "recall", "cost_per_row"}
    for name, values in replicates.items():
        assert values[0] == pytest.approx(measured[name]), name
        lower, upper = JACKKNIFE.ends(values, 0.95)
        assert lower < measured[name] < upper, name


def test_without_a_threshold_decisions_are_left_out_and_not_guessed():
    measured = Binary(COSTS, None).measures(LABELS, FORECAST, WEIGHTS)
    assert "auc" in measured
    assert not {"threshold", "precision", "cost_per_row"} & measured.keys()


def test_rows_are_counted_and_rates_are_weighted():
    counts = Binary(COSTS, None).counts(np.array([1.0, 0.0, 0.0]), np.array([1.0, 10.0, 9.0]))
    assert counts == {"rows": 3, "events": 1, "rows_of_rarer_class": 1, "event_rate": pytest.approx(0.05)}


def test_each_measure_of_values_lies_in_its_interval():
    predicted = VALUES + GENERATOR.normal(0.2, 1, 3000)
    task = Regression(Interval(-1.5, 1.5, 0.8))
    measured = task.measures(VALUES, predicted, WEIGHTS)
    replicates = task.replicates(JACKKNIFE, VALUES, predicted)
    assert replicates.keys() >= {"mae", "rmse", "pinball_lower", "pinball_upper", "coverage", "r2", "bias"}
    assert measured["loss"] == measured["mse"]
    for name, values in replicates.items():
        assert values[0] == pytest.approx(measured[name]), name
        lower, upper = JACKKNIFE.ends(values, 0.95)
        assert lower < measured[name] < upper, name


def test_a_replicate_of_r2_is_that_of_the_rows_kept():
    from sklearn.metrics import r2_score

    predicted = VALUES + 1
    replicates = Regression(None).replicates(JACKKNIFE, VALUES, predicted)["r2"]
    for number in range(1 + JACKKNIFE.groups):
        weights = WEIGHTS * (JACKKNIFE.group != number - 1)
        assert replicates[number] == pytest.approx(r2_score(VALUES, predicted, sample_weight=weights))


def test_ends_of_an_interval_lose_least_where_they_hold_what_they_should():
    residuals = GENERATOR.normal(0, 1, 20000)
    ones, zeros = np.ones(20000), np.zeros(20000)

    def losses(width):
        measured = Regression(Interval(-width, width, 0.8)).measures(residuals, zeros, ones)
        return measured["pinball_lower"], measured["pinball_upper"], measured["coverage"]

    right = losses(1.2816)  # 80 % of a normal distribution
    assert right[2] == pytest.approx(0.8, abs=0.01)
    for wrong in (losses(0.8), losses(2.0)):
        assert right[0] < wrong[0]
        assert right[1] < wrong[1]


def test_without_an_interval_its_measures_are_left_out():
    measured = Regression(None).measures(VALUES, VALUES, WEIGHTS)
    assert not {"pinball_lower", "pinball_upper", "coverage"} & measured.keys()


def test_the_worst_slice_is_not_a_number_where_one_could_not_be_measured():
    good = {"auc": 0.7, "calibration_error": 0.02}
    bad = {"auc": math.nan, "calibration_error": 0.05}
    worst = Binary(COSTS, 0.3).worst([good, bad, good])
    assert math.isnan(worst["worst_slice_auc"])
    assert worst["worst_slice_calibration_error"] == 0.05
    assert all(math.isnan(value) for value in Binary(COSTS, 0.3).worst([]).values())
    assert Regression(None).worst([{"mae": 2.0}, {"mae": 3.0}]) == {"worst_slice_mae": 3.0}
    assert math.isnan(Regression(None).worst([])["worst_slice_mae"])
