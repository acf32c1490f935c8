"""A key must not come back within the days that a table asks for."""

from __future__ import annotations

import datetime as dt

from expectations.uniqueness import uniqueness_checks
from nightshift.dates import BatchDates, Weekly

DAY = dt.date(2013, 10, 2)
STEP = dt.timedelta(days=1)
NIGHT = BatchDates.of(DAY)


def evaluated(published, rows, days, dates=NIGHT):
    return list(uniqueness_checks(published.frame(*rows), published.declared(unique_for_days=days), dates))


def test_a_key_of_the_days_before_or_after_blocks(published):
    published.publish(DAY - 2 * STEP, published.rows(DAY - 2 * STEP, flights=(7, 8)))
    published.publish(DAY + STEP, published.rows(DAY + STEP, flights=(9,)))
    (check,) = evaluated(published, [published.rows(DAY, flights=(1, 7, 9))], days=2)
    assert (check.passed, check.consequence, check.failed_rows) == (False, "blocks", 2)
    found = {(example["flight"], example["also_on"]) for example in check.examples}
    assert found == {(7, DAY - 2 * STEP), (9, DAY + STEP)}


def test_days_out_of_reach_do_not_count(published):
    published.publish(DAY - 2 * STEP, published.rows(DAY - 2 * STEP, flights=(7, 8)))
    (check,) = evaluated(published, [published.rows(DAY, flights=(7, 8))], days=1)
    assert check.passed


def test_a_slice_may_replace_itself(published):
    published.publish(DAY, published.rows(DAY, flights=(1, 2)))
    (check,) = evaluated(published, [published.rows(DAY, flights=(1, 2))], days=3)
    assert check.passed


def test_dates_of_one_range_are_compared_with_each_other(published):
    rows = [published.rows(DAY, flights=(1, 2)), published.rows(DAY + STEP, flights=(2, 3))]
    (check,) = evaluated(published, rows, days=1, dates=BatchDates(DAY, DAY + STEP))
    assert {example["flight"] for example in check.examples} == {2}
    far = [published.rows(DAY, flights=(1, 2)), published.rows(DAY + 3 * STEP, flights=(2, 3))]
    (check,) = evaluated(published, far, days=2, dates=BatchDates(DAY, DAY + 3 * STEP))
    assert check.passed


def test_deliveries_are_counted_in_the_calendar(published):
    weeks = [DAY - each * 7 * STEP for each in (2, 1, 0)]
    for number, date in enumerate(weeks[:2]):
        published.publish(date, published.rows(date, flights=(7 + number,)))
    table = published.declared(unique_for_deliveries=1)
    night = BatchDates.of(DAY, Weekly(DAY.weekday()))
    (check,) = uniqueness_checks(published.frame(published.rows(DAY, flights=(7, 8))), table, night)
    assert {(each["flight"], each["also_on"]) for each in check.examples} == {(8, weeks[1])}
    assert check.observed == "compared with 1 delivery before and after"


def test_a_table_that_does_not_ask_is_not_read(published):
    assert evaluated(published, [published.rows(DAY)], days=0) == []


def test_personal_data_is_not_in_the_examples(published):
    published.publish(DAY - STEP, published.rows(DAY - STEP, flights=(7,)))
    columns = tuple(
        column.model_copy(update={"pii": "identifier"}) if column.name == "carrier" else column
        for column in published.table.columns
    )
    table = published.declared(unique_for_days=1, columns=columns)
    (check,) = uniqueness_checks(published.frame(published.rows(DAY, flights=(7,))), table, NIGHT)
    assert check.examples[0]["carrier"] == "(personal data)"
