"""Real flights with an outcome that nothing foretells: no such model may pass its gates, whatever the draw."""

import numpy as np
import pyarrow as pa
import pytest

from nightshift.dates import BatchDates
from nightshift.declarations.tables import Column
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.models.calibrated_predictions import sigmoid
from nightshift.models.encoding import Encoding
from training.data.dataset import Dataset, Part
from training.data.time_split import Periods
from training.fitting.fit import binned, fit, raw_scores
from training.fitting.fit_calibration import calibrate
from training.fitting.fitted_model import Calibrated, FittedModel
from training.judging import stability
from training.judging.evaluate import best_threshold, evaluate
from training.judging.gates import Facts, judge, load_gates
from training.judging.relative_measures import relative_numbers
from use_cases.flight_delays import sample_source

# June and July: to train on, to tune on, to be tested on.
FIRST, LAST = np.datetime64("2013-06-01"), np.datetime64("2013-07-30")
STARTS = np.array(["2013-06-01", "2013-07-04", "2013-07-16"], dtype="datetime64[D]")
COLUMNS = [
    Column(name=name, type=kind, description="", role="feature", categorical=kind == "string")
    for name, kind in (
        *(("carrier", "string"), ("origin", "string"), ("dest", "string"), ("day_of_week", "double")),
        *(("departure_minute", "double"), ("distance", "double"), ("late_rate_before", "double")),
    )
]
PARAMETERS = {"num_leaves": 8, "min_data_in_leaf": 200, "feature_fraction": 0.7, "lambda_l2": 10.0}


@pytest.fixture(scope="module")
def flights():
    """Scheduled flights of two months with plain features, and which of them were late."""
    rows = [
        {**row, "date": np.datetime64(date)}
        for date, rows in sorted(sample_source._flights().items())
        if FIRST <= np.datetime64(date) <= LAST
        for row in rows
    ]
    days = np.array([row["date"] for row in rows])
    late = np.array([row["arr_delay"] == "NA" or float(row["arr_delay"]) >= 15 for row in rows])
    _, unit = np.unique(days, return_inverse=True)
    rates = np.bincount(unit, weights=late) / np.bincount(unit)
    clock = np.array([int(row["sched_dep_time"]) for row in rows])
    table = pa.table(
        {
            "batch_date": pa.array(days.astype(object)),
            **{name: [row[name] for row in rows] for name in ("carrier", "origin", "dest")},
            "day_of_week": (days.astype(int) % 7).astype(float),
            "departure_minute": (clock // 100 * 60 + clock % 100).astype(float),
            "distance": [float(row["distance"]) for row in rows],
            # Every row of a day has the same: just what a model of few days mistakes for a signal.
            "late_rate_before": np.concatenate([[0.2], rates[:-1]])[unit],
        }
    )
    return table, days, late.astype(np.float64), unit


@pytest.fixture(scope="module")
def use_case():
    use_case = UseCase.load("flight_delays", get_settings())
    slices = use_case.training.model_copy(update={"slices": ("origin",)})
    return use_case.model_copy(update={"training": slices})


def verdicts_of(flights, labels, use_case):
    """Train, calibrate, evaluate and judge, as a training does."""
    table, days, *_ = flights
    period = np.searchsorted(STARTS, days, side="right") - 1
    tables = {name: table.filter(pa.array(period == n)) for n, name in enumerate(("train", "validation", "test"))}
    encoding = Encoding.learned(tables["train"], COLUMNS)
    parts = {
        name: Part(encoding.matrix(rows), labels[period == n], np.ones(rows.num_rows), days[period == n])
        for n, (name, rows) in enumerate(tables.items())
    }
    coverage = {day.astype(object): (1, 1) for day in np.unique(days)}
    dates = [BatchDates(part.days.min().astype(object), part.days.max().astype(object)) for part in parts.values()]
    dataset = Dataset(
        encoding=encoding, tables=tables, coverage=coverage, left_out=(), periods=Periods(*dates), **parts
    )
    booster = fit(binned(dataset, use_case), PARAMETERS)
    tuned = parts["validation"]
    raw, training = raw_scores(booster, tuned.matrix), use_case.training
    calibration = calibrate(training.calibration, tuned.labels, raw, tuned.weights, tuned.days, training.seed)
    threshold = best_threshold(tuned.labels, calibration.apply(raw), tuned.weights, training.costs)
    model = FittedModel(
        use_case.task, booster, encoding, calibration, threshold, None, Calibrated(training.calibration, 0, len(tuned))
    )
    evaluation = evaluate(model, dataset, use_case)
    numbers = {
        **evaluation.metrics,
        **stability.numbers(
            dataset, evaluation.predicted, None, stability.feature_drift(dataset), stability.missing_rises(dataset)
        ),
        **relative_numbers(evaluation.metrics, dataset.test, evaluation.predicted["test"], model),
        "unanswered_suspects": 0.0,
        "training_seconds": 1.0,
    }
    facts = Facts.of(use_case, champion_exists=False, scored_before=False)
    return {verdict.name: verdict for verdict in judge(load_gates(use_case), numbers, facts)}


def shuffled(labels, unit, generator):
    """The outcomes of other flights."""
    return generator.permutation(labels)


def by_coin(labels, unit, generator):
    """A coin for each flight."""
    return (generator.random(len(labels)) < 0.24).astype(np.float64)


def by_day(labels, unit, generator):
    """Good days and bad ones, as of weather that no feature knows; flights of a day are alike."""
    day = sigmoid(generator.normal(-1.2, 0.9, unit.max() + 1))
    return (generator.random(len(labels)) < day[unit]).astype(np.float64)


def drifting(labels, unit, generator):
    """A rate that falls all the time: late days are nearer to the tuned ones than to all that were known."""
    return (generator.random(len(labels)) < np.linspace(0.4, 0.12, unit.max() + 1)[unit]).astype(np.float64)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)])
@pytest.mark.parametrize("noise", [shuffled, by_coin, by_day, drifting])
def test_a_target_without_signal_is_refused(flights, use_case, noise, seed):
    _, _, labels, unit = flights
    verdicts = verdicts_of(flights, noise(labels, unit, np.random.default_rng(seed)), use_case)
    assert not verdicts["ranks_better_than_chance"].passed or not verdicts["better_than_constant_rate"].passed


def test_the_same_flights_with_an_outcome_that_the_hour_foretells_pass(flights, use_case):
    """So that it is the lack of signal that refuses the others."""
    table, *_ = flights
    chance = sigmoid(np.asarray(table["departure_minute"]) / 240 - 5)
    labels = (np.random.default_rng(1).random(len(chance)) < chance).astype(np.float64)
    verdicts = verdicts_of(flights, labels, use_case)
    assert {name: (each.value, each.limit) for name, each in verdicts.items() if not each.passed} == {}
