"""Groups left out in turn: the same as weighting rows, as wide as groups differ, and holding the truth."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from nightshift.declarations.training_section import FEWEST_TEST_DAYS, FEWEST_UNITS
from training.judging.metrics.binary_measures import auc, average_precision, lift, log_losses
from training.judging.metrics.calibration_error import calibration_error
from training.judging.metrics.grouped_jackknife import LEVEL, MOST_GROUPS_OF_UNITS, GroupedJackknife, groups_of_dates
from training.judging.metrics.ranking_replicates import calibration_errors, ranking_measures

FIRST = np.datetime64("2024-01-01")


def of_days(days, per_day=1, weights=None):
    return GroupedJackknife(FIRST + np.repeat(np.arange(days), per_day), weights)


def of_units(units):
    """Groups of rows by their unit's number, which stands for a hash."""
    return GroupedJackknife(np.full(len(units), FIRST), None, np.asarray(units, dtype=np.uint64))


def random_days(seed, days=14, per_day=20, *, distinct=8):
    """Labels, forecasts and weights of days; forecasts take so many values."""
    generator = np.random.default_rng(seed)
    size = days * per_day
    forecast = (np.floor(generator.random(size) * distinct) + 0.5) / distinct
    labels = (generator.random(size) < forecast).astype(float)
    return labels, forecast, generator.integers(1, 4, size).astype(float)


def test_a_replicate_is_what_the_measure_is_on_the_rows_kept():
    labels, forecast, weights = random_days(3)
    jackknife = of_days(14, 20, weights)
    found = ranking_measures(jackknife, labels, forecast)
    means = jackknife.means(forecast)
    for number in range(1 + jackknife.groups):
        kept = weights * (jackknife.group != number - 1)
        assert found["auc"][number] == pytest.approx(roc_auc_score(labels, forecast, sample_weight=kept))
        assert found["average_precision"][number] == pytest.approx(
            average_precision_score(labels, forecast, sample_weight=kept)
        )
        assert found["lift_at_10"][number] == pytest.approx(lift(labels, forecast, kept))
        assert means[number] == pytest.approx(np.average(forecast, weights=kept))


def test_days_are_grouped_in_stretches_of_equal_length_that_grow_with_their_number():
    assert [groups_of_dates(days) for days in (14, 20, 30, 60, 365)] == [7, 10, 15, 21, 54]
    for days in (14, 30, 31, 90, 1000):
        group = of_days(days).group
        assert (np.diff(group) >= 0).all()
        counts = np.bincount(group)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_the_interval_of_a_mean_of_independent_units_is_students(level):
    values = np.random.default_rng(1).normal(3, 2, 50)
    jackknife = of_units(range(50))
    expected = stats.t.interval(level, 49, loc=values.mean(), scale=stats.sem(values))
    assert jackknife.ends(jackknife.means(values), level) == pytest.approx(expected)


def test_days_that_are_alike_count_as_fewer():
    """The same 30 numbers: in order, neighbours are alike; shuffled, they are not."""
    values = np.sort(np.random.default_rng(1).normal(size=30))
    shuffled = np.random.default_rng(2).permutation(values)
    jackknife = of_days(30)
    widths = [np.subtract(*jackknife.ends(jackknife.means(each), LEVEL)) for each in (values, shuffled)]
    assert widths[0] / widths[1] > 2
    # Never narrower than of days without anything in common.
    turns = np.tile([1.0, 1.0, -1.0, -1.0], 8)[:30] + 0.1 * shuffled
    lower, upper = jackknife.ends(jackknife.means(turns), LEVEL)
    by_pairs = turns.reshape(15, 2).mean(axis=1)
    assert upper - lower >= 2 * stats.t.ppf(0.975, 14) * stats.sem(by_pairs) * (1 - 1e-9)


@pytest.mark.parametrize("days", [1, 3, FEWEST_TEST_DAYS - 1])
def test_from_too_few_days_no_interval_is_known(days):
    """Days whose rates happen to rise as the forecasts do, with rows enough to make that look like skill."""
    day = np.repeat(np.arange(days), 300)
    forecast = 0.1 + 0.8 * day / FEWEST_TEST_DAYS
    labels = (np.random.default_rng(1).random(len(day)) < forecast).astype(float)
    jackknife = of_days(days, 300)
    assert not jackknife.is_known
    replicates = [
        *ranking_measures(jackknife, labels, forecast).values(),
        *(calibration_errors(jackknife, labels, forecast), jackknife.means(labels), jackknife.ratios(labels, forecast)),
    ]
    assert np.isnan([jackknife.ends(each, LEVEL) for each in replicates]).all()
    assert jackknife.means(labels)[0] == pytest.approx(labels.mean())


