"""Each value of a declared column, with its size, and what gates see of it."""

import datetime as dt
import math

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from nightshift.declarations.training_section import Costs
from nightshift.errors import NightshiftError
from tests.training.judged import a_part, dataset, use_case
from training.judging.slice_measures import MOST_VALUES, grouped, sliced, worst
from training.judging.tasks import Binary, Regression

GENERATOR = np.random.default_rng(1)
ROWS = 3000
FORECAST = GENERATOR.beta(2, 5, ROWS)
LABELS = (GENERATOR.random(ROWS) < FORECAST).astype(float)
TASK = Binary(Costs(false_alarm=1, missed=3), 0.3)
PART = a_part(FORECAST, LABELS, "2024-01-01")


def groups_of(values, known=None):
    columns = {"all": {"column": values}} if known is None else {"train": {"column": known}, "test": {"column": values}}
    parts = tuple(a_part(FORECAST[: len(each)], LABELS[: len(each)], "2024-01-01")
                  for each in (values if known is None else known, values, values))  # fmt: skip
    grouping = grouped(dataset(parts, columns), "column", "slices")
    return {name: int(mask.sum()) for name, mask in grouping}


def test_each_value_is_measured_on_its_rows():
    airports = GENERATOR.choice(["EWR", "JFK", "LGA"], ROWS, p=[0.5, 0.45, 0.05])
    data = dataset(PART, {"all": {"origin": pa.array(airports)}})
    training = use_case(slices=["origin"], smallest_slice=500).training
    slices = sliced(data, training, TASK, FORECAST)
    assert [each.value for each in slices] == ["EWR", "JFK", "LGA"]
    assert [each.judged for each in slices] == [True, True, False]
    for each in slices:
        rows = airports == each.value
        assert each.rows == rows.sum()
        assert each.metrics["auc"] == pytest.approx(roc_auc_score(LABELS[rows], FORECAST[rows]))
        assert each.metrics["event_rate"] == pytest.approx(LABELS[rows].mean())


def test_only_judged_slices_are_the_worst():
    # The few rows of LGA are ranked backwards, and too few to say so.
    airports = np.repeat(["EWR", "LGA"], [2900, 100])
    forecast = FORECAST.copy()
    forecast[2900:] = 1 - LABELS[2900:]
    data = dataset(PART, {"all": {"origin": pa.array(airports)}})
    for smallest, expected in ((500, roc_auc_score(LABELS[:2900], FORECAST[:2900])), (100, 0.0)):
        training = use_case(slices=["origin"], smallest_slice=smallest).training
        numbers = worst(sliced(data, training, TASK, forecast), training, TASK)
        assert numbers["worst_slice_auc"] == pytest.approx(expected)


def test_the_bins_of_a_small_slice_hold_enough_rows_each():
    data = dataset(PART, {"all": {"origin": pa.array(np.repeat(["A", "B"], [600, 2400]))}})
    training = use_case(slices=["origin"], smallest_slice=500).training
    small = sliced(data, training, TASK, FORECAST)[0]
    assert small.metrics["calibration_error"] == pytest.approx(abs(FORECAST[:600].mean() - LABELS[:600].mean()))


@pytest.mark.parametrize(
    ("events", "lacks"),
    [(0, "events"), (19, "events"), (20, ""), (580, ""), (581, "rows without event"), (600, "rows without event")],
)
def test_a_large_slice_of_a_rare_event_is_judged_only_from_enough_of_either_outcome_on(events, lacks):
    labels = LABELS.copy()
    labels[:600] = np.arange(600) < events
    part = a_part(FORECAST, labels, "2024-01-01")
    data = dataset(part, {"all": {"origin": pa.array(np.repeat(["A", "B"], [600, 2400]))}})
    training = use_case(slices=["origin"], smallest_slice=500).training
    slices = sliced(data, training, TASK, FORECAST)
    assert [(each.rows, each.events) for each in slices] == [(600, events), (2400, int(LABELS[600:].sum()))]
    assert [(each.judged, each.lacks) for each in slices] == [(not lacks, lacks), (True, "")]
    expected = min(each.metrics["auc"] for each in slices if each.judged)
    assert worst(slices, training, TASK)["worst_slice_auc"] == expected


