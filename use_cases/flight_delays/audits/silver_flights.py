"""Audit of the refined schedule."""

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
    """Times in order, reference data found."""
    yield blocks(
        gxe.ExpectColumnPairValuesAToBeGreaterThanB,
        name="arrival_is_after_departure",
        why="Otherwise a time zone or a midnight was handled wrongly.",
        column_A="scheduled_arrival",
        column_B="scheduled_departure",
        ignore_row_if="either_value_is_missing",
    )
    yield warns(
        gxe.ExpectColumnValuesToNotBeNull,
        name="carrier_is_known",
        why="An airline that the reference data lacks shows up without a name.",
        column="carrier_name",
    )
    yield warns(
        gxe.ExpectColumnValuesToNotBeNull,
        name="destination_is_known",
        why="Four Caribbean airports are not in the reference data (2.3 % of flights); more is a fault.",
        column="dest_name",
        mostly=0.94,
    )
