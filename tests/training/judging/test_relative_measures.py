"""A drift of the base rate does not pass, whatever the rate is, and months that are alike do."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from nightshift.models.calibrated_predictions import Interval
from training.data.dataset import Part
from training.judging.gate_file import DefaultGate
from training.judging.gates import Facts, defaults_of, judge
from training.judging.metrics import calibration_error
from training.judging.relative_measures import level_ratio, relative_numbers

ROWS = 20_000
CALIBRATION = ("level_is_right", "calibrated_for_the_base_rate")


@pytest.fixture(scope="module")
def defaults():
    import yaml

    groups = yaml.safe_load(defaults_of("binary").read_text(encoding="utf-8"))
    return [DefaultGate(**gate, group=group) for group, gates in groups.items() for gate in gates]


def failed(defaults, learned, came, spread=1.0, rows=ROWS):
    """The gates on calibration that a model of one rate fails in a period of another, and its numbers."""
    generator = np.random.default_rng(8)
    signal = spread * generator.normal(size=rows)
    forecast, truth = (shifted(signal, rate) for rate in (learned, came))
    labels = (generator.random(rows) < truth).astype(np.float64)
    test = Part(np.zeros((rows, 1), np.float32), labels, np.ones(rows), np.zeros(rows, "datetime64[D]"))
    metrics = {"calibration_error": calibration_error(labels, forecast)}
    found = relative_numbers(metrics, test, forecast, SimpleNamespace(task="binary"))
    facts = Facts(False, False, False, False, False)
    verdicts = judge([gate for gate in defaults if gate.name in CALIBRATION], found, facts)
    assert [each.name for each in verdicts] == list(CALIBRATION)
    return {each.name for each in verdicts if not each.passed}


def shifted(signal, rate):
    """Chances whose mean is a rate."""
    low, high = -20.0, 20.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + np.exp(-signal - middle))).mean() < rate else (low, middle)
    return 1 / (1 + np.exp(-signal - low))


@pytest.mark.parametrize(
    ("learned", "came"),
    [(0.02, 0.13), (0.13, 0.02), (0.05, 0.2), (0.2, 0.05), (0.98, 0.87), (0.95, 0.8), (0.2, 0.8), (0.002, 0.008)],
)
def test_a_fourfold_drift_of_the_base_rate_passes_neither_gate_on_calibration(defaults, learned, came):
    assert failed(defaults, learned, came) == set(CALIBRATION)


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("spread", [0.3, 2.0])
def test_equal_rates_pass(defaults, rate, spread):
    assert failed(defaults, rate, rate, spread) == set()


def test_a_rate_that_moves_by_a_quarter_passes(defaults):
    for learned, came in ((0.1, 0.125), (0.125, 0.1), (0.25, 0.33)):
        assert failed(defaults, learned, came) == set()


def test_a_few_hundred_rows_of_a_good_model_pass(defaults):
    assert failed(defaults, 0.2, 0.2, rows=600) == set()


@pytest.mark.parametrize(
    ("forecast", "rate", "times"),
    [(0.1, 0.1, 1), (0.1, 0.2, 2), (0.2, 0.1, 2), (0.9, 0.95, 2), (0.5, 0.8, 2.5)],
)
def test_the_level_is_that_of_the_event_or_of_its_absence(forecast, rate, times):
    assert level_ratio(forecast, rate) == pytest.approx(times)


def test_a_forecast_of_never_has_no_level():
    assert np.isnan(level_ratio(0.0, 0.1))


def test_an_interval_is_measured_by_what_it_promised():
    test = Part(np.zeros((4, 1), np.float32), np.arange(4.0), np.ones(4), np.zeros(4, "datetime64[D]"))
    model = SimpleNamespace(task="regression", interval=Interval(-1.0, 1.0, 0.8))
    assert relative_numbers({"coverage": 0.7}, test, np.zeros(4), model) == {"miss_ratio": pytest.approx(1.5)}
