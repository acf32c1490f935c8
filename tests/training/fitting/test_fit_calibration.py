"""Calibration is chosen on days that were left out, and fixes what is wrong without following noise."""

import datetime as dt

import numpy as np
import pytest

from nightshift.declarations.training_section import Training
from nightshift.errors import NightshiftError
from nightshift.models.calibrated_predictions import Calibration, sigmoid
from training.data.dataset import Part
from training.fitting import fit_calibration as module
from training.fitting.fit import event_weight
from training.fitting.fit_calibration import MOST_GROUPS, calibrate, interval


def drawn(size=20_000, days=30, seed=0, *, distort=lambda margin: margin, day_noise=0.0):
    """Labels from true margins, the distorted margins that a model would give, and the rest."""
    generator = np.random.default_rng(seed)
    day = np.sort(generator.integers(0, days, size))
    margin = generator.normal(-1, 1.2, size) + day_noise * generator.normal(size=days)[day]
    labels = (generator.random(size) < sigmoid(margin)).astype(np.float64)
    dates = np.datetime64(dt.date(2024, 1, 1)) + day.astype("timedelta64[D]")
    return labels, distort(margin), np.ones(size), dates


def error_of(calibration, labels, raw):
    """Largest distance between forecast and outcome over ten groups of neighbouring scores."""
    probability = calibration.apply(raw)
    parts = np.array_split(np.argsort(raw), 10)
    return max(abs(probability[part].mean() - labels[part].mean()) for part in parts)


def chosen(**given):
    labels, raw, weights, days = drawn(**given)
    return calibrate("auto", labels, raw, weights, days, seed=1)


def test_margins_that_are_right_stay_as_they_are():
    assert chosen().kind == "none"


def test_margins_that_are_too_steep_and_shifted_get_platt():
    found = chosen(distort=lambda margin: 2 * margin + 1)
    assert found.kind == "platt"
    assert found.slope == pytest.approx(0.5, abs=0.03)
    assert found.intercept == pytest.approx(-0.5, abs=0.06)


@pytest.mark.parametrize("weight", [3.0, 20.0])
def test_the_known_shift_of_weighed_events_is_taken_out_even_where_few_days_prove_nothing(weight):
    labels, raw, weights, days = drawn(size=300, days=3, distort=lambda margin: margin + np.log(weight))
    found = calibrate("auto", labels, raw, weights, days, seed=1, event_weight=weight)
    assert found == Calibration("platt", slope=1.0, intercept=-np.log(weight))
    assert found.apply(raw) == pytest.approx(sigmoid(raw - np.log(weight)), rel=1e-12)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_known_shift_of_balanced_events_is_the_ratio_of_what_the_classes_weigh(seed):
    labels, margin, _, days = drawn(size=300, days=3, seed=seed)
    weights = np.where(labels == 1, 2.0, 8.0)
    train = Part(np.zeros((300, 1), np.float32), labels, weights, days)
    heavier = event_weight(train, Training(event_weight="balanced"))
    assert heavier == weights[labels == 0].sum() / weights[labels == 1].sum()
    # Rows without event stand for four times as many, so the true margins are lower than those of the sample.
    raw = margin - np.log(4) + np.log(heavier)
    found = calibrate("auto", labels, raw, weights, days, seed=1, event_weight=heavier)
    assert found == Calibration("platt", slope=1.0, intercept=-np.log(heavier))


def test_a_map_that_surely_saves_more_than_the_known_shift_is_still_taken():
    labels, raw, weights, days = drawn(distort=lambda margin: 2 * margin + np.log(20))
    found = calibrate("auto", labels, raw, weights, days, seed=1, event_weight=20.0)
    assert (found.kind, found.slope) == ("platt", pytest.approx(0.5, abs=0.03))


def test_margins_that_are_bent_get_isotonic():
    labels, raw, weights, days = drawn(distort=lambda margin: np.where(margin < -1, 4 * margin, margin / 8))
    found = calibrate("auto", labels, raw, weights, days, seed=1)
    assert found.kind == "isotonic"
    later, later_raw, *_ = drawn(seed=9, distort=lambda margin: np.where(margin < -1, 4 * margin, margin / 8))
    assert error_of(found, later, later_raw) < 0.03


def test_isotonic_is_not_chosen_for_what_only_some_days_show():
    """Cross-validation by rows would see the same days on both sides, and believe in them."""
    labels, raw, weights, days = drawn(size=600, days=12, day_noise=1.0)
    assert calibrate("auto", labels, raw, weights, days, seed=1).kind != "isotonic"


def test_few_days_are_compared_by_groups_of_rows():
    assert chosen(days=2, distort=lambda margin: 3 * margin).kind == "platt"


def test_units_are_left_out_whole_where_there_are_few_days():
    """Each customer has a hundred rows of one score and one outcome: rows by lot would find every customer again."""
    generator = np.random.default_rng(4)
    customer = np.repeat(np.arange(40, dtype=np.uint64), 100)
    raw = np.repeat(np.sort(generator.normal(-1, 1, 40)), 100)
    labels = np.repeat((generator.random(40) < 0.3).astype(float), 100)
    days = np.full(4000, np.datetime64("2024-01-01"))

    def losses(units):
        found = {}
        calibrate("auto", labels, raw, np.ones(4000), days, 1, 1.0, units, found)
        return found

    by_lot, by_customer = losses(None), losses(customer)
    assert by_lot.keys() == by_customer.keys() == {"none", "platt", "isotonic"}
    assert by_lot["isotonic"] < by_lot["platt"]
    assert by_customer["isotonic"] > by_customer["platt"]


