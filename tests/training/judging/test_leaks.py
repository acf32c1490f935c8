"""A column that knows the outcome by itself is found, and one that only seems to is not."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from nightshift.models.encoding import Encoding
from training.data.dataset import Part
from training.judging import leaks
from training.judging.leaks import best, said, strengths_by_period, strongest

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
    return best(strengths_by_period(SimpleNamespace(train=part, validation=part, test=part, encoding=encoding), task))[
        "f"
    ]


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
    assert strongest({"a": 0.5, "b": 0.9, "c": 0.6}) == ("b", 0.9)
    name, value = strongest({"a": 0.5, "b": float("nan"), "c": 0.6})
    assert name == "b"
    assert np.isnan(value)


def test_of_very_many_rows_a_part_is_enough(monkeypatch):
    signal = NOISE + LABELS
    whole = strength(signal)
    monkeypatch.setattr(leaks, "MOST_ROWS", 1500)
    assert strength(signal) != whole
    assert strength(signal) == pytest.approx(whole, abs=0.05)


def months(column_of, events=(800, 2, 2)):
    """Three periods, each with so many events, and a column made of their labels."""
    parts, generator = [], np.random.default_rng(5)
    for count in events:
        labels = generator.permutation(np.arange(ROWS) < count).astype(np.float64)
        days = np.datetime64("2024-01-01") + (np.arange(ROWS) % DAYS).astype("timedelta64[D]")
        parts.append(Part(column_of(labels).astype(np.float32), labels, np.ones(ROWS), days))
    return dict(zip(("train", "validation", "test"), parts, strict=True))


def strengths(parts, columns, categories=()):
    encoding = Encoding(tuple(f"f{at}" for at in range(columns)), {f"f{at}": tuple(range(9)) for at in categories})
    return best(strengths_by_period(SimpleNamespace(**parts, encoding=encoding), "binary"))


def test_two_events_that_one_of_forty_features_orders_rightly_by_chance_accuse_none():
    generator = np.random.default_rng(6)
    noise = months(lambda labels: generator.normal(size=(len(labels), 40)))
    by_two = {**noise, "train": noise["validation"]}
    assert max(strengths(noise, 40).values()) < 0.6
    assert all(np.isnan(value) for value in strengths(by_two, 40).values())
    areas = [roc_auc_score(noise["test"].labels, column) for column in noise["test"].matrix.T]
    assert max(np.maximum(areas, np.subtract(1, areas))) > 0.85


@pytest.mark.parametrize("category", [False, True])
@pytest.mark.parametrize("events", [(80, 2, 2), (2, 80, 2), (2, 2, 80)])
def test_a_leak_shows_in_the_one_period_that_has_events_enough(category, events):
    copied = months(lambda labels: labels.reshape(-1, 1), events)
    assert strengths(copied, 1, [0] if category else [])["f0"] == 1


@pytest.mark.parametrize(("events", "is_enough"), [(19, False), (20, True)])
def test_a_category_needs_as_many_on_the_days_that_measure_it(events, is_enough):
    row = np.arange(ROWS)
    # Every other day learns, and has a hundred events.
    labels = (row < np.where(row % 2 == 0, 200, 2 * events)).astype(np.float64)
    days = np.datetime64("2024-01-01") + (row % DAYS).astype("timedelta64[D]")
    parts = dict.fromkeys(("train", "validation", "test"), Part(labels.reshape(-1, 1), labels, np.ones(ROWS), days))
    assert np.isfinite(strengths(parts, 1, [0])["f0"]) == is_enough
    assert strengths(parts, 1)["f0"] == 1


def test_what_could_not_be_measured_is_said_with_the_remedy():
    assert said("a", 0.9) == "The feature that knows most: a."
    assert said("a", float("nan")).startswith("a could not be measured: in no period do the rows that measure it")


def test_of_very_many_rows_rare_events_are_kept(monkeypatch):
    monkeypatch.setattr(leaks, "MOST_ROWS", 400)
    copied = months(lambda labels: labels.reshape(-1, 1), (30, 2, 2))
    assert strengths(copied, 1)["f0"] == 1


def test_a_column_that_was_filled_lately_shows_in_the_period_that_has_it():
    dates = np.full(ROWS, np.datetime64("2024-01-01"))
    blank, copied = (
        Part(column.reshape(-1, 1).astype(np.float32), LABELS, np.ones(ROWS), dates) for column in (NOISE, LABELS)
    )
    encoding = Encoding(("f",), {})
    late = SimpleNamespace(train=blank, validation=blank, test=copied, encoding=encoding)
    assert best(strengths_by_period(late, "binary"))["f"] == 1.0
    assert best(strengths_by_period(SimpleNamespace(**{**vars(late), "test": blank}), "binary"))["f"] < 0.55
