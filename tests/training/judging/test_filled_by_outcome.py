"""A column that is written of one outcome only is found in whichever period it is, and an honest gap is not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from nightshift.models.encoding import Encoding
from training.data.dataset import Part
from training.judging.filled_by_outcome import filled_for_one_outcome

ROWS = 4000
GENERATOR = np.random.default_rng(3)
LABELS = (GENERATOR.random(ROWS) < 0.1).astype(np.float64)
EVENT = LABELS == 1
NOISE = GENERATOR.normal(size=ROWS)
SOME = GENERATOR.random(ROWS) < 0.3
HONEST = np.where(SOME, NOISE, np.nan)


def found(column, labels=LABELS, task="binary", periods=("train", "validation", "test"), categories=()):
    """What is found where the column stands in some periods, and an honest one in the others."""
    parts = {
        period: Part(
            np.asarray(column if period in periods else HONEST, dtype=np.float32).reshape(-1, 1), labels,
            np.ones(len(labels)), np.full(len(labels), np.datetime64("2024-01-01")),
        )
        for period in ("train", "validation", "test")
    }  # fmt: skip
    encoding = Encoding(("f",), {"f": categories} if categories else {})
    return filled_for_one_outcome(SimpleNamespace(**parts, encoding=encoding), task, 0.02)


@pytest.mark.parametrize(
    ("column", "outcome", "instead_of"),
    [
        (np.where(EVENT, NOISE, np.nan), "with the event", "missing"),
        (np.where(EVENT & SOME, NOISE, np.nan), "with the event", "missing"),
        (np.where(EVENT, np.nan, NOISE), "without the event", "missing"),
        (np.where(EVENT & SOME, NOISE, 0), "with the event", "0"),
        (np.where(EVENT & SOME, NOISE, -1), "with the event", "-1"),
        # What stands for nothing is in the few rows of the event.
        (np.where(EVENT, 0, NOISE), "without the event", "0"),
        # Filled by mistake here and there.
        (np.where(EVENT | (GENERATOR.random(ROWS) < 0.005), NOISE, np.nan), "with the event", "missing"),
    ],
    ids=["all events", "some events", "all others", "0", "-1", "0 of events", "a few others"],
)
def test_what_is_there_for_one_outcome_only_is_found(column, outcome, instead_of):
    (each,) = found(column)
    assert (each.feature, each.outcome, each.instead_of) == ("f", outcome, instead_of)
    assert each.other_has <= 0.02 * each.has


@pytest.mark.parametrize(
    "column",
    [
        NOISE,
        HONEST,
        # Much more often of events.
        np.where(GENERATOR.random(ROWS) < np.where(EVENT, 0.6, 0.05), NOISE, np.nan),
        # So seldom that chance may have done it.
        np.where(EVENT & (np.cumsum(EVENT) < 15), NOISE, np.nan),
        np.where(GENERATOR.random(ROWS) < np.where(EVENT, 0.6, 0.05), 1, 0),
        np.full(ROWS, np.nan),
        np.full(ROWS, 0.0),
    ],
    ids=["filled", "gaps", "more often", "seldom", "a flag", "missing", "constant"],
)
def test_an_honest_gap_or_flag_is_not_accused(column):
    assert found(column) == []


@pytest.mark.parametrize("period", ["train", "validation", "test"])
def test_one_period_is_enough(period):
    (each,) = found(np.where(EVENT, NOISE, np.nan), periods=[period])
    assert each.period == period


def test_a_status_that_only_events_have_is_named_by_what_the_others_have():
    codes = np.where(EVENT & SOME, GENERATOR.integers(1, 3, ROWS), 0)
    (each,) = found(codes, categories=("open", "sued", "written off"))
    assert (each.outcome, each.instead_of) == ("with the event", "open")


def test_of_values_the_most_common_one_is_an_outcome_where_it_is_common():
    values = np.where(EVENT, 30 + 5 * NOISE, 0.0)
    (each,) = found(np.where(EVENT, NOISE, np.nan), values, "regression")
    assert each.outcome == "whose value is not 0"
    assert found(np.where(NOISE > 1, NOISE, np.nan), NOISE, "regression") == []


def test_too_few_of_an_outcome_tell_nothing():
    few = (np.arange(ROWS) < 19).astype(np.float64)
    assert found(np.where(few == 1, NOISE, np.nan), few) == []
