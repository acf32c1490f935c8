"""Drawing days: the same as weighting rows, as wide as days differ, and covering the truth."""

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from training.judging.metrics.binary_measures import auc, average_precision, lift, log_losses
from training.judging.metrics.calibration_error import calibration_error
from training.judging.metrics.ranking_draws import (
    SCORE_GROUPS,
    average_precisions,
    calibration_errors,
    lifts,
    score_groups,
)
from training.judging.metrics.resampled_days import BOOTSTRAP_SAMPLES, LEVEL, MOST_UNITS, Bootstrap, ends

FIRST = np.datetime64("2024-01-01")


def random_days(seed, days=10, per_day=20, *, distinct=8):
    """Labels, forecasts, weights and days; forecasts take so many values, or any where it is 0."""
    generator = np.random.default_rng(seed)
    size = days * per_day
    forecast = generator.random(size)
    forecast = (np.floor(forecast * distinct) + 0.5) / distinct if distinct else forecast
    labels = (generator.random(size) < forecast).astype(float)
    return labels, forecast, generator.integers(1, 4, size).astype(float), FIRST + np.repeat(np.arange(days), per_day)


def test_a_draw_is_a_weight_of_each_row():
    labels, forecast, weights, days = random_days(3)
    bootstrap = Bootstrap(days, 1, weights)
    for draw in range(20):
        drawn = weights * bootstrap.draws[draw][bootstrap.unit]
        assert bootstrap.aucs(labels, forecast)[draw] == pytest.approx(
            roc_auc_score(labels, forecast, sample_weight=drawn)
        )
        assert average_precisions(bootstrap, labels, forecast)[draw] == pytest.approx(
            average_precision_score(labels, forecast, sample_weight=drawn)
        )
        assert bootstrap.means(forecast)[draw] == pytest.approx(np.average(forecast, weights=drawn))
        assert lifts(bootstrap, labels, forecast)[draw] == pytest.approx(lift(labels, forecast, drawn))


def test_grouped_scores_hardly_move_average_precision_and_lift():
    labels, forecast, weights, days = random_days(4, days=20, per_day=500, distinct=0)
    assert score_groups(forecast)[1] == SCORE_GROUPS
    bootstrap = Bootstrap(days, 1, weights)
    averages, highest = average_precisions(bootstrap, labels, forecast), lifts(bootstrap, labels, forecast)
    for draw in range(10):
        drawn = weights * bootstrap.draws[draw][bootstrap.unit]
        exact = average_precision_score(labels, forecast, sample_weight=drawn)
        assert averages[draw] == pytest.approx(exact, abs=0.02 * averages.std())
        assert highest[draw] == pytest.approx(lift(labels, forecast, drawn), abs=0.1 * highest.std())


def test_groups_keep_ties_together_and_the_order():
    forecast = np.append(np.random.default_rng(1).random(9000), np.full(1000, 0.5))
    group, groups = score_groups(forecast)
    assert groups <= SCORE_GROUPS
    assert len(set(group[forecast == 0.5])) == 1
    highest_first = np.argsort(-forecast, kind="stable")
    assert (np.diff(group[highest_first]) >= 0).all()


def test_days_that_differ_as_a_whole_widen_the_interval():
    values = np.repeat(np.arange(10.0), 100)
    whole_days = Bootstrap(FIRST + np.repeat(np.arange(10), 100), seed=1).means(values)
    days_of_few_rows = Bootstrap(FIRST + np.arange(1000), seed=1).means(values)
    assert whole_days.std() > 2 * days_of_few_rows.std()


@pytest.mark.parametrize("days", [1, 3, 6])
def test_from_fewer_than_seven_days_no_interval_is_known(days):
    """Days whose rates happen to rise as the forecasts do, with rows enough to make that look like skill."""
    day = np.repeat(np.arange(days), 300)
    forecast = 0.1 + 0.1 * day
    labels = (np.random.default_rng(1).random(len(day)) < forecast).astype(float)
    bootstrap = Bootstrap(FIRST + day, 1)
    assert not bootstrap.is_known
    drawn = [
        *(measure(bootstrap, labels, forecast) for measure in (Bootstrap.aucs, average_precisions, lifts)),
        *(calibration_errors(bootstrap, labels, forecast), bootstrap.means(labels), bootstrap.ratios(labels, forecast)),
    ]
    assert np.isnan([ends(values, LEVEL) for values in drawn]).all()
    assert bootstrap.as_they_are().means(labels) == pytest.approx(labels.mean())


def test_seven_days_are_enough():
    bootstrap = Bootstrap(FIRST + np.repeat(np.arange(7), 3), 1)
    assert bootstrap.is_known
    assert np.isfinite(ends(bootstrap.means(np.arange(21.0)), LEVEL)).all()


def test_the_same_seed_draws_the_same():
    days = FIRST + np.repeat(np.arange(30), 5)
    assert np.array_equal(Bootstrap(days, 7).draws, Bootstrap(days, 7).draws)
    assert not np.array_equal(Bootstrap(days, 7).draws, Bootstrap(days, 8).draws)


