"""Measures against values worked out by hand."""

import math

import numpy as np
import pytest

from training.metrics import Bootstrap, auc, average_precision, calibration_error, forecast_metrics, log_losses

LABELS = np.array([0, 1, 0, 1], dtype=np.float32)
FORECAST = np.array([0.1, 0.4, 0.4, 0.8])


def test_auc_counts_ordered_pairs_and_ties_half():
    # Pairs (event, other): 0.4>0.1, 0.4=0.4, 0.8>0.1, 0.8>0.4.
    assert auc(LABELS, FORECAST) == 3.5 / 4


def test_average_precision_steps_through_distinct_thresholds():
    # From 0.8: precision 1, recall 1/2; from 0.4: precision 2/3, recall 1.
    assert average_precision(LABELS, FORECAST) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_log_loss_is_the_negative_log_of_what_was_given_to_what_happened():
    given = [0.9, 0.4, 0.6, 0.8]
    assert log_losses(LABELS, FORECAST) == pytest.approx([-math.log(share) for share in given])


def test_a_constant_is_wrong_by_its_distance_to_the_rate_however_rows_are_ordered():
    labels = np.repeat([0, 1], 500).astype(np.float32)
    assert calibration_error(labels, np.full(1000, 0.3)) == pytest.approx(0.2)


def test_one_class_cannot_be_ranked():
    metrics = forecast_metrics(np.zeros(4, dtype=np.float32), FORECAST)
    assert math.isnan(metrics["auc"])
    assert math.isnan(metrics["average_precision"])


def test_drawing_days_gives_the_same_auc_as_weighting_rows():
    generator = np.random.default_rng(3)
    days = np.datetime64("2024-01-01") + np.repeat(np.arange(10), 20)
    forecast = generator.integers(0, 8, 200) / 8
    labels = (generator.random(200) < forecast).astype(np.float32)
    bootstrap = Bootstrap(days, seed=1)
    draw = bootstrap.draws[0].astype(int)
    drawn = np.concatenate([np.flatnonzero(bootstrap.unit == day) for day in range(10) for _ in range(draw[day])])
    assert bootstrap.aucs(labels, forecast)[0] == pytest.approx(auc(labels[drawn], forecast[drawn]))
    assert bootstrap.means(forecast)[0] == pytest.approx(forecast[drawn].mean())


def test_days_that_differ_as_a_whole_widen_the_interval():
    values = np.repeat(np.arange(10.0), 100)
    whole_days = Bootstrap(np.datetime64("2024-01-01") + np.repeat(np.arange(10), 100), seed=1).means(values)
    single_day = Bootstrap(np.full(1000, np.datetime64("2024-01-01")), seed=1).means(values)
    assert whole_days.std() > 2 * single_day.std()
