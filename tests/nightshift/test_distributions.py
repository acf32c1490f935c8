"""Shares of values, read off quantiles, and how far two distributions are apart."""

from __future__ import annotations

import math

import pytest

from nightshift.distributions import equal_steps, population_stability_index, share_below, shares_between

UNIFORM = [100 * step / 40 for step in range(41)]


def test_shares_are_read_off_the_quantiles() -> None:
    assert share_below(UNIFORM, [-1, 31, 100, 1e300]) == pytest.approx([0, 0.31, 1, 1])
    # Half of the values are one and the same.
    half_zero = [0.0] * 21 + [float(number) for number in range(1, 21)]
    assert share_below(half_zero, [-1e-300, 0]) == pytest.approx([0, 0.5])


def test_bins_share_out_everything() -> None:
    assert shares_between(UNIFORM, equal_steps(0, 100, 4)[1:-1]) == pytest.approx([0.25] * 4)
    assert shares_between(UNIFORM, [200]) == [1, 0]
    assert shares_between([5.0] * 41, []) == [1]


def test_steps_are_equal_between_the_ends_of_a_double() -> None:
    most = 1.7976931348623157e308
    assert equal_steps(-most, most, 2) == [-most, 0, most]


def test_the_index_counts_an_empty_bin_as_the_least_share() -> None:
    assert population_stability_index([0.5, 0.5], [0.9, 0.1], 1e-4) == pytest.approx(
        0.4 * math.log(1.8) - 0.4 * math.log(0.2)
    )
    assert population_stability_index([1.0, 0.0], [0.9, 0.1], 0.05) == pytest.approx(
        -0.1 * math.log(0.9) + 0.05 * math.log(2)
    )
