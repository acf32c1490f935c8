"""Which file belongs to which source, and when it begins to come."""

from __future__ import annotations

import datetime as dt

import pytest

from nightshift.declarations.source import FileSource, JdbcSource, Source


def source(file: str) -> FileSource:
    return FileSource(file=file, format="csv")


@pytest.mark.parametrize(
    ("one", "other", "overlaps"),
    [
        ("orders.csv", "orders.csv", True),
        ("orders.csv", "returns.csv", False),
        ("orders*.csv", "orders.csv", True),
        ("orders_*.csv", "orders.csv", False),
        # orders_b.csv fits both
        ("orders_*.csv", "*_b.csv", True),
        ("orders_*.csv", "orders_eu_*.csv", True),
        ("orders_*.csv", "returns_*.csv", False),
        ("orders_*.csv", "orders_*.jsonl", False),
        ("*", "orders.csv", True),
        # Start and end of one pattern may not share a letter: "aa.csv" is too short for both.
        ("aa*a.csv", "aa.csv", False),
        # A dot is no wildcard.
        ("orders.csv", "ordersxcsv", False),
    ],
)
def test_sources_overlap_where_one_file_could_be_of_both(one: str, other: str, overlaps: bool) -> None:
    assert source(one).overlaps(source(other)) is overlaps
    assert source(other).overlaps(source(one)) is overlaps


def test_a_source_holds_the_files_of_its_pattern() -> None:
    assert source("orders_*.csv").holds("orders_eu.csv")
    assert not source("orders_*.csv").holds("Orders_eu.csv")
    assert not source("orders_*.csv").holds("orders_eu.csv.gz")


@pytest.mark.parametrize(
    "declared",
    [
        FileSource(file="orders.csv", format="csv", first_batch_date_offset=2),
        JdbcSource(connection="crm", relation="orders", date_column="day", first_batch_date_offset=2),
    ],
)
def test_a_source_starts_some_days_after_the_first_batch_date(declared: Source) -> None:
    assert declared.starts(dt.date(2024, 2, 28)) == dt.date(2024, 3, 1)
