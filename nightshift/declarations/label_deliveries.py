"""Which deliveries bring the labels of a batch date, as `target` in use_case.yaml declares it."""

from __future__ import annotations

import datetime as dt

from nightshift.dates import BatchDates
from nightshift.declarations.dates_section import CALENDAR_FILE
from nightshift.declarations.training_section import BY_MATURITY
from nightshift.declarations.use_case import UseCase


def is_by_maturity(use_case: UseCase) -> bool:
    """Whether any delivery up to the maturity may bring a label, and not only the one at it."""
    return use_case.target.arrives == BY_MATURITY


def bringing(use_case: UseCase, date: dt.date) -> list[dt.date]:
    """The deliveries that may bring labels of a batch date; the last of them may be one that never comes."""
    calendar = use_case.calendar
    due = calendar.due(date, use_case.maturity)
    if not is_by_maturity(use_case):
        return [due]
    after = calendar.later(date, 1)
    # Beyond a list of dates, what is due is no batch date.
    return [*(use_case.between(after, due) if after <= due else ()), *(() if due in calendar else (due,))]


def labels_due(use_case: UseCase, date: dt.date) -> dt.date | None:
    """The delivery with which the last label of a batch date comes; None where the list of dates ends before it."""
    due = use_case.calendar.due(date, use_case.maturity)
    return due if due in use_case.calendar else None


def due_in_words(due: dt.date | None) -> str:
    """When labels come, as in "the labels come …"."""
    return f"after the end of {CALENDAR_FILE}" if due is None else f"on {due}"


def read_for(use_case: UseCase, dates: BatchDates) -> BatchDates:
    """The deliveries of the target's table from which a training takes the labels of some batch dates.

    Where any delivery may bring a label, all those before tell which cases were known before they were scored.
    """
    calendar, maturity = use_case.calendar, use_case.maturity
    first = use_case.dates.first if is_by_maturity(use_case) else calendar.due(dates.first, maturity)
    return use_case.between(first, calendar.due(dates.last, maturity))
