"""What intervals rest on, or why there are none and what to do."""

import numpy as np
import pytest

from tests.training.judged import use_case
from training.data.dataset import Part
from training.judging.interval_basis import IntervalBasis
from training.judging.metrics import GroupedJackknife


def basis(dates, units=None, unit="batch_date"):
    rows = len(dates)
    days = np.datetime64("2024-01-01") + np.asarray(dates)
    part = Part(np.zeros((rows, 1), np.float32), np.zeros(rows), np.ones(rows), days, units)
    jackknife = GroupedJackknife(part.days, part.weights, part.units)
    return IntervalBasis.of(use_case(independent_unit=unit).training, part, jackknife)


def test_dates_do_not_cover_other_seasons():
    found = basis(np.arange(30).repeat(2))
    assert found.words == (
        "Intervals rest on 15 groups of neighbouring batch dates, 30 batch dates in all. They do not cover seasons and "
        "events that the test period has not seen."
    )


def test_customers_do_not_cover_what_hits_them_all():
    found = basis(np.zeros(30_000, int), np.arange(30_000, dtype=np.uint64), "client_id")
    assert found.words.startswith(
        "Intervals rest on 50 groups of 30,000 client_id. They do not cover a change that hits"
    )
    assert found.words.endswith("as the test has 1 batch date only.")


def test_where_dates_are_many_customers_are_told_with_them():
    found = basis(np.arange(30).repeat(100), np.arange(3000, dtype=np.uint64), "client_id")
    assert found.words == (
        "Intervals rest on 50 groups of 3,000 client_id, or on 15 groups of neighbouring batch dates, 30 batch dates "
        "in all, where these give the wider one. They do not cover seasons and events that the test period has not "
        "seen."
    )


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (basis([0]), ("1 batch date of the test period have rows", "test_deliveries", "`training.independent_unit`")),
        (basis(np.arange(13)), ("13 batch dates of the test period have rows", "14 are needed: raise test_days")),
        (
            basis(np.append(np.arange(20), np.zeros(300, int))),
            ("the 20 batch dates of the test period tell as much as 1 of equally many rows", "10 are needed: raise"),
        ),
        (
            basis(np.zeros(300, int), np.append(np.arange(50), np.zeros(250)).astype(np.uint64), "branch"),
            ("have 50 values of branch", "as much as 1 of equally many rows", "20 are needed: name a column of more"),
        ),
    ],
)
def test_too_few_are_said_with_what_to_do(found, says):
    assert not found.is_known
    assert [words for words in says if words not in found.lacking] == []
    assert found.words == f"No interval could be computed: {found.lacking}."
