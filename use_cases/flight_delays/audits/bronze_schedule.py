"""Audit of the landed schedule."""

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
    """Volume and breadth of a normal day."""
    yield warns(
        gxe.ExpectTableRowCountToBeBetween,
        name="flights_per_day_are_usual",
        why="A day of 2013 has 634 to 1,014 flights; far fewer means that the delivery is cut.",
        min_value=300 * len(dates),
        max_value=1500 * len(dates),
    )
    yield warns(
        gxe.ExpectColumnDistinctValuesToContainSet,
        name="all_origins_are_there",
        why="An airport without a single flight has been left out of the export, or is closed.",
        column="origin",
        value_set=["EWR", "JFK", "LGA"],
    )
