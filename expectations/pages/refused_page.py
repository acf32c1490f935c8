"""Batch dates whose delivery was refused: kept until they land, and shown first on the pages of their use case."""

from __future__ import annotations

from collections.abc import Iterable

from expectations.pages.index_page import index_lock, read_refused, render, write_refused
from nightshift.dates import BatchDates
from nightshift.declarations.use_case import UseCase


def show_refused(use_case: UseCase, dates: BatchDates, reason: str) -> None:
    """Put batch dates on the page as refused, with the reason; one that is there gets the new reason."""
    with index_lock(use_case.name):
        found = read_refused(use_case.home, use_case.name)
        write_refused(use_case.home, use_case.name, {**found, **{str(date): reason for date in dates}})
        render(use_case.home, use_case.name)


def show_landed(use_case: UseCase, dates: Iterable[object]) -> None:
    """Take batch dates off the page again; nothing is written where none was on it."""
    landed = {str(date) for date in dates}
    if not landed & read_refused(use_case.home, use_case.name).keys():
        return
    with index_lock(use_case.name):
        found = read_refused(use_case.home, use_case.name)
        write_refused(
            use_case.home, use_case.name, {date: reason for date, reason in found.items() if date not in landed}
        )
        render(use_case.home, use_case.name)
