"""The population stability index, and what is made of it."""

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pytest

from nightshift.dates import BatchDates
from nightshift.models.encoding import Encoding
from training.judging.stability import feature_drift, label_coverage, missing_rises, numbers, psi, psi_of

NAN = np.nan
DAY = dt.date(2024, 1, 1)


def part(matrix, weights=None, first=DAY):
    matrix = np.asarray(matrix, dtype=np.float32)
    days = np.datetime64(first) + (np.arange(len(matrix)) % 2).astype("timedelta64[D]")
    return SimpleNamespace(matrix=matrix, weights=np.ones(len(matrix)) if weights is None else weights, days=days)


def dataset(train, test, *, categories=None, coverage=None):
    names = tuple(f"f{number}" for number in range(np.asarray(train).shape[1]))
    later = part(test, first=DAY + dt.timedelta(days=20))
    return SimpleNamespace(
        encoding=Encoding(names, categories or {}), train=part(train), validation=part(test), test=later,
        coverage=coverage or {DAY + dt.timedelta(days=20): (10, 10)},
        periods=SimpleNamespace(test=BatchDates(DAY + dt.timedelta(days=20), DAY + dt.timedelta(days=49))),
    )  # fmt: skip


@pytest.fixture
def generator():
    return np.random.default_rng(8)


def test_the_index_of_two_bins_is_as_computed_by_hand():
    assert psi_of(np.array([8.0, 2.0]), np.array([50.0, 50.0])) == pytest.approx(
        (0.5 - 0.8) * np.log(0.5 / 0.8) + (0.5 - 0.2) * np.log(0.5 / 0.2)
    )


def test_nothing_on_a_side_is_not_a_number():
    assert np.isnan(psi_of(np.array([1.0]), np.array([0.0])))


def test_the_same_population_has_an_index_near_0_and_another_one_a_large_one(generator):
    before = generator.normal(size=20_000)
    assert psi(before, before) == 0
    assert psi(before, generator.normal(size=20_000)) < 0.01
    assert psi(before, generator.normal(0.5, 1, size=20_000)) == pytest.approx(0.25, abs=0.04)
    assert psi(before, before + 100) > 5


def test_bins_hold_equally_much_of_what_was_expected_however_skewed(generator):
    """Bins of equal width would hold nearly all of a heavy tail in one, and see nothing."""
    before = np.exp(3 * generator.normal(size=20_000))
    assert psi(before, 2 * before) > 0.02
    assert psi(np.log(before), np.log(2 * before)) == pytest.approx(psi(before, 2 * before))


def test_missing_values_have_a_bin_of_their_own(generator):
    before, now = generator.normal(size=10_000), generator.normal(size=10_000)
    now[:3000] = NAN
    assert psi(before, now) > 1
    assert psi(now, before) > 1
    assert psi(now, np.flip(now)) == 0
    assert psi(np.full(9, NAN), np.full(5, NAN)) == 0


def test_many_equal_values_do_not_break_the_bins():
    before = np.array([0.0] * 90 + [1.0] * 10)
    assert psi(before, before) == 0
    assert psi(before, np.array([0.0] * 50 + [1.0] * 50)) == pytest.approx(psi_of(np.array([9, 1]), np.array([5, 5])))


def test_a_constant_that_becomes_another_is_seen_where_it_grows_and_where_it_falls():
    assert psi(np.zeros(50), np.ones(50)) > 5
    assert psi(np.zeros(50), -np.ones(50)) > 5


def test_categories_are_told_apart_by_value_and_not_by_order():
    before = np.repeat([0.0, 1.0, 2.0], 100)
    now = np.repeat([2.0, 1.0, 0.0], [200, 50, 50])
    assert psi(before, now, categorical=True) == pytest.approx(
        psi_of(np.array([1.0, 1.0, 1.0]), np.array([1.0, 1.0, 4.0]))
    )
    assert psi(before, np.where(now == 2, NAN, now), categorical=True) > 1


def test_hundreds_of_rare_categories_do_not_add_up_by_chance(generator):
    before, now = (generator.integers(0, 400, 2000).astype(float) for _ in range(2))
    assert psi(before, now, categorical=True) < 0.1


def test_weights_count_as_rows(generator):
    before, now = generator.normal(size=500), generator.normal(0.3, 1, size=400)
    times, later_times = generator.integers(1, 4, 500), generator.integers(1, 4, 400)
    repeated = psi(np.repeat(before, times), np.repeat(now, later_times))
    assert psi(before, now, times.astype(float), later_times.astype(float)) == pytest.approx(repeated)


def test_drift_names_each_feature_and_knows_categories(generator):
    train = np.column_stack([generator.normal(size=2000), generator.integers(0, 2, 2000)])
    test = np.column_stack([generator.normal(size=2000), np.full(2000, NAN)])
    drift = feature_drift(dataset(train, test, categories={"f1": ("a", "b")}))
    assert drift["f0"] < 0.02
    assert drift["f1"] > 10


def test_a_feature_that_is_no_longer_delivered_is_seen():
    rises = missing_rises(dataset([[1, NAN], [2, 1], [3, 1], [4, 1]], [[NAN, 1], [NAN, 1], [1, 1], [NAN, 1]]))
    assert rises == {"f0": pytest.approx(0.75), "f1": pytest.approx(-0.25)}


def test_missing_rows_count_as_they_weigh(generator):
    train, test = (np.where(generator.random((300, 3)) < share, NAN, 1.0) for share in (0.2, 0.4))
    data = dataset(train, test)
    data.train.weights, data.test.weights = generator.uniform(1, 5, 300), generator.uniform(1, 5, 300)
    expected = [
        np.average(np.isnan(part.matrix), axis=0, weights=part.weights) for part in (data.train, data.test)
    ]  # fmt: skip
    assert list(missing_rises(data).values()) == pytest.approx(list(expected[1] - expected[0]))


def test_label_coverage_is_that_of_the_test_period():
    coverage = {DAY + dt.timedelta(days=day): counts for day, counts in ((0, (10, 0)), (20, (10, 10)), (21, (30, 6)))}
    assert label_coverage(dataset([[0]] * 4, [[0]] * 4, coverage=coverage)) == pytest.approx(16 / 40)


def test_label_coverage_counts_days_of_the_test_period_before_the_first_label():
    """25 of 30 days without any label: the rows that have one begin on the 26th."""
    days = [DAY + dt.timedelta(days=20 + day) for day in range(30)]
    coverage = {day: (10, 10 if number >= 25 else 0) for number, day in enumerate(days)}
    labelled = dataset([[0]] * 4, [[0]] * 4, coverage=coverage)
    labelled.test.days = np.array(days[25:29], dtype="datetime64[D]")
    assert label_coverage(labelled) == pytest.approx(5 / 30)


def test_the_numbers_of_gates(generator):
    train, test = generator.normal(size=(4000, 2)), generator.normal(size=(4000, 2))
    scores = generator.random(4000)
    data = dataset(train, test)
    drift, rises = feature_drift(data), {"f0": -0.2, "f1": 0.1}
    found = numbers(data, {"validation": scores, "test": scores**2}, scores, drift, rises)
    assert found["score_shift"] == pytest.approx(psi(scores, scores**2))
    assert found["score_shift_from_champion"] == found["score_shift"]
    assert found["label_coverage"] == 1
    assert 0 < found["largest_feature_drift"] < 0.05
    assert found["largest_missing_rise"] == 0.1
    without = numbers(data, {"validation": scores, "test": scores}, None, drift, rises)
    assert without.keys() == found.keys() - {"score_shift_from_champion"}
    assert without["score_shift"] == 0
