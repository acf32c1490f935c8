import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.dates import (
    DAILY,
    BatchDates,
    Length,
    Listed,
    Monthly,
    Weekly,
    as_ranges,
    calendar_from,
    calendar_values,
    parse_date,
)
from nightshift.errors import NightshiftError


def test_one_date_is_a_range_of_one():
    dates = BatchDates.parse("2013-10-01")
    assert list(dates) == [dt.date(2013, 10, 1)]
    assert str(dates) == "2013-10-01"


def test_a_range_includes_both_ends():
    dates = BatchDates.parse("2013-02-27..2013-03-02")
    assert [date.day for date in dates] == [27, 28, 1, 2]
    assert len(dates) == 4
    assert dt.date(2013, 3, 2) in dates
    assert dt.date(2013, 3, 3) not in dates


@pytest.mark.parametrize(
    "text",
    [
        "2013-10-01' OR 1=1",  # SQL
        "../../etc",  # a path
        "2013-10-03..2013-10-01",  # ends before its start
        "2013-02-30",  # no day of the calendar
        "2013-1-1",  # not ISO
        "٢٠١٣-١٠-٠١",  # digits, but not the ASCII ones
        "2013-10-01..",  # open end
        "2013-10-01..2013-10-02..2013-10-03",
        "",
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(text):
    with pytest.raises(NightshiftError, match="allowed are one date like"):
        BatchDates.parse(text)


def test_a_range_over_the_limit_is_refused():
    with pytest.raises(NightshiftError, match="has 3 dates, and one run may have 2"):
        BatchDates.parse("2013-10-01..2013-10-03").within(Length(2, "deliveries"))


def test_predicate_names_typed_dates():
    predicate = BatchDates.parse("2013-10-01..2013-10-03").sql()
    assert predicate == "batch_date >= DATE'2013-10-01' AND batch_date <= DATE'2013-10-03'"


def test_non_ascii_digits_are_no_date():
    with pytest.raises(NightshiftError):
        parse_date("2013-10-0１")


@pytest.mark.parametrize(
    ("days", "longest", "ranges"),
    [
        ([], None, []),
        ([3, 1, 2, 2], None, ["2013-10-01..2013-10-03"]),  # in any order, some twice
        ([1, 3, 4, 9], None, ["2013-10-01", "2013-10-03..2013-10-04", "2013-10-09"]),  # gaps
        ([1, 2, 3, 4, 5], 2, ["2013-10-01..2013-10-02", "2013-10-03..2013-10-04", "2013-10-05"]),
    ],
)
def test_dates_become_few_ranges(days, longest, ranges):
    found = as_ranges((dt.date(2013, 10, day) for day in days), longest and Length(longest))
    assert [str(dates) for dates in found] == ranges


SUNDAYS, MONTHS_END, FIRSTS = Weekly(6), Monthly(None), Monthly(1)
TRADING = Listed(tuple(dt.date(2024, 1, day) for day in (2, 3, 5, 8, 9, 12)), "batch_dates.txt")
CALENDARS = (DAILY, SUNDAYS, MONTHS_END, FIRSTS, Monthly(28), TRADING)
EVERY = pytest.mark.parametrize("calendar", CALENDARS, ids=lambda each: each.words)


def day(text):
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("calendar", "asked", "expected"),
    [
        (SUNDAYS, "2024-01-01..2024-01-31", ["2024-01-07", "2024-01-14", "2024-01-21", "2024-01-28"]),
        (MONTHS_END, "2024-01-15..2024-04-30", ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]),
        (FIRSTS, "2023-12-01..2024-02-28", ["2023-12-01", "2024-01-01", "2024-02-01"]),
        (TRADING, "2024-01-01..2024-01-08", ["2024-01-02", "2024-01-03", "2024-01-05", "2024-01-08"]),
    ],
)
def test_a_range_has_the_batch_dates_of_its_calendar(calendar, asked, expected):
    dates = BatchDates.parse(asked, calendar)
    assert [str(date) for date in dates] == expected
    assert len(dates) == len(expected)
    assert str(dates) == f"{expected[0]}..{expected[-1]}"
    assert day(expected[0]) - dt.timedelta(days=1) not in dates


@pytest.mark.parametrize("text", ["2024-01-01", "2024-01-01..2024-01-06"])
def test_a_day_that_is_no_batch_date_is_refused_with_those_around_it(text):
    with pytest.raises(
        NightshiftError, match="is no batch date: these are Sundays\nNext: take 2023-12-31, or 2024-01-07"
    ):
        BatchDates.parse(text, SUNDAYS)


