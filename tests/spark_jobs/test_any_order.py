"""Stages of real dates in any order, any number of times, as single nights or as ranges, leave the same rows."""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import PARTITION
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.job import Job
from nightshift.lake.audit_report import AuditReport
from nightshift.stages import LAND, REFINE
from spark_jobs.land import land
from spark_jobs.refine import refine
from tests.fixtures import empty_ledger
from use_cases.flight_delays.sample_source import deliver

# The first date brings the reference data that all others need.
DATES = BatchDates(dt.date(2013, 1, 1), dt.date(2013, 1, 3))
STAGES = {LAND: land, REFINE: refine}
Program = list[tuple[str, BatchDates]]
BASELINE: Program = [(stage, DATES) for stage in STAGES]
EXAMPLES = 4
# Newest first, each stage of each date in ranges cut elsewhere, the last date of all again.
NEWEST_FIRST: Program = [
    (LAND, BatchDates.of(DATES.last)),
    (LAND, BatchDates(DATES.first, DATES.last - dt.timedelta(days=1))),
    (REFINE, BatchDates(DATES.first + dt.timedelta(days=1), DATES.last)),
    (REFINE, BatchDates.of(DATES.first)),
    (LAND, BatchDates.of(DATES.last)),
    (REFINE, BatchDates.of(DATES.last)),
]


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """All dates, landed and refined in ranges cut at random, in a random order, some of them again.

    A range is refined at any moment after it and the first date, which has the reference data, were landed.
    """
    program: Program = [(LAND, dates) for dates in draw(ranges())]
    for dates in draw(ranges()):
        needed = {DATES.first, *dates}
        landed: set[dt.date] = set()
        for number, (stage, each) in enumerate(program):
            landed |= set(each) if stage == LAND else set()
            if needed <= landed:
                program.insert(draw(st.integers(number + 1, len(program))), (REFINE, dates))
                break
    return program


@st.composite
def ranges(draw: st.DrawFn) -> list[BatchDates]:
    """All dates in ranges, some of them twice, in any order."""
    cuts = sorted(draw(st.sets(st.integers(1, len(DATES) - 1))))
    found = [
        BatchDates(list(DATES)[start], list(DATES)[end - 1])
        for start, end in zip([0, *cuts], [*cuts, len(DATES)], strict=True)
    ]
    again = draw(st.lists(st.sampled_from(found), max_size=1))
    return draw(st.permutations([*found, *again]))


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


def in_new_home(home: Path, landing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with an empty lake and ledger, so that nothing is known of what other programs did."""
    home.mkdir()
    monkeypatch.setenv("NIGHTSHIFT_HOME", str(home))
    get_settings.cache_clear()
    get_settings().landing.path.symlink_to(landing)
    empty_ledger()
    assert ledger.delivered("flight_delays") == {}


@pytest.fixture
def undisturbed(spark, home, monkeypatch):
    """The hashes after each stage ran once, over all dates."""
    # What is published is compared whole; what audits make of it is tested with them.
    monkeypatch.setattr("expectations.audit", lambda *_: AuditReport(()))
    use_case = UseCase.load("flight_delays", get_settings())
    deliver(use_case, DATES, home.landing)
    for stage, dates in BASELINE:
        run(use_case, stage, dates)
    found = hashes(spark, use_case)
    assert set(found) >= {"bronze.schedule", "silver.flights", "silver.outcomes", "silver.weather"}
    return found


@pytest.fixture
def holds(spark, home, undisturbed, tmp_path, monkeypatch):
    """Runs a program in an empty home, and compares what it left."""
    use_case, landing, number = UseCase.load("flight_delays", get_settings()), home.landing.path, itertools.count()

    def compare(program: Program) -> None:
        in_new_home(tmp_path / f"home {next(number)}", landing, monkeypatch)
        for stage, dates in program:
            run(use_case, stage, dates)
        assert hashes(spark, use_case) == undisturbed, program

    return compare


def test_dates_that_come_newest_first_and_again_leave_the_same_rows(holds):
    holds(NEWEST_FIRST)


@pytest.mark.long
def test_any_order_repetition_and_split_leaves_the_same_rows(holds):
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(program=programs())
    def drawn(program: Program) -> None:
        # The simplest of all is always tried first.
        assume(program != BASELINE)
        holds(program)

    drawn()
