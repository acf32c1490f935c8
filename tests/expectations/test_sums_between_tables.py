"""Sums that must agree between tables are checked against what is published."""

from __future__ import annotations

import datetime as dt

import pytest

from expectations.checks_beside_suite import look_further
from expectations.sums_between_tables import agreement_checks
from nightshift import ledger
from nightshift.dates import BatchDates
from nightshift.declarations.tables import Agreement
from nightshift.errors import NightshiftError

DAY = dt.date(2013, 10, 2)
BEFORE = DAY - dt.timedelta(days=1)
NIGHT = BatchDates.of(DAY)


def agreement(**changes) -> Agreement:
    """As many flights as the day before: a table may be compared with itself, too."""
    return Agreement(
        **{"name": "as_many", "why": "The same flights every day.", "table": "gold.scores", "days_before": 1, **changes}
    )


def evaluated(published, rows, *agreements, dates=NIGHT):
    return list(agreement_checks(published.frame(*rows), published.declared(agrees_with=agreements), dates))


def test_equal_sums_pass_and_others_block(published):
    published.publish(BEFORE, published.rows(BEFORE))
    agreements = (
        agreement(),
        agreement(name="as_probable", own="sum(probability)", other="sum(probability)"),
        agreement(name="same_flights", own="sum(flight)", other="sum(flight)"),
    )
    checks = evaluated(published, [published.rows(DAY, flights=(1, 3))], *agreements)
    assert [(check.name, check.passed) for check in checks] == [
        ("as_many", True),
        ("as_probable", True),
        ("same_flights", False),
    ]
    assert {check.consequence for check in checks} == {"blocks"}
    assert checks[2].examples == [
        {"batch_date": str(DAY), "own": 4, "other": 3, "other batch date": str(BEFORE)},
    ]


def test_fractions_may_be_summed_in_another_order(published):
    published.publish(BEFORE, published.rows(BEFORE, flights=range(3), probability=0.1))
    sums = agreement(own="0.1D + 0.2D", other="max(0.3D)")
    assert evaluated(published, [published.rows(DAY)], sums)[0].passed


def test_sums_beyond_a_double_or_a_whole_number_are_compared_all_the_same(published):
    most = 1.7976931348623157e308
    published.publish(BEFORE, published.rows(BEFORE, flights=(2**31 - 1, 2**31 - 2, 2**31 - 3), probability=most))
    agreements = (
        agreement(name="doubles", own="sum(probability)", other="sum(probability)"),
        agreement(
            name="whole_numbers", own="sum(flight * 4611686018427387904L)", other="sum(flight * 4611686018427387904L)"
        ),
        # No share of a product of two, nor of a condition, is one of each.
        agreement(name="squares", own="sum(probability * probability)", other="sum(probability * probability)"),
        agreement(name="conditions", own="count_if(probability > 1)", other="count_if(probability > 1)"),
    )
    same = [published.rows(DAY, flights=(2**31 - 1, 2**31 - 2, 2**31 - 3), probability=most)]
    assert [check.passed for check in evaluated(published, same, *agreements)] == [True, True, False, True]
    other = [published.rows(DAY, flights=(2**31 - 1, 2**31 - 2), probability=most)]
    assert [check.passed for check in evaluated(published, other, *agreements)] == [False, False, False, False]


def test_each_date_of_a_range_is_compared(published):
    for date, flights in ((BEFORE, (1, 2)), (DAY, (1, 2, 3))):
        published.publish(date, published.rows(date, flights))
    after = DAY + dt.timedelta(days=1)
    rows = [published.rows(DAY, (1, 2)), published.rows(after, (1, 2))]
    (check,) = evaluated(published, rows, agreement(), dates=BatchDates(DAY, after))
    assert [example["batch_date"] for example in check.examples] == [str(after)]


def test_a_date_without_rows_has_a_sum_of_nothing(published):
    # The ledger is shared by all tests: a month of its own.
    date = dt.date(2013, 6, 2)
    before = date - dt.timedelta(days=1)
    published.publish(date, published.rows(date))
    common = {"use_case": "flight_delays", "stage": "score", "table_name": "gold.scores", "run_id": "test"}
    with ledger.attempt(common, {before: {}}) as record:
        record.published(0, {before: 0})
    (check,) = evaluated(published, [published.rows(date)], agreement(), dates=BatchDates.of(date))
    assert check.examples == [{"batch_date": str(date), "own": 2, "other": 0, "other batch date": str(before)}]


def test_an_empty_slice_agrees_with_one_that_was_never_published(published):
    (check,) = evaluated(published, [], agreement())
    assert check.passed


def test_what_was_never_published_cannot_agree(published):
    with pytest.raises(NightshiftError, match=f"gold/flight_delays/scores was never published for {BEFORE}"):
        evaluated(published, [published.rows(DAY)], agreement())


def test_an_agreement_that_cannot_be_evaluated_blocks(published):
    published.publish(BEFORE, published.rows(BEFORE))
    table = published.declared(agrees_with=(agreement(own="sum(no_such_column)"),))
    found = look_further(published.frame(published.rows(DAY)), table, NIGHT, expected_rows=2)
    (check,) = [check for check in found.checks if not check.passed]
    assert (check.name, check.consequence) == ("sums_agree_between_tables", "blocks")
    assert "no_such_column" in check.observed


def test_before_the_first_batch_date_there_is_nothing_to_agree_with(published):
    first = dt.date(2013, 1, 1)
    (check,) = evaluated(published, [published.rows(first)], agreement(), dates=BatchDates.of(first))
    assert check.passed
