"""Batch dates: the only notion of time below the DAGs.

A batch date names a delivery. Every job takes an inclusive range of them; a night is a range of one. A calendar numbers
the batch dates in order, and whatever counts deliveries counts these numbers. Nothing here looks at a clock.
"""

from nightshift.dates.batch_dates import ALLOWED, BatchDates, as_ranges, parse_date, shifted
from nightshift.dates.calendars import (
    DAILY,
    WEEKDAYS,
    Calendar,
    Length,
    Listed,
    Monthly,
    Weekly,
    calendar_from,
    calendar_values,
    near,
)

__all__ = [
    "ALLOWED",
    "DAILY",
    "WEEKDAYS",
    "BatchDates",
    "Calendar",
    "Length",
    "Listed",
    "Monthly",
    "Weekly",
    "as_ranges",
    "calendar_from",
    "calendar_values",
    "near",
    "parse_date",
    "shifted",
]
