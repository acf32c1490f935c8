"""Champion and challenger are compared on days that neither was made from, as far as there are any."""

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pytest

from nightshift.dates import BatchDates
from training.data.dataset import Part
from training.judging.comparable_days import Footing

TEST = BatchDates.parse("2013-10-01..2013-12-31")
# Two rows of each day.
DAYS = np.repeat(np.arange(TEST.first, TEST.last + dt.timedelta(days=1), dtype="datetime64[D]"), 2)


def footing(tags, days=DAYS, units=None):
    part = Part(np.zeros((len(days), 1), np.float32), np.zeros(len(days)), np.ones(len(days)), days, units)
    return Footing.of(SimpleNamespace(version=3, tags=tags), TEST, part)


@pytest.mark.parametrize("own", ["2013-09-01..2013-09-30", "2013-10-01..2013-12-31", "2013-09-25..2013-10-24"])
def test_a_champion_whose_own_test_begins_no_later_has_seen_nothing(own):
    """It was trained and tuned before its own test."""
    found = footing({"period.test": own})
    assert found.rows.all()
    assert found.flattered == ""


def test_days_that_the_champion_was_tuned_on_are_named_and_left_out():
    """Trained on 2013-01-01..11-30: October chose its trees, rounds and threshold."""
    found = footing({"period.test": "2013-11-01..2013-11-30"})
    assert np.array_equal(found.rows, np.datetime64("2013-11-01") <= DAYS)
    assert (
        "On 2013-10-01..2013-10-31 of this test period the measures of champion version 3 flatter it" in found.flattered
    )
    assert found.flattered.endswith("The gain over it is measured on 2013-11-01..2013-12-31 alone.")


@pytest.mark.parametrize(
    ("own", "seen", "is_fair"),
    [
        ("2013-12-18..2014-01-23", "2013-10-01..2013-12-17", True),
        ("2013-12-19..2014-01-24", "2013-10-01..2013-12-18", False),
        ("2014-02-01..2014-02-28", "2013-10-01..2013-12-31", False),
    ],
)
def test_where_too_few_days_are_left_all_are_compared_and_it_is_said(own, seen, is_fair):
    found = footing({"period.test": own})
    assert found.rows.sum() == (2 * 14 if is_fair else len(DAYS))
    assert f"On {seen} of this test period" in found.flattered
    assert ("in its favour" in found.flattered) == (not is_fair)


def test_days_without_rows_are_no_days():
    with_rows = DAYS[(np.datetime64("2013-12-28") != DAYS)]
    assert footing({"period.test": "2013-12-18..2014-01-23"}, with_rows).rows.all()


def test_a_single_later_day_is_enough_where_the_unit_is_a_customer():
    customers = np.arange(len(DAYS), dtype=np.uint64)
    found = footing({"period.test": "2013-12-22..2014-01-24"}, units=customers)
    assert found.rows.sum() == 2 * 10
    assert footing({"period.test": "2013-12-23..2014-01-24"}, units=customers).rows.all()


@pytest.mark.parametrize("tags", [{}, {"period.test": "last month"}])
def test_a_champion_of_unknown_periods_is_not_taken_for_one_that_has_seen_nothing(tags):
    found = footing(tags)
    assert found.rows.all()
    assert "champion version 3 was made is not known" in found.flattered
