"""A column that knows the outcome by itself is found, and one that only seems to is not."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from nightshift.models.encoding import Encoding
from training.data.dataset import Part
from training.judging import feature_strength
from training.judging.feature_strength import Strength, above_chance, said, strengths, strongest

ROWS, DAYS = 4000, 20
GENERATOR = np.random.default_rng(4)
LABELS = (GENERATOR.random(ROWS) < 0.2).astype(np.float64)
VALUES = GENERATOR.normal(30, 10, ROWS)
NOISE = GENERATOR.normal(size=ROWS)


def strength(values, labels=LABELS, *, category=False, weights=None, days=DAYS):
    task = "binary" if labels.max() == 1 else "regression"
    dates = np.datetime64("2024-01-01") + (np.arange(len(labels)) * days // len(labels)).astype("timedelta64[D]")
    matrix = np.asarray(values, dtype=np.float32).reshape(-1, 1)
    part = Part(matrix, labels, np.ones(len(labels)) if weights is None else weights, dates)
    encoding = Encoding(("f",), {"f": tuple(range(ROWS))} if category else {})
    return strengths(part, encoding, np.zeros(len(labels)), task)["f"].most


def test_a_quantity_is_as_strong_as_its_area_whichever_way_it_points():
    signal = (NOISE + LABELS).astype(np.float32)
    expected = roc_auc_score(LABELS, signal)
    assert strength(signal) == pytest.approx(expected)
    assert strength(-signal) == pytest.approx(expected)
    assert strength(NOISE) < 0.55
    assert strength(np.zeros(ROWS)) == 0.5


def test_rows_count_as_they_weigh():
    weights = GENERATOR.integers(1, 5, ROWS).astype(np.float64)
    signal = (NOISE + LABELS).astype(np.float32)
    assert strength(signal, weights=weights) == pytest.approx(roc_auc_score(LABELS, signal, sample_weight=weights))


@pytest.mark.parametrize(
    "column",
    [
        LABELS,
        1 - LABELS,
        np.where(GENERATOR.random(ROWS) < 0.99, LABELS, 1 - LABELS),
        np.where(LABELS == 1, NOISE, np.nan),  # written where it happened
        np.where(LABELS == 1, np.nan, NOISE),
        np.where(GENERATOR.random(ROWS) < 0.7, np.nan, LABELS + 0.1 * NOISE),  # written of some cases only
    ],
    ids=["copy", "turned round", "nearly", "there if it happened", "there if not", "there of some"],
)
def test_a_quantity_that_leaks_is_over_the_limit(column):
    assert strength(column) > 0.95


def test_missing_values_are_all_alike():
    """Were they ordered among themselves, they would come in the order of the rows."""
    ordered = np.sort(LABELS)
    assert strength(np.where(np.arange(ROWS) < 10, 1.0, np.nan), ordered) < 0.52


def test_a_few_rows_that_have_a_value_are_no_proof():
    column = np.full(ROWS, np.nan)
    few = np.concatenate([np.flatnonzero(LABELS == 1)[:10], np.flatnonzero(LABELS == 0)[:10]])
    column[few] = LABELS[few]
    assert strength(column) < 0.55


def test_a_category_that_leaks_is_found_in_whatever_order_its_codes_are():
    codes = np.where(LABELS == 1, 7, GENERATOR.choice([3, 5, 9, np.nan], ROWS))
    assert strength(codes, category=True) == 1
    assert strength(np.where(LABELS == 1, np.nan, 3), category=True) == 1
    assert strength(codes, category=True, days=1) == 1


def test_a_category_of_its_own_for_every_few_rows_does_not_know_what_it_was_learned_from():
    """By rates of the same rows a category of two rows would be right nearly always."""
    assert strength(np.arange(ROWS), category=True) == 0.5
    assert strength(GENERATOR.integers(0, ROWS // 2, ROWS), category=True) < 0.55


def test_of_values_it_is_the_squared_rank_correlation():
    signal = (VALUES + 10 * GENERATOR.normal(size=ROWS)).round().astype(np.float32)
    assert strength(-signal, VALUES) == pytest.approx(spearmanr(signal, VALUES).statistic ** 2)
    assert strength(np.exp(VALUES / 10), VALUES) == pytest.approx(1, abs=1e-6)
    assert strength(NOISE, VALUES) < 0.01
    assert strength(np.zeros(ROWS), VALUES) == 0
    assert strength(np.where(NOISE > 0, VALUES, np.nan), VALUES) == pytest.approx(1, abs=1e-6)
    assert strength(VALUES.round().clip(0), VALUES, category=True) > 0.95
    assert np.isnan(strength(NOISE, np.full(ROWS, 30.0)))


def test_the_strongest_is_named_and_one_that_is_no_number_before_all():
    found = {"a": Strength(0.5, 0.9, 0.1), "b": Strength(0.9, 0.9, 0.1), "c": Strength(0.6, 0.9, 0.1)}
    assert strongest(found) == ("b", 0.9)
    name, value = strongest({**found, "b": Strength(float("nan"), 0.9, 0.1)})
    assert name == "b"
    assert np.isnan(value)


def test_of_very_many_rows_a_part_is_enough(monkeypatch):
    signal = NOISE + LABELS
    whole = strength(signal)
    monkeypatch.setattr(feature_strength, "MOST_ROWS", 1500)
    assert strength(signal) != whole
    assert strength(signal) == pytest.approx(whole, abs=0.05)


def part_of(column_of, events):
    """Rows with so many events, and columns made of their labels."""
    labels = np.random.default_rng(5).permutation(np.arange(ROWS) < events).astype(np.float64)
    days = np.datetime64("2024-01-01") + (np.arange(ROWS) % DAYS).astype("timedelta64[D]")
    return Part(column_of(labels).astype(np.float32), labels, np.ones(ROWS), days)


def areas(part, categories=()):
    names = [f"f{at}" for at in range(part.matrix.shape[1])]
    encoding = Encoding(tuple(names), {names[at]: tuple(range(9)) for at in categories})
    return {name: each.alone for name, each in strengths(part, encoding, np.zeros(len(part)), "binary").items()}


def test_two_events_that_one_of_forty_features_orders_rightly_by_chance_accuse_none():
    generator = np.random.default_rng(6)
    few, many = (part_of(lambda labels: generator.normal(size=(len(labels), 40)), events) for events in (2, 800))
    assert max(areas(many).values()) < 0.6
    assert all(np.isnan(value) for value in areas(few).values())
    by_chance = [roc_auc_score(few.labels, column) for column in few.matrix.T]
    assert max(np.maximum(by_chance, np.subtract(1, by_chance))) > 0.85


@pytest.mark.parametrize(("events", "is_enough"), [(19, False), (20, True)])
def test_a_category_needs_as_many_on_the_days_that_measure_it(events, is_enough):
    row = np.arange(ROWS)
    # Every other day learns, and has a hundred events.
    labels = (row < np.where(row % 2 == 0, 200, 2 * events)).astype(np.float64)
    days = np.datetime64("2024-01-01") + (row % DAYS).astype("timedelta64[D]")
    part = Part(labels.reshape(-1, 1), labels, np.ones(ROWS), days)
    assert np.isfinite(areas(part, [0])["f0"]) == is_enough
    assert areas(part)["f0"] == 1


def test_what_could_not_be_measured_is_said_with_the_remedy():
    assert said("a", 0.9) == "The feature that knows most: a."
    assert said("a", float("nan")).startswith("a could not be measured: the test rows that measure it")


def test_of_very_many_rows_rare_events_are_kept(monkeypatch):
    monkeypatch.setattr(feature_strength, "MOST_ROWS", 400)
    assert areas(part_of(lambda labels: labels.reshape(-1, 1), 30))["f0"] == 1


def test_a_feature_and_its_model_are_measured_on_the_same_rows():
    present = GENERATOR.random(ROWS) < 0.4
    column = np.where(present, NOISE + LABELS, np.nan).astype(np.float32).reshape(-1, 1)
    # The model knows more where the feature is there.
    predicted = np.where(present, NOISE + 2 * LABELS, NOISE + LABELS)
    part = Part(column, LABELS, np.ones(ROWS), np.full(ROWS, np.datetime64("2024-01-01")))
    found = strengths(part, Encoding(("f",), {}), predicted, "binary")["f"].where_present
    assert found.alone == pytest.approx(roc_auc_score(LABELS[present], column[present, 0]))
    assert found.whole == pytest.approx(roc_auc_score(LABELS[present], predicted[present]))
    # Where it knows less there, what it knows of all rows counts: little is no measure.
    other = strengths(part, Encoding(("f",), {}), np.where(present, NOISE, 3 * LABELS + NOISE), "binary")["f"]
    assert other.where_present.whole == pytest.approx(
        roc_auc_score(LABELS, np.where(present, NOISE, 3 * LABELS + NOISE))
    )


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_noise_stays_below_what_noise_is_said_to_have(task):
    generator = np.random.default_rng(7)
    matrix = generator.normal(size=(ROWS, 300)).astype(np.float32)
    encoding = Encoding(tuple(f"f{at}" for at in range(300)), {})
    labels = LABELS if task == "binary" else VALUES
    days = np.full(ROWS, np.datetime64("2024-01-01"))
    found = strengths(Part(matrix, labels, np.ones(ROWS), days), encoding, labels, task).values()
    most = max(above_chance(each.alone, task) for each in found)
    assert all(most < each.noise < 2 * most for each in found)


def test_a_quantity_is_measured_on_all_rows_and_on_those_that_have_it():
    """Whether it is there says something, and so does its value: each is a strength of its own."""
    values = np.where(GENERATOR.random(ROWS) < 0.3 + 0.4 * LABELS, NOISE + LABELS, np.nan).astype(np.float32)
    part = Part(values.reshape(-1, 1), LABELS, np.ones(ROWS), np.full(ROWS, np.datetime64("2024-01-01")))
    found = strengths(part, Encoding(("f",), {}), NOISE, "binary")["f"]
    present = ~np.isnan(values)
    assert found.alone == pytest.approx(roc_auc_score(LABELS, np.where(present, values, -1e30)))
    assert found.where_present.alone == pytest.approx(roc_auc_score(LABELS[present], values[present]))
    assert found.most == max(found.alone, found.where_present.alone)


@pytest.mark.parametrize("by_unit", [False, True])
def test_on_a_single_day_a_category_is_learned_from_other_units_than_it_is_measured_on(by_unit):
    """A category of each client, whose rows are all of one outcome: it knows nothing of other clients."""
    client = np.arange(ROWS) // 10
    labels = (np.random.default_rng(3).random(ROWS // 10) < 0.3).astype(np.float64)[client]
    day = np.full(ROWS, np.datetime64("2024-01-01"))
    part = Part(client.reshape(-1, 1).astype(np.float32), labels, np.ones(ROWS), day, client.astype(np.uint64))
    if not by_unit:
        part = Part(part.matrix, part.labels, part.weights, part.days)
    found = strengths(part, Encoding(("f",), {"f": tuple(range(ROWS))}), labels, "binary")["f"]
    assert found.alone == (0.5 if by_unit else 1)
