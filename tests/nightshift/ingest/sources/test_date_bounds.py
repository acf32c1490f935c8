"""Which rows of a database belong to a batch date: no day is left out, and none is in two."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from nightshift.dates import DAILY, BatchDates, Calendar, Monthly, Weekly
from nightshift.ingest.sources.date_bounds import slices

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("calendar", "days_before", "expected"),
    [
        (DAILY, 0, ["[2024-03-30, 2024-03-31)", "[2024-03-31, 2024-04-01)"]),
        (DAILY, 1, ["[2024-03-29, 2024-03-30)", "[2024-03-30, 2024-03-31)"]),
        (Weekly(6), 0, ["[2024-03-18, 2024-03-25)", "[2024-03-25, 2024-04-01)"]),
        (Weekly(6), 1, ["[2024-03-17, 2024-03-24)", "[2024-03-24, 2024-03-31)"]),
        (Monthly(None), 0, ["[2024-02-01, 2024-03-01)", "[2024-03-01, 2024-04-01)"]),
        (Monthly(1), 1, ["[2024-01-01, 2024-02-01)", "[2024-02-01, 2024-03-01)"]),
    ],
)
def test_a_batch_date_has_the_days_since_the_one_before(
    calendar: Calendar, days_before: int, expected: list[str]
) -> None:
    dates = list(BatchDates(dt.date(2024, 2, 1), dt.date(2024, 3, 31), calendar))[-2:]
    assert [str(each) for each in slices(dates, None, days_before, calendar)] == expected


@pytest.mark.parametrize("zone", [None, NEW_YORK])
@pytest.mark.parametrize("calendar", [DAILY, Weekly(2), Monthly(10)])
def test_each_slice_begins_where_the_one_before_ends(calendar: Calendar, zone: ZoneInfo | None) -> None:
    year = slices(list(BatchDates(dt.date(2024, 1, 1), dt.date(2024, 12, 31), calendar)), zone, 1, calendar)
    assert all(one.end == other.first for one, other in pairwise(year))
