"""Audit of the landed statements."""

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
    """What a plausible month looks like."""
    yield warns(
        gxe.UnexpectedRowsExpectation,
        name="some_statements_are_one_month_late",
        why="The sample has next to none before September 2005, when 12 % are: a state that a system began to report.",
        unexpected_rows_query=(
            "SELECT batch_date, count_if(pay_status = 1) AS one_month_late, count(*) AS statements FROM {batch} "
            "GROUP BY batch_date HAVING count_if(pay_status = 1) > 0.05 * count(*)"
        ),
    )
