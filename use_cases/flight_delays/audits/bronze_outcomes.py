"""Audit of the landed outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import great_expectations.expectations as gxe

from expectations.blocks_or_warns import warns
from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def expectations(table: Table, dates: BatchDates) -> Iterator[Expectation]:
    """What a plausible day looks like."""
    yield warns(
        gxe.UnexpectedRowsExpectation,
        name="cancellations_are_plausible",
        why="On the worst day of 2013, 9 February, 57 % of the flights were cancelled; far more is a fault.",
        unexpected_rows_query=(
            "SELECT batch_date, count_if(cancelled) AS cancelled, count(*) AS flights FROM {batch} "
            "GROUP BY batch_date HAVING count_if(cancelled) > 0.7 * count(*)"
        ),
    )
