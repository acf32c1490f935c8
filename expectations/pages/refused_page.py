"""Batch dates whose delivery was refused: kept until they land, and shown first on the pages of their use case."""

from __future__ import annotations

from collections.abc import Iterable

from expectations.pages.index_page import index_lock, read_refused, render, write_refused
from nightshift.dates import BatchDates


def show_refused(use_case: str, dates: BatchDates, reason: str) -> None:
    """Put batch dates on the page as refused, with the reason; one that is there gets the new reason."""
    with index_lock(use_case):
        found = read_refused(use_case)
        write_refused(use_case, {**found, **{str(date): reason for date in dates}})
        render(use_case)


def show_landed(use_case: str, dates: Iterable[object]) -> None:
    """Take batch dates off the page again; nothing is written where none was on it."""
    landed = {str(date) for date in dates}
    if not landed & read_refused(use_case).keys():
        return
    with index_lock(use_case):
        found = read_refused(use_case)
        write_refused(use_case, {date: reason for date, reason in found.items() if date not in landed})
        render(use_case)