def test_a_slice_of_values_needs_rows_alone():
    data = dataset(a_part(FORECAST, np.zeros(ROWS), "2024-01-01"), {"all": {"origin": ["A"] * ROWS}})
    training = use_case("regression", slices=["origin"]).training
    (found,) = sliced(data, training, Regression(None), FORECAST)
    assert (found.judged, found.events) == (True, None)


def test_no_slice_large_enough_is_no_number_and_no_slice_declared_no_gate(caplog):
    data = dataset(PART, {"all": {"origin": pa.array(["A"] * ROWS)}})
    training = use_case(slices=["origin"], smallest_slice=5000).training
    assert math.isnan(worst(sliced(data, training, TASK, FORECAST), training, TASK)["worst_slice_auc"])
    assert "smallest_slice" in caplog.text
    without = use_case().training
    assert worst(sliced(data, without, TASK, FORECAST), without, TASK) == {}


def test_many_numbers_are_cut_into_the_quartiles_of_training():
    known = np.arange(1.0, 101)
    assert groups_of(np.array([1.0, 25, 26, 50, 75, 76, 1000, np.nan]), known) == {
        "quartile 1: up to 25": 2,
        "quartile 2: above 25 up to 50": 2,
        "quartile 3: above 50 up to 75": 1,
        "quartile 4: above 75": 2,
        "missing": 1,
    }


def test_quartiles_are_those_of_the_rows_that_were_drawn_from():
    known = np.arange(1.0, 101)
    heavy = a_part(FORECAST[:100], LABELS[:100], "2024-01-01", np.where(known > 90, 91.0, 1.0))
    test = a_part(FORECAST[:2], LABELS[:2], "2024-01-01")
    columns = {"train": {"column": known}, "test": {"column": np.array([50.0, 95.0])}}
    names = [name for name, _ in grouped(dataset((heavy, test, test), columns), "column", "slices")]
    # The ten heavy values are ten elevenths of the weight: already the first quarter ends at the second of them.
    assert names[0] == "quartile 1: up to 92"


def test_quartiles_that_end_at_one_value_are_one_group():
    known = np.append(np.zeros(60), np.arange(1.0, 41))
    assert groups_of(np.array([0.0, 0, 3, 30]), known) == {
        "quartiles 1-2: up to 0": 2,
        "quartile 3: above 0 up to 15": 1,
        "quartile 4: above 15": 1,
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([1, 2, 2, None], pa.int64()), {"1": 1, "2": 2, "missing": 1}),
        (pa.array([0.5, float("nan"), None, 1]), {"0.5": 1, "1": 1, "missing": 2}),
        (pa.array([True, False, None, True]), {"false": 1, "true": 2, "missing": 1}),
        (pa.array(["b", "a", None, "b"]).dictionary_encode(), {"a": 1, "b": 2, "missing": 1}),
        (pa.array([dt.date(2024, 1, 2)] * 2), {"2024-01-02": 2}),
        (pa.array([None, None], pa.string()), {"missing": 2}),
    ],
)
def test_few_values_stand_for_themselves(values, expected):
    assert groups_of(values) == expected


def test_of_very_many_values_the_rare_ones_go_together():
    values = pa.array([f"{number:03d}" for number in range(70)] + [f"{number:03d}" for number in range(20, 70)])
    groups = groups_of(values)
    assert len(groups) == MOST_VALUES + 1
    assert groups["20 other values"] == 20
    assert groups["069"] == 2


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(NightshiftError, match=r"training.slices .* names region"):
        grouped(dataset(PART), "region", "slices")