@pytest.mark.parametrize("jackknife", [of_days(FEWEST_TEST_DAYS, 3), of_units(np.arange(FEWEST_UNITS).repeat(3))])
def test_the_fewest_are_enough(jackknife):
    assert jackknife.is_known
    values = np.random.default_rng(1).random(len(jackknife.group))
    assert np.isfinite(jackknife.ends(jackknife.means(values), 0.99)).all()


def test_units_of_a_column_are_not_torn_apart():
    units = np.random.default_rng(1).integers(2**63, size=1000, dtype=np.uint64)
    jackknife = of_units(np.repeat(units, 3))
    assert (jackknife.groups, jackknife.units) == (MOST_GROUPS_OF_UNITS, 1000)
    assert (jackknife.group.reshape(1000, 3) == jackknife.group[::3, None]).all()
    assert np.bincount(jackknife.group).tolist() == [60] * MOST_GROUPS_OF_UNITS
    few = of_units(np.arange(FEWEST_UNITS - 1).repeat(100))
    assert not few.is_known


def test_units_of_which_one_has_nearly_all_rows_are_too_few():
    """Whatever the other ninety-nine do, the mean is that of one."""
    jackknife = of_units(np.append(np.zeros(1000), np.arange(1, 100)))
    assert jackknife.units == 100
    assert jackknife.equal_units == pytest.approx(1099**2 / (1000**2 + 99))
    assert not jackknife.is_known


def test_units_of_which_one_weighs_nearly_all_are_too_few():
    weights = np.append(1000.0, np.ones(99))
    of_units = GroupedJackknife(np.full(100, FIRST), weights, np.arange(100, dtype=np.uint64))
    assert of_units.equal_units == pytest.approx(1099**2 / (1000**2 + 99))
    assert not of_units.is_known


def test_dates_of_which_few_have_nearly_all_rows_are_too_few():
    assert not GroupedJackknife(FIRST + np.append(np.arange(40), np.zeros(1000, int))).is_known
    # As where nobody flies at weekends.
    assert GroupedJackknife(FIRST + np.append(np.arange(14), np.arange(10).repeat(100))).is_known


def test_stretches_of_unequal_dates_have_about_as_many_rows_each():
    rows = np.random.default_rng(1).integers(1, 40, 60)
    jackknife = GroupedJackknife(FIRST + np.arange(60).repeat(rows))
    assert (np.diff(jackknife.group) >= 0).all()
    counts = np.bincount(jackknife.group)
    assert len(counts) == jackknife.groups < groups_of_dates(60)
    assert counts.max() - counts.min() < 2 * rows.max()


def test_units_see_no_effect_of_a_date_and_the_wider_interval_counts():
    """Thirty dates, each good or bad for all its customers, of whom none comes twice."""
    day = np.arange(30).repeat(40)
    customers = np.random.default_rng(1).permutation(len(day)).astype(np.uint64)
    both = GroupedJackknife(FIRST + day, None, customers)
    alone = GroupedJackknife(np.full(len(day), FIRST), None, customers)
    by_dates = GroupedJackknife(FIRST + day)
    assert (both.groups, both.date_groups, alone.date_groups) == (MOST_GROUPS_OF_UNITS, 15, 0)
    values = np.array([alike(seed, 30)[day] + np.random.default_rng(seed).normal(size=len(day)) for seed in range(200)])
    held = {}
    for name, jackknife in (("both", both), ("alone", alone), ("by dates", by_dates)):
        lower, upper = jackknife.ends(np.array([jackknife.means(each) for each in values]).T, 0.95)
        held[name] = np.mean((lower <= 0) & (upper >= 0))
    assert held["both"] >= max(held["by dates"], 0.9)
    assert held["alone"] < 0.5
    # Where units differ and dates do not, the units' interval is the wider one.
    of_units = np.random.default_rng(2).normal(size=60)[customers.astype(int) % 60]
    few = GroupedJackknife(FIRST + day, None, customers % 60)
    lower, upper = few.ends(few.means(of_units), 0.95)
    expected = GroupedJackknife(np.full(len(day), FIRST), None, customers % 60)
    assert (lower, upper) == pytest.approx(expected.ends(expected.means(of_units), 0.95))


@pytest.mark.parametrize("spread", [0.5, 1.0])
def test_an_interval_of_unequal_dates_holds_the_truth_as_often_as_it_says(spread):
    generator, found = np.random.default_rng(1), []
    for seed in range(600):
        jackknife = GroupedJackknife(FIRST + np.arange(30), np.exp(spread * generator.normal(size=30)))
        if jackknife.is_known:
            lower, upper = jackknife.ends(jackknife.means(alike(seed, 30)), 0.95)
            found.append(lower <= 0 <= upper)
    assert len(found) > 300
    assert np.mean(found) >= 0.92


