"""Calibrations keep the order, stay within (0, 1), and come back from JSON with the same bits."""

import json
import math

import numpy as np
import pytest

from nightshift.errors import NightshiftError
from nightshift.models.calibrated_predictions import Calibration, Interval

KINDS = {
    "none": Calibration("none"),
    "platt": Calibration("platt", slope=0.1 + 0.2, intercept=-1 / 3),
    "isotonic": Calibration("isotonic", knots=(-2.0, 0.1, 0.3), probabilities=(1 / 7, 1 / 3, 2 / 3)),
}


@pytest.fixture(params=KINDS)
def calibration(request):
    return KINDS[request.param]


@pytest.fixture
def margins():
    drawn = np.random.default_rng(3).normal(0, 4, 10_001)
    return np.concatenate([drawn, [-1e308, -745.0, -40.0, 0.0, 40.0, 745.0, 1e308]])


def test_json_keeps_every_bit(calibration, margins):
    again = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict(), allow_nan=False)))
    assert again == calibration
    assert np.array_equal(again.apply(margins), calibration.apply(margins))


def test_probabilities_lie_within_0_and_1_and_keep_the_order(calibration, margins):
    probabilities = calibration.apply(np.sort(margins))
    assert probabilities.dtype == np.float64
    assert ((probabilities > 0) & (probabilities < 1)).all()
    assert (np.diff(probabilities) >= 0).all()


def test_a_score_has_the_same_bits_whatever_stands_beside_it(calibration, margins):
    whole = calibration.apply(margins)
    assert np.array_equal(np.concatenate([calibration.apply(part) for part in np.array_split(margins, 97)]), whole)
    assert np.array_equal([calibration.apply(margins[row : row + 1])[0] for row in range(50)], whole[:50])
    assert np.array_equal(calibration.apply(margins[::2]), whole[::2])


def test_none_is_the_sigmoid_of_the_margin_and_platt_shifts_it_first():
    assert KINDS["none"].apply(np.array([0.0, math.log(3)])) == pytest.approx([0.5, 0.75])
    moved = Calibration("platt", slope=2.0, intercept=math.log(3)).apply(np.array([0.0, -math.log(3) / 2]))
    assert moved == pytest.approx([0.75, 0.5])


def test_isotonic_is_linear_between_knots_and_constant_beyond():
    isotonic = Calibration("isotonic", knots=(0.0, 1.0, 2.0), probabilities=(0.2, 0.2, 0.6))
    assert isotonic.apply(np.array([-9.0, 0.5, 1.5, 2.0, 9.0])) == pytest.approx([0.2, 0.2, 0.4, 0.6, 0.6])


def test_identity_leaves_values_alone():
    values = np.array([-3.25, 0.0, 1e9])
    assert np.array_equal(Calibration("identity").apply(values), values)


def test_nan_stays_nan(calibration):
    assert np.isnan(calibration.apply(np.array([math.nan]))).all()


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        ({}, "no calibration"),
        ({"kind": "beta"}, "beta"),
        ({"kind": "platt", "slope": -1.0}, "slope"),
        ({"kind": "platt", "slope": math.nan}, "slope"),
        ({"kind": "platt", "intercept": math.inf}, "intercept"),
        ({"kind": "platt", "slope": "steep"}, "no calibration"),
        ({"kind": "isotonic"}, "per knot"),
        ({"kind": "isotonic", "knots": [0, 1], "probabilities": [0.5]}, "per knot"),
        ({"kind": "isotonic", "knots": [1, 1], "probabilities": [0.1, 0.2]}, "rise"),
        ({"kind": "isotonic", "knots": [0, math.nan], "probabilities": [0.1, 0.2]}, "rise"),
        ({"kind": "isotonic", "knots": [0, 1], "probabilities": [0.2, 0.1]}, "never fall"),
        ({"kind": "isotonic", "knots": [0, 1], "probabilities": [0.0, 0.1]}, "within"),
        ({"kind": "isotonic", "knots": [0, 1], "probabilities": [0.1, math.nan]}, "within"),
    ],
)
def test_what_would_give_no_probability_is_refused(raw, names):
    with pytest.raises(NightshiftError, match=names):
        Calibration.from_dict(raw)


def test_an_interval_is_added_to_the_value_and_comes_back_from_json():
    interval = Interval(-1 / 3, 0.1 + 0.2, 0.8)
    assert Interval.from_dict(json.loads(json.dumps(interval.to_dict()))) == interval
    lower, upper = interval.around(np.array([1.0, 2.0]))
    assert lower == pytest.approx([2 / 3, 5 / 3])
    assert upper == pytest.approx([1.3, 2.3])


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"lower": 1, "upper": 0, "coverage": 0.8},
        {"lower": math.nan, "upper": 0, "coverage": 0.8},
        {"lower": 0, "upper": math.inf, "coverage": 0.8},
        {"lower": 0, "upper": 1, "coverage": 1.0},
    ],
)
def test_what_is_no_interval_is_refused(raw):
    with pytest.raises(NightshiftError, match=r"interval|coverage"):
        Interval.from_dict(raw)
