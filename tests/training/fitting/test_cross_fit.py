"""Train rows are scored by trees that saw neither them nor what is too near to them."""

from dataclasses import replace

import numpy as np
import pytest

from nightshift.dates import Monthly
from training.data.dataset import Part
from training.fitting import cross_fit
from training.fitting.cross_fit import STRETCHES, left_out_scores

DAYS, PER_DAY = 20, 3


@pytest.fixture
def grown_on(monkeypatch):
    """The rows of each growing of trees, which score every row with the number of rows that they saw."""
    seen = []
    monkeypatch.setattr(cross_fit, "refit", lambda parts, parameters, rows, rounds: seen.append(rows) or len(rows))
    monkeypatch.setattr(cross_fit, "raw_scores", lambda booster, matrix: np.full(len(matrix), float(booster)))
    return seen


def train(days=DAYS):
    day = np.repeat(np.arange(days), PER_DAY)
    dates = np.datetime64("2024-01-01") + day.astype("timedelta64[D]")
    return day, Part(np.zeros((len(day), 1), np.float32), np.zeros(len(day)), np.ones(len(day)), dates)


@pytest.mark.parametrize("embargo", [0, 1, 3])
def test_days_within_the_embargo_of_a_stretch_are_not_seen(grown_on, embargo):
    day, part = train()
    raw, there = left_out_scores(None, part, {}, 10, embargo)
    assert there.all()
    assert len(grown_on) == STRETCHES
    long = DAYS // STRETCHES
    for number, rows in enumerate(grown_on):
        first, last = number * long, (number + 1) * long - 1
        expected = [each for each in range(DAYS) if each < first - embargo or each > last + embargo]
        assert np.unique(day[rows]).tolist() == expected
        assert (raw[(day >= first) & (day <= last)] == PER_DAY * len(expected)).all()


def test_days_that_lack_rows_count_as_days_of_the_embargo(grown_on):
    _, part = train()
    gaps = Part(part.matrix, part.labels, part.weights, part.days[0] + 3 * (part.days - part.days[0]))
    left_out_scores(None, gaps, {}, 10, 2)
    assert len(grown_on[0]) == len(part) - 4 * PER_DAY


def test_a_stretch_whose_embargo_leaves_nothing_is_not_scored(grown_on):
    _, part = train(days=5)
    _, there = left_out_scores(None, part, {}, 10, 2)
    # The embargo around the third of five days takes all others.
    assert there.reshape(5, PER_DAY)[:, 0].tolist() == [True, True, False, True, True]
    _, none = left_out_scores(None, part, {}, 10, 5)
    assert not none.any()
    assert len(grown_on) == 4


def test_a_single_day_has_nothing_left_out(grown_on):
    _, part = train(days=1)
    assert not left_out_scores(None, part, {}, 10)[1].any()
    assert grown_on == []


def test_of_a_single_day_units_are_left_out_whole(grown_on):
    _, part = train()
    customer = np.arange(DAYS * PER_DAY, dtype=np.uint64) % 20
    one_day = replace(part, days=np.full(len(part), part.days[0]), units=customer)
    _, there = left_out_scores(None, one_day, {}, 10, 2)
    assert there.all()
    assert len(grown_on) == STRETCHES
    for rows in grown_on:
        assert len(np.unique(customer[rows])) == 16
        assert len(rows) == 16 * 3


def test_the_embargo_counts_batch_dates_and_not_days(grown_on):
    """Months are thirty days apart, and neighbours all the same."""
    months = np.array(["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"], "datetime64[D]")
    part = Part(np.zeros((5, 1), np.float32), np.zeros(5), np.ones(5), months)
    assert left_out_scores(None, part, {}, 10, 1, Monthly(None))[1].all()
    assert [rows.tolist() for rows in grown_on] == [[2, 3, 4], [3, 4], [0, 4], [0, 1], [0, 1, 2]]
