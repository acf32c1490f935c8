"""Measures of probabilities, against scikit-learn and against values worked out by hand."""

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn

from training.judging.metrics.binary_measures import (
    auc,
    average_precision,
    brier,
    curve,
    lift,
    log_loss,
    log_losses,
)

LABELS = np.array([0.0, 1.0, 0.0, 1.0])
FORECAST = np.array([0.1, 0.4, 0.4, 0.8])


def random_forecast(seed, *, tied):
    generator = np.random.default_rng(seed)
    forecast = generator.beta(2, 5, 3000)
    labels = (generator.random(3000) < forecast).astype(float)
    return labels, np.round(forecast, 1) if tied else forecast, generator.integers(1, 9, 3000) / 2


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (auc, sklearn.roc_auc_score),
        (average_precision, sklearn.average_precision_score),
        (log_loss, sklearn.log_loss),
        (brier, sklearn.brier_score_loss),
    ],
)
def test_scikit_learn_gives_the_same(ours, theirs, weighted, tied):
    labels, forecast, weights = random_forecast(1, tied=tied)
    # A forecast of 0 is clipped at another number there.
    forecast = np.clip(forecast, 0.001, 0.999)
    expected = theirs(labels, forecast, sample_weight=weights if weighted else None)
    assert ours(labels, forecast, weights if weighted else None) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_curve_is_scikit_learns(weighted):
    labels, forecast, weights = random_forecast(2, tied=True)
    false_rate, true_rate, thresholds = sklearn.roc_curve(
        labels, forecast, sample_weight=weights if weighted else None, drop_intermediate=False
    )
    hits, false_alarms, ours = curve(labels, forecast, weights if weighted else None)
    assert ours == pytest.approx(thresholds[1:])
    assert hits / hits[-1] == pytest.approx(true_rate[1:])
    assert false_alarms / false_alarms[-1] == pytest.approx(false_rate[1:])


def test_auc_counts_ordered_pairs_and_ties_half():
    # Pairs (event, other): 0.4>0.1, 0.4=0.4, 0.8>0.1, 0.8>0.4.
    assert auc(LABELS, FORECAST) == 3.5 / 4


def test_average_precision_steps_through_distinct_thresholds():
    # From 0.8: precision 1, recall 1/2; from 0.4: precision 2/3, recall 1.
    assert average_precision(LABELS, FORECAST) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_log_loss_is_the_negative_log_of_what_was_given_to_what_happened():
    assert log_losses(LABELS, FORECAST) == pytest.approx([-math.log(share) for share in (0.9, 0.4, 0.6, 0.8)])


def test_a_certain_forecast_that_is_wrong_costs_much_and_not_infinitely_much():
    assert 30 < log_losses(np.array([1.0]), np.array([0.0]))[0] < 40


def test_lift_compares_the_highest_tenth_with_all():
    labels = np.zeros(100)
    labels[[0, 1, 2, 50]] = 1  # three of four events among the ten highest: 0.3 against 0.04
    assert lift(labels, np.linspace(1, 0, 100)) == pytest.approx(0.3 / 0.04)


def test_lift_takes_its_part_of_ties():
    labels = np.repeat([1.0, 0.0], 50)
    assert lift(labels, np.full(100, 0.5)) == pytest.approx(1)


@pytest.mark.parametrize("measure", [auc, average_precision, lift, log_loss, brier])
def test_a_weight_is_a_number_of_equal_rows(measure):
    labels, forecast, weights = random_forecast(4, tied=True)
    forecast = np.clip(forecast, 0.01, 0.99)
    times = (2 * weights).astype(int)
    repeated = measure(np.repeat(labels, times), np.repeat(forecast, times))
    assert measure(labels, forecast, times.astype(float)) == pytest.approx(repeated)


def test_one_class_cannot_be_ranked():
    assert math.isnan(auc(np.zeros(4), FORECAST))
    assert math.isnan(auc(np.ones(4), FORECAST))
    assert math.isnan(average_precision(np.zeros(4), FORECAST))
    assert math.isnan(lift(np.zeros(4), FORECAST))


def test_one_row_has_a_loss_and_no_rank():
    assert brier(np.array([1.0]), np.array([0.9])) == pytest.approx(0.01)
    assert math.isnan(auc(np.array([1.0]), np.array([0.9])))
