import datetime as dt

import pytest

from nightshift.dates import BatchDates, as_ranges, parse_date
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
        BatchDates.parse("2013-10-01..2013-10-03").within(2)


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
    found = as_ranges((dt.date(2013, 10, day) for day in days), longest)
    assert [str(dates) for dates in found] == ranges
