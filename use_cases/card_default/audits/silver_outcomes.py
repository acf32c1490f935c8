"""Audit of the refined outcomes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import great_expectations.expectations as gxe

from expectations.blocks_or_warns import blocks, warns
from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def expectations(table: Table, dates: BatchDates) -> Iterator[Expectation]:
    """The label agrees with what it is made of."""
    yield blocks(
        gxe.UnexpectedRowsExpectation,
        name="label_agrees_with_the_delay",
        why="The label is the target of the model: two or more months late.",
        unexpected_rows_query="SELECT client_id FROM {batch} WHERE is_delinquent <> (months_late >= 2)",
    )
    yield warns(
        gxe.UnexpectedRowsExpectation,
        name="delinquent_share_is_plausible",
        why="In the months of the sample 9 to 15 percent are two or more months late.",
        unexpected_rows_query=(
            "SELECT batch_date, count_if(is_delinquent) AS delinquent, count(*) AS clients FROM {batch} "
            "GROUP BY batch_date HAVING count_if(is_delinquent) NOT BETWEEN 0.05 * count(*) AND 0.25 * count(*)"
        ),
    )
