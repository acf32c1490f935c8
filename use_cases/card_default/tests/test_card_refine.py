"""The use case's own transforms, on rows that each stand for one case."""

from __future__ import annotations

import datetime as dt
from types import ModuleType

import pytest
from pyspark.sql import SparkSession

from nightshift.declarations.use_case import UseCase
from nightshift.declarations.use_case_code import load_module
from nightshift.home.settings import get_settings

MAY, JUNE, JULY = dt.date(2005, 5, 31), dt.date(2005, 6, 30), dt.date(2005, 7, 31)
ALWAYS = dt.date(9999, 12, 31)
STATEMENT = "batch_date date, record bigint, client_id string, pay_status int, bill_amount int, paid_amount int"
CLIENT = (
    "client_id string, credit_limit int, sex string, age_band string, education string, valid_from date, "
    "valid_until date"
)


@pytest.fixture(scope="module")
def transforms() -> ModuleType:
    return load_module(UseCase.load("card_default", get_settings()), "refine")


def test_a_statement_meets_its_client_as_known_then(spark: SparkSession, transforms: ModuleType) -> None:
    statements = spark.createDataFrame(
        [
            (MAY, 1, "a", 0, 100, 10),  # before the list had the client
            (JUNE, 2, "a", 0, 100, 10),  # on the day on which it began to
            (JULY, 3, "a", 2, -5, 0),  # after the limit was raised
            (JULY, 4, "b", 0, 7, 7),  # never on the list
        ],
        STATEMENT,
    )
    groups = ("female", "under 30", "university")
    clients = spark.createDataFrame(
        [("a", 1000, *groups, JUNE, JULY), ("a", 2000, *groups, JULY, ALWAYS), ("c", 1, *groups, MAY, ALWAYS)], CLIENT
    )
    rows = {row.record: row for row in transforms.statements(statements, clients).collect()}
    assert {record: row.credit_limit for record, row in rows.items()} == {1: None, 2: 1000, 3: 2000, 4: None}
    assert (rows[3].sex, rows[3].age_band, rows[3].education) == groups
    assert (rows[3].pay_status, rows[3].bill_amount, rows[3].paid_amount) == (2, -5, 0)


def test_the_label_is_two_or_more_months_late(spark: SparkSession, transforms: ModuleType) -> None:
    states = (-2, -1, 0, 1, 2, 8)
    statements = spark.createDataFrame([(JULY, state, str(state), state, 0, 0) for state in states], STATEMENT)
    found = {row.record: (row.months_late, row.is_delinquent) for row in transforms.outcomes(statements).collect()}
    assert found == {-2: (0, False), -1: (0, False), 0: (0, False), 1: (1, False), 2: (2, True), 8: (8, True)}
