"""Public holidays as a small table of dates."""

from __future__ import annotations

import bisect
import datetime as dt
from typing import TYPE_CHECKING

from nightshift.dates import BatchDates

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SCHEMA = "date date, holiday string, days_to_holiday int, days_since_holiday int"


def calendar(spark: SparkSession, country: str, dates: BatchDates) -> DataFrame:
    """One row per date: its public holiday, if any, and the days to the next and since the last."""
    return spark.createDataFrame(calendar_rows(country, dates), SCHEMA)


def calendar_rows(country: str, dates: BatchDates) -> list[tuple[dt.date, str | None, int, int]]:
    """The rows of the calendar, from the laws in force in the years around the dates."""
    import holidays

    # A year on both sides, so that there is a last and a next holiday.
    years = range(dates.first.year - 1, dates.last.year + 2)
    names: dict[dt.date, str] = dict(holidays.country_holidays(country, years=years))
    days = sorted(names)
    rows = []
    for date in dates:
        coming = days[bisect.bisect_left(days, date)]
        last = days[bisect.bisect_right(days, date) - 1]
        rows.append((date, names.get(date), (coming - date).days, (date - last).days))
    return rows
