"""Audit of the scores."""

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
    """Scores that say something, and not the improbable."""
    yield blocks(
        gxe.UnexpectedRowsExpectation,
        name="scores_differ_between_flights",
        why="One and the same probability for all flights of a day means that the features did not reach the model.",
        unexpected_rows_query=(
            "SELECT batch_date, min(probability) AS lowest, max(probability) AS highest FROM {batch} "
            "GROUP BY batch_date HAVING count(*) > 50 AND max(probability) - min(probability) < 0.01"
        ),
    )
    yield warns(
        gxe.UnexpectedRowsExpectation,
        name="mean_probability_is_plausible",
        why="The late share of a day of 2013 is between 4 and 83 percent, and its forecast narrower than that.",
        unexpected_rows_query=(
            "SELECT batch_date, avg(probability) AS mean FROM {batch} GROUP BY batch_date "
            "HAVING avg(probability) NOT BETWEEN 0.03 AND 0.8"
        ),
    )