def test_weights_count_as_rows():
    labels, raw, weights, days = drawn(distort=lambda margin: margin + 1)
    kept = (labels > 0.5) | (np.arange(len(labels)) % 4 == 0)
    lighter = np.where(labels > 0.5, 1.0, 4.0)
    whole = calibrate("platt", labels, raw, weights, days, seed=1)
    sampled = calibrate("platt", labels[kept], raw[kept], lighter[kept], days[kept], seed=1)
    assert sampled.intercept == pytest.approx(whole.intercept, abs=0.12)
    heavy = np.where(labels > 0.5, 2.0, 1.0)
    doubled = np.repeat(np.arange(len(labels)), heavy.astype(int))
    ours = calibrate("isotonic", labels, raw, heavy, days, seed=1)
    probability = ours.apply(raw)
    assert np.average(probability, weights=heavy) == pytest.approx(labels[doubled].mean(), abs=0.002)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_a_score_without_signal_or_turned_round_becomes_the_rate(method):
    labels, raw, weights, days = drawn()
    flat = calibrate(method, labels, -raw, weights, days, seed=1).apply(-raw)
    assert flat == pytest.approx(np.full(len(raw), labels.mean()), abs=0.02)


@pytest.mark.parametrize("method", ["auto", "platt", "isotonic", "none"])
@pytest.mark.parametrize(
    "raw_of",
    [np.zeros_like, lambda margin: margin * 1e-9, lambda margin: np.sign(margin) * 200],
    ids=["constant", "tiny", "two values"],
)
def test_odd_scores_still_give_probabilities(method, raw_of):
    labels, raw, weights, days = drawn(size=2000, distort=raw_of)
    probability = calibrate(method, labels, raw, weights, days, seed=1).apply(raw)
    assert ((probability > 0) & (probability < 1)).all()


def test_scores_that_separate_the_classes_are_not_taken_for_certain():
    labels, _, weights, days = drawn(size=2000)
    raw = np.where(labels > 0.5, 1.0, -1.0)
    for method in ("platt", "isotonic"):
        probability = calibrate(method, labels, raw, weights, days, seed=1).apply(raw)
        assert probability.min() > 1e-6
        assert probability.max() < 1 - 1e-6


def test_isotonic_stays_small():
    labels, raw, weights, days = drawn(size=200_000)
    assert len(calibrate("isotonic", labels, raw, weights, days, seed=1).knots) <= MOST_GROUPS


def test_the_same_rows_give_the_same_bits():
    labels, raw, weights, days = drawn(distort=lambda margin: 2 * margin)
    for method in ("auto", "platt", "isotonic"):
        first, second = (calibrate(method, labels, raw, weights, days, seed=1) for _ in range(2))
        assert first == second


@pytest.mark.parametrize(
    ("labels", "raw", "says"),
    [
        ([0.0, 1.0], [0.0, np.nan], "raw scores"),
        ([0.0, 1.0], [0.0, np.inf], "raw scores"),
        ([1, 1], [0, 1], "all labels"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(labels, raw, says):
    days = np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]")
    with pytest.raises(NightshiftError, match=says):
        calibrate("auto", np.array(labels, float), np.array(raw, float), np.ones(2), days, seed=1)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_an_interval_holds_what_it_says_also_where_errors_lean_to_one_side(coverage):
    generator = np.random.default_rng(5)
    errors = generator.exponential(3.0, 40_000)
    found = interval(errors[:20_000] + 7, np.full(20_000, 7.0), np.ones(20_000), coverage)
    later = errors[20_000:]
    assert np.mean((later >= found.lower) & (later <= found.upper)) == pytest.approx(coverage, abs=0.015)
    assert np.mean(later > found.upper) == pytest.approx((1 - coverage) / 2, abs=0.01)


def test_the_ends_of_an_interval_are_those_of_split_conformal_prediction():
    """Nine residuals and 80 %: ceil(0.9 · 10) = the ninth smallest is the upper end, the first the lower."""
    found = interval(np.arange(9.0), np.zeros(9), np.ones(9), 0.8)
    assert (found.lower, found.upper) == (0.0, 8.0)
    heavier = interval(np.arange(9.0), np.zeros(9), np.full(9, 3.0), 0.8)
    assert (heavier.lower, heavier.upper) == (0.0, 8.0)
    with pytest.raises(NightshiftError, match="too few"):
        interval(np.arange(8.0), np.zeros(8), np.ones(8), 0.8)


def test_residuals_that_are_not_finite_give_no_interval():
    with pytest.raises(NightshiftError, match="infinite"):
        interval(np.array([np.nan] * 20), np.zeros(20), np.ones(20), 0.8)


def test_every_method_can_be_asked_for():
    labels, raw, weights, days = drawn()
    kinds = {method: calibrate(method, labels, raw, weights, days, seed=1).kind for method in module._fits(1)}
    assert kinds == {"none": "none", "platt": "platt", "isotonic": "isotonic"}
