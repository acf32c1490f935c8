"""A batch date of a mart is empty only where there was nothing to make it from."""

from __future__ import annotations

import datetime as dt

import pytest

from expectations import audit, audit_of_tested
from expectations.emptiness import NAME, emptiness_checks
from nightshift.dates import BatchDates
from nightshift.declarations.tables import Agreement

DAY = dt.date(2013, 10, 2)
BEFORE, NEXT = DAY - dt.timedelta(days=1), DAY + dt.timedelta(days=1)


def agreement(table: str, days_before: int = 0) -> Agreement:
    return Agreement(name=table.replace(".", "_"), why="w", table=table, days_before=days_before)


def check(table, rows: dict[dt.date, int]):
    profiles = {date: {"rows": count} for date, count in rows.items()}
    (made,) = emptiness_checks(table, BatchDates(min(rows), max(rows)), profiles)
    return made


def test_an_empty_date_blocks_where_what_it_agrees_with_has_rows(published):
    published.publish(BEFORE, published.rows(BEFORE, flights=(1, 2, 3)))
    mart = published.declared(agrees_with=(agreement("silver.outcomes"), agreement("gold.scores", days_before=1)))
    made = check(mart, {DAY: 0, NEXT: 4})
    assert (made.passed, made.consequence) == (False, "blocks")
    assert made.examples == [{"batch_date": str(DAY), "rows of gold.scores": 3, "other batch date": str(BEFORE)}]
    # What it would be made from came a day earlier, so that the next date may be empty.
    assert check(mart, {DAY: 4, NEXT: 0}).passed


@pytest.mark.parametrize(
    ("agreements", "rows", "passed"),
    [
        ((agreement("silver.outcomes"),), {DAY: 0}, True),  # the first date: no outcomes yet
        ((), {DAY: 0}, False),  # nothing explains it
        ((), {DAY: 0, NEXT: 1}, False),  # one date of a range
        ((), {DAY: 1, NEXT: 1}, True),
    ],
)
def test_what_explains_an_empty_date(published, agreements, rows, passed):
    assert check(published.declared(agrees_with=agreements), rows).passed is passed


@pytest.mark.parametrize(("expected_rows", "blocking"), [(2, set()), (None, {NAME})])
def test_both_audits_ask_for_it_where_rows_are_not_counted_in(published, expected_rows, blocking):
    dates = BatchDates(DAY, NEXT)
    for audit_of in (audit, audit_of_tested([])):
        report = audit_of(published.frame(published.rows(DAY)), published.declared(), dates, expected_rows)
        assert {check.name for check in report.blocking} == blocking
