"""Stages of real dates in any order, any number of times, as single nights or as ranges, leave the same rows."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from nightshift import lake, ledger
from nightshift.catalog import Catalog
from nightshift.dates import BatchDates
from nightshift.job import Job
from nightshift.settings import get_settings
from nightshift.tables import PARTITION
from nightshift.use_case import UseCase
from spark_jobs.land import land
from spark_jobs.refine import refine
from use_cases.flight_delays.sample_source import deliver

# The first date brings the reference data that all others need.
DATES = BatchDates(dt.date(2013, 1, 1), dt.date(2013, 1, 3))
STAGES = {"land": land, "refine": refine}
Program = list[tuple[str, BatchDates]]


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """All dates landed and then refined, cut into ranges at random, in a random order, some of them again."""
    program: Program = []
    for stage in STAGES:
        cuts = sorted(draw(st.sets(st.integers(1, len(DATES) - 1))))
        ranges = [
            BatchDates(list(DATES)[start], list(DATES)[end - 1])
            for start, end in zip([0, *cuts], [*cuts, len(DATES)], strict=True)
        ]
        again = draw(st.lists(st.sampled_from(ranges), max_size=1))
        program += [(stage, dates) for dates in draw(st.permutations([*ranges, *again]))]
    return program


def run(use_case: UseCase, stage: str, dates: BatchDates) -> None:
    job = Job(stage, use_case, Catalog(use_case), dates, "any-order")
    STAGES[stage](job, argparse.Namespace())


def hashes(spark, use_case: UseCase) -> dict[str, dict[dt.date, tuple[int, int]]]:
    """Rows and an order-independent hash of the business columns, per table and batch date."""
    found = {}
    for table in Catalog(use_case):
        if table.exists():
            rows = lake.read(spark, table).groupBy(PARTITION)
            summed = rows.agg(F.count("*").alias("rows"), F.sum(F.hash(*table.column_names).cast("long")).alias("hash"))
            found[table.short_name] = {row.batch_date: (row.rows, row.hash) for row in summed.collect()}
    return found


@contextlib.contextmanager
def installation(server: sa.Engine, home: Path, landing: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home with a lake and a ledger of its own, so that nothing is known of what other programs did."""
    name = f"order_{uuid.uuid4().hex}"
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    url = server.url.set(database=name).render_as_string(hide_password=False)
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(home))
    monkeypatch.setattr("nightshift.ledger.schema.database_url", lambda database: url)
    get_settings.cache_clear()
    ledger.engine.cache_clear()
    get_settings().landing.symlink_to(landing)
    try:
        assert ledger.delivered("flight_delays") == {}
        yield
    finally:
        ledger.engine().dispose()
        ledger.engine.cache_clear()
        with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="module")
def use_case() -> UseCase:
    return UseCase.load("flight_delays")


def test_any_order_repetition_and_split_leaves_the_same_rows(spark, home, use_case, tmp_path_factory, monkeypatch):
    deliver(use_case, DATES, get_settings().landing)
    for stage in STAGES:
        run(use_case, stage, DATES)
    expected = hashes(spark, use_case)
    assert set(expected) >= {"bronze.schedule", "silver.flights", "silver.outcomes", "silver.weather"}
    landing = get_settings().landing
    server = ledger.engine()

    @settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(program=programs())
    def holds(program: Program) -> None:
        with installation(server, tmp_path_factory.mktemp("order"), landing, monkeypatch):
            for stage, dates in program:
                run(use_case, stage, dates)
            assert hashes(spark, use_case) == expected, program

    holds()
