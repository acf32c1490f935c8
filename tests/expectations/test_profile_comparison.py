"""Plots and differences from the figures of a profile alone."""

from __future__ import annotations

import pytest

from expectations.profile import PROBABILITIES
from expectations.profile_comparison import histogram, profile_differences, stability_index
from nightshift.distributions import share_below

UNIFORM = [100 * probability for probability in PROBABILITIES]


def numbers(quantiles: list[float], nulls: int = 0) -> dict:
    middle = quantiles[len(quantiles) // 2]
    return {"type": "double", "nulls": nulls, "distinct": 100, "mean": middle, "quantiles": quantiles}


def test_a_histogram_shares_out_everything():
    edges, shares = histogram(UNIFORM, whole=False)
    assert len(edges) == len(shares) + 1
    assert sum(shares) == pytest.approx(1)
    assert max(shares) - min(shares) < 0.01


def test_few_whole_numbers_have_a_bar_each():
    edges, shares = histogram([0.0] * 21 + [1.0] * 20, whole=True)
    assert edges == [-0.5, 0.5, 1.5]
    assert shares == pytest.approx([0.5, 0.5], abs=0.02)


def test_a_far_tail_does_not_flatten_the_rest():
    edges, shares = histogram([*UNIFORM[:-1], 1e9], whole=False)
    assert edges[-1] < 200
    assert sum(shares) == pytest.approx(1)


def test_equal_distributions_are_stable_and_moved_ones_are_not():
    assert stability_index(numbers(UNIFORM), numbers(UNIFORM), 1000, 1000) == pytest.approx(0)
    moved = [value + 50 for value in UNIFORM]
    # Five tenths are gone and are found in the last one: 5 · (0.1 − 0.0005) · ln(0.1 / 0.0005) + 0.5 · ln 6.
    assert stability_index(numbers(UNIFORM), numbers(moved), 1000, 1000) == pytest.approx(3.53, abs=0.02)


def test_texts_are_compared_by_their_frequent_values():
    before = {"type": "string", "nulls": 0, "distinct": 2, "top": [["EWR", 50], ["JFK", 50]]}
    now = {"type": "string", "nulls": 0, "distinct": 2, "top": [["EWR", 90], ["JFK", 10]]}
    # (0.9 − 0.5) ln 1.8 + (0.1 − 0.5) ln 0.2
    assert stability_index(before, now, 100, 100) == pytest.approx(0.879, abs=0.001)
    assert stability_index(before, before, 100, 100) == pytest.approx(0)


def test_values_that_are_not_kept_are_not_compared():
    withheld = {"type": "string", "nulls": 0, "distinct": 2, "pii": "contact"}
    assert stability_index(withheld, withheld, 100, 100) is None


def test_differences_between_two_batches():
    before = {"rows": 100, "columns": {"amount": numbers(UNIFORM, nulls=10)}}
    now = {"rows": 200, "columns": {"amount": numbers([value + 1 for value in UNIFORM], nulls=100)}}
    found = profile_differences(before, now, "amount")
    assert found["null_share"] == pytest.approx(0.4)
    assert found["mean"] == found["median"] == pytest.approx(1)
    assert profile_differences(before, now, "unknown") == {}


def test_a_boolean_is_compared_by_its_true_share():
    before = {"rows": 100, "columns": {"late": {"type": "boolean", "nulls": 0, "distinct": 2, "true": 20}}}
    now = {"rows": 60, "columns": {"late": {"type": "boolean", "nulls": 10, "distinct": 2, "true": 25}}}
    assert profile_differences(before, now, "late")["true share"] == pytest.approx(0.3)


@pytest.mark.parametrize("most", [1.7976931348623157e308, 1e300, 1e-322, 1e-310])
def test_shares_and_bars_are_numbers_at_the_ends_of_a_double(most: float) -> None:
    wide = [-most] * 10 + [0.0] * 21 + [most] * 10
    assert share_below(wide, [-most / 2]) == pytest.approx([0.25], abs=0.026)
    edges, shares = histogram(wide, whole=False)
    assert (edges[0], edges[-1]) == (-most, most)
    assert sum(shares) == pytest.approx(1)
    assert stability_index(numbers(wide), numbers(wide), 100, 100) == pytest.approx(0)
    changes = profile_differences(profile_of(numbers(wide)), profile_of(numbers([most] * 41)), "amount")
    assert changes["mean"] == most
    far = profile_differences(profile_of(numbers([-1e308] * 41)), profile_of(numbers([1e308] * 41)), "amount")
    assert far.keys() == {"null_share", "distinct", "stability_index"}, "a double can't hold how far they are apart"


def profile_of(column: dict) -> dict:
    return {"rows": 100, "columns": {"amount": column}}
