"""Whether a table is as fresh as its declaration says."""

from __future__ import annotations

import datetime as dt

from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase


def overdue(table: Table, use_case: UseCase, newest: dt.date | None, now: dt.datetime) -> dt.timedelta | None:
    """By how much a table is older than `freshness_hours` allows; None where it is fresh.

    Its age is counted from the midnight, in the use case's time zone, with which its newest batch date begins. A table
    without a newest batch date is as old as the day before its first one. Nothing is overdue that has no
    `freshness_hours`, or has the last batch date that the use case will ever have.

    Args:
        newest: its newest published batch date; None if nothing was published yet.
        now: an instant, with a time zone.
    """
    if now.tzinfo is None:
        raise ValueError("now must have a time zone: it is compared with midnight in the use case's zone")
    if table.freshness_hours is None:
        return None
    if newest is None:
        first = use_case.dates.first
        newest = (first if table.source is None else table.source.starts(first)) - dt.timedelta(days=1)
    if use_case.dates.last is not None and newest >= use_case.dates.last:
        return None
    midnight = dt.datetime.combine(newest, dt.time(), tzinfo=use_case.zone)
    # As instants: in one zone, Python would take a day of 23 or 25 hours for one of 24.
    age = now.astimezone(dt.UTC) - midnight.astimezone(dt.UTC)
    late = age - dt.timedelta(hours=table.freshness_hours)
    return late if late > dt.timedelta() else None
