"""Expected calibration error, against scikit-learn's bins and by hand."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from training.judging.metrics.calibration_error import calibration_bins, calibration_error, reliability


def test_scikit_learns_bins_of_equal_mass_give_the_same():
    generator = np.random.default_rng(1)
    forecast = generator.beta(2, 5, 5000)
    labels = (generator.random(5000) < forecast**1.3).astype(float)
    expected_rate, expected_forecast = calibration_curve(labels, forecast, n_bins=10, strategy="quantile")
    forecast_of_bin, rate, weight = reliability(labels, forecast)
    assert forecast_of_bin == pytest.approx(expected_forecast)
    assert rate == pytest.approx(expected_rate)
    assert list(weight) == [500] * 10
    error = np.abs(expected_rate - expected_forecast).mean()
    assert calibration_error(labels, forecast) == pytest.approx(error)


def test_a_constant_is_wrong_by_its_distance_to_the_rate_however_rows_are_ordered():
    labels = np.repeat([0.0, 1.0], 500)
    assert calibration_error(labels, np.full(1000, 0.3)) == pytest.approx(0.2)


def test_a_weight_is_a_number_of_equal_rows():
    generator = np.random.default_rng(2)
    forecast = generator.beta(2, 5, 2000)
    labels = (generator.random(2000) < forecast).astype(float)
    times = generator.integers(1, 5, 2000)
    repeated = calibration_error(np.repeat(labels, times), np.repeat(forecast, times))
    assert calibration_error(labels, forecast, times.astype(float)) == pytest.approx(repeated)


def test_a_single_bin_is_the_distance_of_the_means():
    labels, forecast = np.array([0.0, 1.0, 0.0, 0.0]), np.array([0.1, 0.9, 0.2, 0.4])
    assert calibration_error(labels, forecast, bins=1) == pytest.approx(0.4 - 0.25)


def test_ties_stay_in_one_bin():
    forecast = np.array([0.1] * 95 + [0.2, 0.3, 0.4, 0.5, 0.6])
    bins = calibration_bins(forecast)
    assert len(set(bins[:95])) == 1
