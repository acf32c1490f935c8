"""The part of a suite that follows from a table's declaration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import great_expectations.expectations as gxe

from expectations.blocks_or_warns import blocks, warns
from nightshift.declarations.score_names import SCORES
from nightshift.declarations.tables import PARTITION, Column, Table

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def declared(table: Table, expected_rows: int | None) -> Iterator[Expectation]:
    """Schema, row count, keys, domains and ranges, as the declaration has them.

    Which batch dates may be without rows is no matter of the declaration (`expectations.emptiness`).

    Args:
        expected_rows: exact number of rows of the slice; None where any number will do.
    """
    yield blocks(
        gxe.ExpectTableColumnsToMatchOrderedList,
        name="schema_is_as_declared",
        why="Readers rely on names and order of the columns.",
        column_list=table.column_names,
    )
    if expected_rows is not None:
        yield blocks(
            gxe.ExpectTableRowCountToEqual,
            name="row_count_is_as_delivered",
            why="Rows that entered the stage, less those set aside with a reason, must all be here, once.",
            value=expected_rows,
        )
    if expected_rows == 0:
        return
    yield _unique_keys(table)
    if table.short_name == SCORES:
        yield _one_model()
    for column in table.data_columns:
        yield from _column(table, column)


def _why_required(column: Column, is_key: bool) -> str:
    if is_key:
        return "It is part of the key."
    said = "It is declared as required."
    if column.since == 1:
        return said
    return f"{said} Where dates before version {column.since} can't have it, leave `required` out."


def _unique_keys(table: Table) -> Expectation:
    if table.layer == "bronze":
        consequence, why = warns, f"The grain is {table.grain}; refine keeps the newest record of a doubled key."
    else:
        consequence, why = blocks, f"The grain is {table.grain}; a doubled key doubles whatever is summed over it."
    columns = [PARTITION, *table.keys]
    return consequence(gxe.ExpectCompoundColumnsToBeUnique, name="keys_are_unique", why=why, column_list=columns)


def _one_model() -> Expectation:
    return blocks(
        gxe.UnexpectedRowsExpectation,
        name="one_model_per_batch_date",
        why="The champion of a batch date scores all of its rows; scores of two models can't be compared.",
        unexpected_rows_query=(
            f"SELECT {PARTITION}, min(model_version) AS one, max(model_version) AS another FROM {{batch}} "
            f"GROUP BY {PARTITION} HAVING count(DISTINCT model_name, model_version) > 1"
        ),
    )


def _column(table: Table, column: Column) -> Iterator[Expectation]:
    is_key = column.name in table.keys
    # Older dates of a source, which may be landed again, lack what came later; of newer files, each record was checked
    # against it.
    is_in_every_row = table.source is None or table.forms_of(column)[-1].since == 1
    if is_key or (column.required and is_in_every_row):
        yield blocks(
            gxe.ExpectColumnValuesToNotBeNull,
            name=f"{column.name}_is_not_null",
            why=_why_required(column, is_key),
            column=column.name,
        )
    # What is personal is a token by now.
    if column.accepted is not None and column.pii is None:
        yield blocks(
            gxe.ExpectColumnValuesToBeInSet,
            name=f"{column.name}_is_an_accepted_value",
            why="Other values are unknown to everything downstream.",
            column=column.name,
            value_set=list(column.accepted),
        )
    if column.minimum is not None or column.maximum is not None:
        yield blocks(
            gxe.ExpectColumnValuesToBeBetween,
            name=f"{column.name}_is_in_range",
            why=f"Declared range{f' in {column.unit}' if column.unit else ''}; outside it, the data is at fault.",
            column=column.name,
            min_value=column.minimum,
            max_value=column.maximum,
        )
