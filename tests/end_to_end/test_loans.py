"""Loans that end one by one: labels come by status, from the deliveries of the loans themselves."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings, get_settings
from nightshift.ledger.label_maturity import recorded
from tests.end_to_end.loans.sample_source import loans
from tests.end_to_end.test_parcels import INGEST, deliver, drop_in, run
from training.data.point_in_time_rows import read

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HISTORY, TRAINED = "2024-01-01..2024-04-19", "2024-01-01..2024-04-10"
DELIVERED = dt.date(2024, 4, 19)


@pytest.fixture
def use_case(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseCase:
    drop_in("loans", tmp_path / "use_cases", monkeypatch)
    return UseCase.load("loans", get_settings())


def outcomes(use_case: UseCase, date: dt.date) -> dict[int, bool | None]:
    """Of each loan that was open on a batch date, what had been said of it by its maturity; None if nothing."""
    due = use_case.calendar.due(date, use_case.maturity)
    found: dict[int, bool | None] = {}
    for loan in loans(use_case.dates.first, date):
        if loan.status(date) != "open":
            continue
        days = (date + dt.timedelta(days=day) for day in range(1, (min(due, DELIVERED) - date).days + 1))
        said = [status for day in days if (status := loan.status(day)) is not None]
        found[loan.number] = {"defaulted": True, "repaid": False}.get(said[-1]) if said else None
    return found


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_model_learns_from_loans_that_ended_and_from_no_other(use_case: UseCase, spark: SparkSession) -> None:
    deliver(use_case, HISTORY)
    for module, *options in INGEST:
        run(use_case, module, *options, dates=HISTORY)
    run(use_case, "training.train", dates=TRAINED)

    dates = use_case.batch_dates(TRAINED)
    expected = {date: outcomes(use_case, date) for date in dates}
    matured = [date for date in dates if use_case.calendar.due(date, use_case.maturity) <= DELIVERED]
    assert str(matured[-1]) == "2024-04-05"
    rows = read(spark, Catalog(use_case), dates)
    assert {(row["batch_date"], row["loan"]): row["label"] for row in rows.table.to_pylist()} == {
        # What is still open at maturity has not defaulted within it.
        (date, loan): float(bool(outcome))
        for date in matured
        for loan, outcome in expected[date].items()
    }
    kept = {each.batch_date: each for each in recorded(use_case.name)}
    for date, of_date in expected.items():
        known = sum(outcome is not None for outcome in of_date.values())
        has_matured = date in matured
        found = kept[date]
        assert (found.rows, found.known) == (len(of_date), known)
        assert found.matured == (found.rows if has_matured else 0)
    assert 0 < kept[dates.last].known < kept[dates.last].rows
