"""The decision threshold minimises the declared costs."""

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn

from nightshift.declarations.training_section import Costs
from training.judging.metrics.decision_costs import NEVER_WARN, best_threshold, cost_curve, decision_metrics

LABELS = np.array([0.0, 0.0, 1.0, 0.0, 1.0])
FORECAST = np.array([0.1, 0.2, 0.3, 0.4, 0.9])
ONES = np.ones(5)


@pytest.mark.parametrize(
    ("costs", "threshold"),
    [
        (Costs(false_alarm=1, missed=3), 0.3),  # one false alarm (1) is cheaper than one miss (3)
        (Costs(false_alarm=3, missed=1), 0.9),  # one miss (1) is cheaper than one false alarm (3)
    ],
)
def test_the_cheapest_threshold(costs, threshold):
    assert best_threshold(LABELS, FORECAST, ONES, costs) == threshold


def test_weights_decide_which_mistake_is_dear():
    heavy = np.array([1.0, 1.0, 1.0, 9.0, 1.0])  # the false alarm at 0.4 stands for nine
    assert best_threshold(LABELS, FORECAST, heavy, Costs(false_alarm=1, missed=3)) == 0.9


def test_a_forecast_that_never_pays_never_warns():
    assert best_threshold(LABELS, 1 - FORECAST, ONES, Costs(false_alarm=5, missed=1)) == NEVER_WARN


def test_no_threshold_is_cheaper_and_the_curve_is_what_decisions_cost():
    generator = np.random.default_rng(1)
    forecast = np.round(generator.beta(2, 5, 400), 2)
    labels = (generator.random(400) < forecast).astype(float)
    weights, costs = generator.random(400), Costs(false_alarm=1, missed=4)
    thresholds, per_row = cost_curve(labels, forecast, weights, costs)
    counted = [decision_metrics(labels, forecast, weights, each, costs)["cost_per_row"] for each in thresholds]
    assert per_row == pytest.approx(counted)
    best = best_threshold(labels, forecast, weights, costs)
    assert counted[list(thresholds).index(best)] == pytest.approx(min(counted))


def test_costs_at_the_threshold_are_those_of_its_decisions():
    metrics = decision_metrics(LABELS, FORECAST, None, 0.3, Costs(false_alarm=1, missed=3))
    assert metrics["cost_per_row"] == pytest.approx(1 / 5)
    assert (metrics["precision"], metrics["recall"]) == (pytest.approx(2 / 3), 1.0)
    assert metrics["warned_share"] == pytest.approx(3 / 5)
    assert metrics["cost_per_row_never_warning"] == pytest.approx(6 / 5)
    assert metrics["cost_per_row_always_warning"] == pytest.approx(3 / 5)


def test_scikit_learn_gives_the_same_precision_and_recall_with_weights():
    generator = np.random.default_rng(2)
    forecast = generator.random(500)
    labels, weights = (generator.random(500) < forecast).astype(float), generator.random(500)
    metrics = decision_metrics(labels, forecast, weights, 0.4, Costs(false_alarm=1, missed=3))
    warned = forecast >= 0.4
    assert metrics["precision"] == pytest.approx(sklearn.precision_score(labels, warned, sample_weight=weights))
    assert metrics["recall"] == pytest.approx(sklearn.recall_score(labels, warned, sample_weight=weights))


def test_rates_over_nothing_are_no_numbers():
    costs = Costs(false_alarm=1, missed=3)
    assert math.isnan(decision_metrics(LABELS, FORECAST, None, NEVER_WARN, costs)["precision"])
    assert math.isnan(decision_metrics(np.zeros(5), FORECAST, None, 0.3, costs)["recall"])
