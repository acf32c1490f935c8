"""Audit of the landed weather."""

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
    """What a complete day of observations has."""
    yield warns(
        gxe.UnexpectedRowsExpectation,
        name="stations_report_most_hours",
        why="The evening's observations are features; a station that fell silent leaves them missing.",
        unexpected_rows_query=(
            "SELECT batch_date, origin, count(*) AS hours FROM {batch} GROUP BY batch_date, origin HAVING count(*) < 18"
        ),
    )
