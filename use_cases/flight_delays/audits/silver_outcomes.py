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
        name="label_agrees_with_delay",
        why="The label is the target of the model: late is 15 or more minutes, cancelled or diverted.",
        unexpected_rows_query=(
            "SELECT carrier, flight, arr_delay, is_late FROM {batch} "
            "WHERE is_late <> (is_cancelled OR is_diverted OR coalesce(arr_delay >= 15, false))"
        ),
    )
    yield blocks(
        gxe.UnexpectedRowsExpectation,
        name="flights_are_of_the_day_before",
        why="Features of a date read outcomes by batch date; rows of another date would be a leak.",
        unexpected_rows_query="SELECT * FROM {batch} WHERE flight_date <> date_sub(batch_date, 1)",
    )
    yield warns(
        gxe.UnexpectedRowsExpectation,
        name="late_share_is_plausible",
        why="The late share of a day of 2013 is between 4 and 83 percent.",
        unexpected_rows_query=(
            "SELECT batch_date, count_if(is_late) AS late, count(*) AS flights FROM {batch} GROUP BY batch_date "
            "HAVING count_if(is_late) NOT BETWEEN 0.01 * count(*) AND 0.9 * count(*)"
        ),
    )
