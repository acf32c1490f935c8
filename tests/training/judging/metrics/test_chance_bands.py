"""Bands around curves: they hold the curve of the rows as they are, and are those of scikit-learn's curve."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from training.judging.metrics.calibration_error import reliability
from training.judging.metrics.chance_bands import precision_recall_band, reliability_band, roc_band
from training.judging.metrics.grouped_jackknife import GroupedJackknife

GENERATOR = np.random.default_rng(1)
FORECAST = np.round(GENERATOR.beta(2, 5, 6000), 3)
LABELS = (GENERATOR.random(6000) < FORECAST).astype(float)
WEIGHTS = GENERATOR.integers(1, 4, 6000).astype(float)
JACKKNIFE = GroupedJackknife(np.datetime64("2024-01-01") + np.repeat(np.arange(60), 100), WEIGHTS)


@pytest.mark.parametrize("made", [roc_band, precision_recall_band, reliability_band])
def test_the_curve_lies_in_its_band(made):
    band = made(JACKKNIFE, LABELS, FORECAST)
    assert (band.lower <= band.value + 1e-9).all()
    assert (band.value <= band.upper + 1e-9).all()
    assert np.median(band.upper - band.lower) > 0.01


def test_the_roc_curve_is_scikit_learns():
    false_rate, true_rate, _ = roc_curve(LABELS, FORECAST, sample_weight=WEIGHTS, drop_intermediate=False)
    band = roc_band(JACKKNIFE, LABELS, FORECAST)
    assert band.value == pytest.approx(np.interp(band.x, false_rate, true_rate))


def test_the_precision_is_scikit_learns():
    precision, recall, _ = precision_recall_curve(LABELS, FORECAST, sample_weight=WEIGHTS)
    band = precision_recall_band(JACKKNIFE, LABELS, FORECAST)
    # The highest threshold that reaches a recall; scikit-learn's recall falls.
    expected = [precision[np.flatnonzero(recall >= x - 1e-12)[-1]] for x in band.x]
    assert band.value == pytest.approx(expected)


def test_the_reliability_is_that_of_the_calibration_error():
    band = reliability_band(JACKKNIFE, LABELS, FORECAST)
    forecast, observed, _ = reliability(LABELS, FORECAST, WEIGHTS)
    assert band.x == pytest.approx(forecast)
    assert band.value == pytest.approx(observed)


@pytest.mark.parametrize("made", [roc_band, precision_recall_band, reliability_band])
def test_of_few_days_there_is_a_curve_without_a_band(made):
    few = GroupedJackknife(np.datetime64("2024-01-01") + np.repeat(np.arange(6), 1000), WEIGHTS)
    band, whole = made(few, LABELS, FORECAST), made(JACKKNIFE, LABELS, FORECAST)
    assert np.array_equal(band.value, whole.value)
    assert np.isnan([band.lower, band.upper]).all()


@pytest.mark.parametrize("made", [roc_band, precision_recall_band])
def test_without_events_there_is_no_curve(made):
    band = made(JACKKNIFE, np.zeros(6000), FORECAST)
    assert np.isnan([band.value, band.lower, band.upper]).all()
