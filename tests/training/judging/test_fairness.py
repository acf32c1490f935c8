"""Rates of groups beside those of the largest."""

import math

import numpy as np
import pyarrow as pa
import pytest

from tests.training.judged import a_part, dataset, use_case
from training.judging.fairness import Ratio, by_group, smallest_ratios
from training.judging.metrics.grouped_jackknife import GroupedJackknife

GENERATOR = np.random.default_rng(1)
ROWS = 12000
SEX = np.where(GENERATOR.random(ROWS) < 0.6, "f", "m")
FORECAST = GENERATOR.random(ROWS)
LABELS = (GENERATOR.random(ROWS) < FORECAST).astype(float)


def measured(forecast, attributes, labels=LABELS, *, smallest=500, weights=None):
    part = a_part(forecast, labels, "2024-01-01", weights)
    columns = {name: pa.array(values) for name, values in attributes.items()}
    training = use_case(fairness=list(attributes), smallest_slice=smallest).training
    jackknife = GroupedJackknife(part.days, part.weights)
    groups = by_group(dataset(part, {"all": columns}), training, jackknife, forecast, 0.5)
    return groups, smallest_ratios(groups, training)


def test_rates_are_those_of_each_groups_confusion_matrix():
    weights = GENERATOR.integers(1, 4, ROWS).astype(float)
    groups, _ = measured(FORECAST, {"sex": SEX}, weights=weights)
    warned = FORECAST >= 0.5
    for group in groups:
        own = group.value == SEX

        def rate(among, own=own):
            return np.average(warned[own & among], weights=weights[own & among])

        assert group.rows == own.sum()
        assert group.rates["selection"] == pytest.approx(rate(np.full(ROWS, True)))
        assert group.rates["true_positive"] == pytest.approx(rate(LABELS == 1))
        assert group.rates["false_positive"] == pytest.approx(rate(LABELS == 0))
    assert [group.largest for group in groups] == [True, False]
    assert groups[0].ratios["selection"] == Ratio(1, 1, 1)
    expected = groups[1].rates["selection"] / groups[0].rates["selection"]
    assert groups[1].ratios["selection"].value == pytest.approx(expected)


def test_equal_treatment_lies_in_the_interval_and_unequal_does_not():
    _, equal = measured(FORECAST, {"sex": SEX})
    assert equal["smallest_selection_ratio"] > 0.93
    assert equal["smallest_selection_ratio_lower"] < 1 < equal["smallest_selection_ratio_upper"]
    # Men are warned of only from 0.7 on: three fifths as often.
    _, unequal = measured(np.where(SEX == "m", FORECAST - 0.2, FORECAST), {"sex": SEX})
    assert unequal["smallest_selection_ratio"] == pytest.approx(0.6, abs=0.05)
    assert unequal["smallest_selection_ratio_upper"] < 0.8


def test_a_group_that_is_warned_of_more_often_is_as_unequal():
    _, numbers = measured(np.where(SEX == "m", FORECAST + 0.3, FORECAST), {"sex": SEX})
    assert numbers["smallest_selection_ratio"] == pytest.approx(0.5 / 0.8, abs=0.05)
    lower, upper = (numbers[f"smallest_selection_ratio_{end}"] for end in ("lower", "upper"))
    assert lower < numbers["smallest_selection_ratio"] < upper < 0.8


def test_equal_selection_can_hide_unequal_rates():
    # Women are warned of where it happens; men by lot.
    forecast = np.where(SEX == "f", LABELS * 0.9, GENERATOR.random(ROWS))
    _, numbers = measured(forecast, {"sex": SEX})
    assert numbers["smallest_selection_ratio"] > 0.9
    assert numbers["smallest_true_positive_ratio"] == pytest.approx(0.5, abs=0.05)


def test_small_groups_are_shown_and_not_judged():
    region = np.where(np.arange(ROWS) < 100, "far", SEX)
    groups, numbers = measured(np.where(region == "far", 0.0, FORECAST), {"region": region})
    assert [(group.value, group.judged) for group in groups] == [("f", True), ("far", False), ("m", True)]
    assert groups[1].rates["selection"] == 0
    assert numbers["smallest_selection_ratio"] > 0.9


def test_ages_are_compared_by_quartile():
    age = GENERATOR.integers(18, 90, ROWS)
    groups, _ = measured(FORECAST, {"age": age})
    assert [group.value.split(":")[0] for group in groups] == [f"quartile {number}" for number in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    "attributes",
    [
        {"sex": np.full(ROWS, "f")},  # nobody to compare with
        {"sex": SEX, "region": np.full(ROWS, "north")},  # nor for one of two attributes
    ],
)
def test_nothing_to_compare_is_no_number(attributes, caplog):
    _, numbers = measured(FORECAST, attributes)
    assert all(math.isnan(value) for value in numbers.values())
    assert "fewer than two groups" in caplog.text


def test_a_rate_over_nothing_is_no_number():
    labels = np.where(SEX == "m", 0.0, LABELS)
    _, numbers = measured(FORECAST, {"sex": SEX}, labels)
    assert math.isnan(numbers["smallest_true_positive_ratio"])
    assert numbers["smallest_selection_ratio"] > 0.9


def test_if_nobody_is_warned_of_nothing_shows_fairness():
    _, numbers = measured(FORECAST / 3, {"sex": SEX})
    assert all(math.isnan(value) for value in numbers.values())


def test_without_declared_attributes_there_is_nothing_to_judge():
    assert smallest_ratios([], use_case().training) == {}