def alike(seed, days, correlation=0.5):
    """Effects of days, each like that of the day before."""
    effects = np.random.default_rng(seed).normal(size=days)
    for day in range(1, days):
        effects[day] = correlation * effects[day - 1] + np.sqrt(1 - correlation**2) * effects[day]
    return effects


@pytest.mark.parametrize(("days", "least"), [(FEWEST_TEST_DAYS, 0.91), (30, 0.92), (90, 0.92)])
def test_an_interval_of_days_that_are_alike_holds_the_truth_as_often_as_it_says(days, least):
    """Drawing single days again holds it in 70 % of these cases (docs/models.md)."""
    jackknife = of_days(days)
    lower, upper = jackknife.ends(np.array([jackknife.means(alike(seed, days)) for seed in range(800)]).T, 0.95)
    assert np.mean((lower <= 0) & (upper >= 0)) >= least


def clustered_forecast(seed, days=40):
    """Days of a hundred rows, each day with weather of its own that the forecast does not see."""
    generator = np.random.default_rng(seed)
    signal, weather = generator.normal(size=100 * days), np.repeat(alike(seed + 10_000, days), 100)
    chance = 1 / (1 + np.exp(1.5 - signal - weather))
    return (generator.random(100 * days) < chance).astype(float), np.round(signal, 2)


def test_intervals_of_rankings_hold_the_truth():
    labels, signal = clustered_forecast(1000, days=4000)
    truth = np.array([auc(labels, signal), average_precision(labels, signal), lift(labels, signal)])
    covering = np.zeros(3)
    jackknife = of_days(40, 100)
    for seed in range(100):
        labels, signal = clustered_forecast(seed)
        replicates = np.array(list(ranking_measures(jackknife, labels, signal).values())).T
        lower, upper = jackknife.ends(replicates, 0.95)
        covering += (lower <= truth) & (truth <= upper)
    assert (covering >= 88).all(), covering


@pytest.mark.parametrize("shift", [0.0, 0.05])
def test_the_interval_of_the_calibration_error_holds_the_truth(shift):
    covering = 0
    jackknife = of_days(60, 100)
    for seed in range(100):
        generator = np.random.default_rng(seed)
        forecast = np.clip(generator.beta(2, 5, 6000), 0, 0.9)
        labels = (generator.random(6000) < forecast + shift).astype(float)
        lower, upper = jackknife.ends(calibration_errors(jackknife, labels, forecast), 0.95, (0, 1))
        assert 0 <= lower <= calibration_error(labels, forecast) <= upper
        # A calibrated forecast has the error 0, and a gate asks for little: nearly none is what must be within reach.
        covering += lower <= max(shift, 0.008) <= upper
    assert covering >= 88


def test_a_better_forecast_is_seen_and_the_same_one_is_not():
    generator = np.random.default_rng(5)
    signal = generator.normal(size=6000)
    chance = 1 / (1 + np.exp(1 - 1.5 * signal))
    labels = (generator.random(6000) < chance).astype(float)
    noisy = 1 / (1 + np.exp(1 - signal - 0.8 * generator.normal(size=6000)))
    jackknife = of_days(60, 100)
    ours, theirs = (ranking_measures(jackknife, labels, each)["auc"] for each in (chance, noisy))
    saved = jackknife.means(log_losses(labels, noisy) - log_losses(labels, chance))
    assert jackknife.ends(saved, 0.95)[0] > 0
    assert jackknife.ends(ours - theirs, 0.95)[0] > 0
    assert (ours - theirs)[1:].std() < np.hypot(ours[1:].std(), theirs[1:].std()), "pairs differ less than two samples"
    assert jackknife.ends(ours - ours.copy(), 0.95) == (0, 0)


def test_events_of_one_group_alone_leave_the_interval_open():
    labels = np.zeros(20 * 20)
    labels[:30] = 1  # on the first two of twenty days
    jackknife = of_days(20, 20)
    assert jackknife.group[29] == 0
    for replicates in ranking_measures(jackknife, labels, np.linspace(1, 0, 400)).values():
        assert np.isfinite(replicates[0])
        assert np.isnan(jackknife.ends(replicates, 0.95)).all()


def test_ends_stay_within_what_the_statistic_can_be():
    jackknife = of_days(20)
    rare = (np.arange(20) == 7).astype(float)
    assert jackknife.ends(jackknife.means(rare), 0.99)[0] < 0
    assert jackknife.ends(jackknife.means(rare), 0.99, (0, 1))[0] == 0
