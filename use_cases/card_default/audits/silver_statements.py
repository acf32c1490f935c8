"""Audit of the refined statements."""

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
    """Every client known, and bills that fit the limits."""
    yield warns(
        gxe.ExpectColumnValuesToNotBeNull,
        name="clients_are_known",
        why="A statement of a client whom the bank's list lacks has no limit, and no group to judge fairness by.",
        column="credit_limit",
        mostly=0.999,
    )
    yield warns(
        gxe.UnexpectedRowsExpectation,
        name="few_bills_are_far_over_the_limit",
        why="Interest and fees may pass the limit by some; a bill of five limits is a fault of amount or currency.",
        unexpected_rows_query=(
            "SELECT batch_date, count_if(bill_amount > 5 * credit_limit) AS bills FROM {batch} "
            "GROUP BY batch_date HAVING count_if(bill_amount > 5 * credit_limit) > 0.001 * count(*)"
        ),
    )
