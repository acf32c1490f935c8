"""Which deliveries bring the labels of a batch date, as `target` in use_case.yaml declares it."""

from __future__ import annotations

import datetime as dt

from nightshift.dates import BatchDates
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


def read_for(use_case: UseCase, dates: BatchDates) -> BatchDates:
    """The deliveries of the target's table from which a training takes the labels of some batch dates.

    Where any delivery may bring a label, those before the first date, as far back as the maturity, tell which cases
    were known before they were scored.
    """
    calendar, maturity = use_case.calendar, use_case.maturity
    step = calendar.last_due if is_by_maturity(use_case) else calendar.due
    return use_case.between(step(dates.first, maturity), calendar.due(dates.last, maturity))
