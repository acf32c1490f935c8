"""Public holidays as a small table of dates."""

from __future__ import annotations

import bisect
import datetime as dt
from typing import TYPE_CHECKING

from nightshift.dates import BatchDates

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SCHEMA = "date date, holiday string, days_to_holiday int, days_since_holiday int"
CalendarRow = tuple[dt.date, str | None, int | None, int | None]


def calendar(spark: SparkSession, country: str | None, subdivision: str | None, dates: BatchDates) -> DataFrame:
    """One row per date: its public holiday, if any, and the days to the next and since the last."""
    return spark.createDataFrame(calendar_rows(country, subdivision, dates), SCHEMA)


def calendar_rows(country: str | None, subdivision: str | None, dates: BatchDates) -> list[CalendarRow]:
    """The rows of the calendar, from the laws in force in the years around the dates.

    Null is the distance to a holiday that is not in the date's own year or the one beside it, as where a country has
    suspended its holidays, or the library knows none; and everything without a country.
    """
    names = _holidays(country, subdivision, range(dates.first.year - 1, dates.last.year + 2)) if country else {}
    days = sorted(names)
    rows: list[CalendarRow] = []
    for date in dates:
        # Looked for as if the date were alone: a range of years gives what its dates give.
        coming = [day for day in days[bisect.bisect_left(days, date) :][:1] if day.year <= date.year + 1]
        past = [day for day in days[: bisect.bisect_right(days, date)][-1:] if day.year >= date.year - 1]
        rows.append(
            (
                date,
                names.get(date),
                (coming[0] - date).days if coming else None,
                (date - past[0]).days if past else None,
            )
        )
    return rows


def _holidays(country: str, subdivision: str | None, years: range) -> dict[dt.date, str]:
    import holidays

    known = [year for year in years if dt.MINYEAR <= year <= dt.MAXYEAR]
    return dict(holidays.country_holidays(country, subdiv=subdivision, years=known))
