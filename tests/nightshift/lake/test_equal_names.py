"""Two use cases of one home may call their tables alike, and nothing of them is mixed."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from pyspark.sql import SparkSession

from nightshift import lake
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.tables import Table
from nightshift.home.settings import Settings, get_settings
from nightshift.lake.sql_queries import published_tables, query
from tests.silver import write_table

ALIKE = "silver.outcomes"


@pytest.fixture
def tables(home: Settings) -> list[Table]:
    """All tables of all use cases of the checkout."""
    return [table for catalog in find_use_cases(get_settings()).catalogs for table in catalog]


def test_tables_of_one_name_share_no_place_and_no_name_of_a_query(tables: list[Table]) -> None:
    assert Counter(table.short_name for table in tables)[ALIKE] > 1
    for of in ("location", "full_name", "view", "identifier", "label"):
        # A layer is a schema of its own.
        named = Counter((table.layer, str(getattr(table, of))) for table in tables)
        assert max(named.values()) == 1, of


def test_a_query_sees_the_rows_of_the_use_case_that_it_names(spark: SparkSession, tables: list[Table]) -> None:
    alike = [table for table in tables if table.short_name == ALIKE]
    for rows, table in enumerate(alike, 1):
        text = next(column.name for column in table.data_columns if column.type == "string")
        date = dt.date(2013, 1, 2)
        write_table(spark, table, [{"batch_date": date, text: f"{table.use_case} {row}"} for row in range(rows)])

    assert {table.full_name for table in alike} <= published_tables(get_settings()).keys()
    for rows, table in enumerate(alike, 1):
        assert query(f"SELECT count(*) AS rows FROM {table.full_name}", get_settings()).to_pylist() == [{"rows": rows}]
        assert lake.read(spark, table).count() == rows
