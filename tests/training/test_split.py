"""The split follows time and leaves no day out."""

import pytest

from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError
from training.split import Periods


def test_september_is_test_august_tunes_and_the_rest_trains():
    periods = Periods.at_end(BatchDates.parse("2013-01-01..2013-09-30"), validation_days=31, test_days=30)
    assert [str(period) for _, period in periods.items()] == [
        "2013-01-01..2013-07-31",
        "2013-08-01..2013-08-31",
        "2013-09-01..2013-09-30",
    ]


def test_a_range_too_short_for_three_periods_is_refused_with_what_is_needed():
    with pytest.raises(NightshiftError, match=r"has 3 batch dates; 2 to validate, 1 to test .* make 4"):
        Periods.at_end(BatchDates.parse("2013-01-01..2013-01-03"), validation_days=2, test_days=1)


@pytest.mark.parametrize(("validation_days", "test_days"), [(0, 1), (1, 0), (-1, 1)])
def test_no_period_may_be_empty(validation_days, test_days):
    with pytest.raises(NightshiftError, match="at least one"):
        Periods.at_end(BatchDates.parse("2013-01-01..2013-01-31"), validation_days, test_days)