@EVERY
@given(st.dates(dt.date(2023, 6, 1), dt.date(2025, 1, 1)), st.integers(0, 40))
def test_numbers_and_dates_are_the_same_thing(calendar, some_day, count):
    date = calendar.newest(max(some_day, day("2024-01-02")) if calendar == TRADING else some_day)
    assert date in calendar
    assert calendar.date(calendar.number(date)) == date
    assert calendar.next(date) == date
    assert calendar.number(date + dt.timedelta(days=1)) - calendar.number(date) in (0, 1)
    if calendar != TRADING:
        later = calendar.later(date, count)
        assert calendar.distance(date, later) == count
        assert calendar.later(later, -count) == date
        assert len(BatchDates(date, later, calendar)) == count + 1


@EVERY
@pytest.mark.parametrize(
    "length", [Length(1), Length(10), Length(45), Length(1, "deliveries"), Length(3, "deliveries")]
)
def test_what_is_due_with_a_delivery_has_come_with_it(calendar, length):
    for date in BatchDates(day("2024-01-01"), day("2024-01-12"), calendar):
        due = calendar.due(date, length)
        assert due > date
        if due not in calendar:
            continue  # The list ends before it.
        assert calendar.last_due(due, length) >= date
        if (before := calendar.later(due, -1)) >= date:
            assert calendar.last_due(before, length) < date


@pytest.mark.parametrize(
    ("calendar", "last", "length", "first"),
    [
        (DAILY, "2024-03-01", Length(28), "2024-02-03"),
        (DAILY, "2024-03-01", Length(28, "deliveries"), "2024-02-03"),
        (SUNDAYS, "2024-01-28", Length(28), "2024-01-07"),
        (SUNDAYS, "2024-01-28", Length(4, "deliveries"), "2024-01-07"),
        (MONTHS_END, "2024-03-31", Length(31), "2024-03-31"),
        (MONTHS_END, "2024-03-31", Length(32), "2024-02-29"),
        (MONTHS_END, "2024-03-31", Length(3, "deliveries"), "2024-01-31"),
        (TRADING, "2024-01-08", Length(3, "deliveries"), "2024-01-03"),
        (TRADING, "2024-01-08", Length(3), "2024-01-08"),
    ],
)
def test_a_window_counts_days_or_deliveries(calendar, last, length, first):
    assert str(calendar.begin(day(last), length)) == first


def test_beyond_a_list_nothing_is_a_batch_date():
    beyond = TRADING.due(day("2024-01-12"), Length(1, "deliveries"))
    assert beyond > day("2024-01-12")
    assert beyond not in TRADING
    assert day("2024-01-01") not in TRADING
    assert list(BatchDates(day("2023-12-01"), day("2024-02-01"), TRADING)) == list(TRADING.dates)


def test_ranges_without_gaps_follow_the_calendar():
    weeks = [day(text) for text in ("2024-01-07", "2024-01-14", "2024-01-28")]
    assert [str(each) for each in as_ranges(weeks, calendar=SUNDAYS)] == ["2024-01-07..2024-01-14", "2024-01-28"]
    assert len(as_ranges(weeks)) == 3


@pytest.mark.parametrize(
    ("longest", "ranges"),
    [
        (Length(2, "deliveries"), ["2024-01-07..2024-01-14", "2024-01-21..2024-01-28"]),
        (Length(15), ["2024-01-07..2024-01-21", "2024-01-28"]),
        (Length(14), ["2024-01-07..2024-01-14", "2024-01-21..2024-01-28"]),
    ],
)
def test_a_range_of_weeks_is_as_long_as_it_may_be(longest, ranges):
    weeks = [dt.date(2024, 1, day) for day in (7, 14, 21, 28)]
    assert [str(each) for each in as_ranges(weeks, longest, SUNDAYS)] == ranges
    whole = BatchDates(weeks[0], weeks[-1], SUNDAYS)
    with pytest.raises(NightshiftError, match=rf"one run may have {longest} \(`max_range_{longest.unit}` in use_case"):
        whole.within(longest)
    assert whole.within(Length(4, "deliveries")) == whole.within(Length(22)) == whole


@EVERY
def test_a_calendar_can_be_written_down(calendar):
    assert calendar_from(json.loads(json.dumps(calendar_values(calendar)))) == calendar


@EVERY
def test_sql_numbers_neighbours_by_one(spark, calendar):
    dates = list(BatchDates(day("2023-11-01"), day("2024-04-30"), calendar))
    rows = spark.createDataFrame([(date,) for date in dates], "batch_date date")
    found = [row[0] for row in rows.selectExpr(calendar.number_sql("batch_date")).collect()]
    assert [number - found[0] for number in found] == list(range(len(dates)))


@pytest.mark.parametrize(
    ("length", "words"), [(Length(1), "1 day"), (Length(28), "28 days"), (Length(1, "deliveries"), "1 delivery")]
)
def test_a_length_says_what_it_counts(length, words):
    assert str(length) == words