def test_very_many_days_are_drawn_with_their_neighbours():
    bootstrap = Bootstrap(FIRST + np.arange(1000), 1)
    assert bootstrap.units == MOST_UNITS
    assert bootstrap.unit[0] == bootstrap.unit[1]
    assert (np.diff(bootstrap.unit) >= 0).all()


def test_an_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says():
    covering = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        values = np.repeat(generator.normal(5, 1, 60), 10) + generator.normal(0, 1, 600)
        lower, upper = ends(Bootstrap(FIRST + np.repeat(np.arange(60), 10), seed).means(values), 0.95)
        covering += lower <= 5 <= upper
    # 95 % of 200, give or take three standard deviations (9) and what a percentile interval of 60 days lacks (2 %).
    assert 177 <= covering <= 199


def clustered_forecast(seed, days=40):
    """Days of a hundred rows, each day with weather of its own that the forecast does not see."""
    generator = np.random.default_rng(seed)
    signal, weather = generator.normal(size=100 * days), np.repeat(generator.normal(size=days), 100)
    chance = 1 / (1 + np.exp(1.5 - signal - weather))
    labels = (generator.random(100 * days) < chance).astype(float)
    return labels, np.round(signal, 2), FIRST + np.repeat(np.arange(days), 100)


def test_intervals_of_rankings_cover_the_truth():
    labels, signal, _ = clustered_forecast(1000, days=4000)
    truth = [auc(labels, signal), average_precision(labels, signal), lift(labels, signal)]
    covering = np.zeros(3)
    for seed in range(60):
        labels, signal, days = clustered_forecast(seed)
        bootstrap = Bootstrap(days, seed)
        drawn = [measure(bootstrap, labels, signal) for measure in (Bootstrap.aucs, average_precisions, lifts)]
        bounds = np.array([ends(values, 0.95) for values in drawn])
        covering += (bounds[:, 0] <= truth) & (truth <= bounds[:, 1])
    assert (covering >= 51).all(), covering


@pytest.mark.parametrize("shift", [0.0, 0.05])
def test_the_interval_of_the_calibration_error_covers_the_truth(shift):
    covering = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        forecast = np.clip(generator.beta(2, 5, 6000), 0, 0.9)
        labels = (generator.random(6000) < forecast + shift).astype(float)
        bootstrap = Bootstrap(FIRST + np.repeat(np.arange(60), 100), seed)
        lower, upper = ends(calibration_errors(bootstrap, labels, forecast), 0.95)
        assert lower <= calibration_error(labels, forecast) <= upper
        # A calibrated forecast has the error 0, and a gate asks for little: nearly none is what must be within reach.
        covering += lower <= max(shift, 0.008) <= upper
    assert covering >= 88


def test_a_better_forecast_is_seen_and_the_same_one_is_not():
    generator = np.random.default_rng(5)
    signal = generator.normal(size=6000)
    chance = 1 / (1 + np.exp(1 - 1.5 * signal))
    labels = (generator.random(6000) < chance).astype(float)
    noisy = 1 / (1 + np.exp(1 - signal - 0.8 * generator.normal(size=6000)))
    bootstrap = Bootstrap(FIRST + np.repeat(np.arange(60), 100), 1)
    saved = bootstrap.means(log_losses(labels, noisy) - log_losses(labels, chance))
    ranked = bootstrap.aucs(labels, chance) - bootstrap.aucs(labels, noisy)
    assert ends(saved, 0.95)[0] > 0
    assert ends(ranked, 0.95)[0] > 0
    apart = np.hypot(bootstrap.aucs(labels, chance).std(), bootstrap.aucs(labels, noisy).std())
    assert ranked.std() < apart, "pairs of the same draws differ less than two draws would"
    assert ends(bootstrap.aucs(labels, chance) - bootstrap.aucs(labels, chance.copy()), 0.95) == (0.0, 0.0)


def test_a_draw_without_events_leaves_the_interval_open():
    labels = np.zeros(200)
    labels[:5] = 1  # all on the first of ten days, which a third of the draws do not take
    bootstrap = Bootstrap(FIRST + np.repeat(np.arange(10), 20), 1)
    aucs = bootstrap.aucs(labels, np.linspace(1, 0, 200))
    assert 0.2 < np.isnan(aucs).mean() < 0.5
    assert all(math.isnan(end) for end in ends(aucs, 0.95))
    assert len(aucs) == BOOTSTRAP_SAMPLES


def test_a_few_draws_that_could_not_be_computed_count_as_the_worst():
    drawn = np.linspace(1, 2, 1000)
    drawn[500:510] = np.nan
    lower, upper = ends(drawn, 0.95)
    assert lower < np.nanquantile(drawn, 0.025)
    assert upper > np.nanquantile(drawn, 0.975)
