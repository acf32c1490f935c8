"""The decision threshold minimises the declared costs, on validation."""

import numpy as np
import pytest

from nightshift.training_plan import Costs
from training.evaluate import NEVER, best_threshold, decision_metrics

LABELS = np.array([0, 0, 1, 0, 1], dtype=np.float32)
FORECAST = np.array([0.1, 0.2, 0.3, 0.4, 0.9])


@pytest.mark.parametrize(
    ("costs", "threshold"),
    [
        (Costs(false_alarm=1, missed=3), 0.3),  # one false alarm (1) is cheaper than one miss (3)
        (Costs(false_alarm=3, missed=1), 0.9),  # one miss (1) is cheaper than one false alarm (3)
    ],
)
def test_the_cheapest_threshold(costs, threshold):
    assert best_threshold(LABELS, FORECAST, costs) == threshold


def test_a_forecast_that_never_pays_never_warns():
    assert best_threshold(LABELS, 1 - FORECAST, Costs(false_alarm=5, missed=1)) == NEVER


def test_costs_at_the_threshold_are_those_of_its_decisions():
    metrics = decision_metrics(LABELS, FORECAST, 0.3, Costs(false_alarm=1, missed=3))
    assert metrics["cost_per_row"] == pytest.approx(1 / 5)
    assert (metrics["precision"], metrics["recall"]) == (pytest.approx(2 / 3), 1.0)
    assert metrics["cost_per_row_never_warning"] == pytest.approx(6 / 5)
    assert metrics["cost_per_row_always_warning"] == pytest.approx(3 / 5)
