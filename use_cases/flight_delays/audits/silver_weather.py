"""Audit of the refined weather."""

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
    """The evening is there."""
    yield warns(
        gxe.UnexpectedRowsExpectation,
        name="evening_is_observed",
        why="The weather features are those of the last evening; without it they are missing.",
        unexpected_rows_query=(
            "SELECT batch_date, origin, max(local_hour) AS last_hour FROM {batch} "
            "GROUP BY batch_date, origin HAVING max(local_hour) < 20"
        ),
    )
