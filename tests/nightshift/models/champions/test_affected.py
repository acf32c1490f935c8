"""Which scores are not the champion's: those that readers see, and those that are being made, whatever was killed."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import uuid

import pytest
import sqlalchemy as sa

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.home.variables.known_variables import RESULT_FILE
from nightshift.job import Job
from nightshift.ledger import engine
from nightshift.ledger.attempts import attempt
from nightshift.ledger.ledger_tables import EntryRow
from nightshift.models import champions
from tests.registering import register
from training import show_affected

D1, D5, D6, D7, D8 = (dt.date(2013, 10, number) for number in (1, 5, 6, 7, 8))


@pytest.fixture
def catalog(use_case):
    """Version 1 reigns from the 1st, and again from the 5th after version 2 did."""
    for first, version in ((D1, register(use_case)), (D5, register(use_case))):
        champions.promote(use_case, version, first, "auto", "why", f"train {first}")
    champions.roll_back(use_case, 1, D5, "maria", "why", "manual")
    # The tables are those of the flights, whose name this use case does not have.
    found = Catalog(UseCase.load("flight_delays", get_settings()))
    found.use_case = use_case
    return found


def scored(use_case, date, version, status="published"):
    row = {
        "attempt_id": uuid.uuid4(), "use_case": use_case.name, "stage": "score", "table_name": "gold.scores",
        "batch_date": date, "run_id": "night", "status": status, "code_version": "abc",
        "model_name": use_case.model_name, "model_version": version,
    }  # fmt: skip
    with engine().begin() as connection:
        connection.execute(sa.insert(EntryRow), [row])


def scoring(use_case, date, version):
    """An attempt whose process lives."""
    common = {"use_case": use_case.name, "stage": "score", "table_name": "gold.scores", "run_id": "night"}
    return attempt(common, {date: {"model_name": use_case.model_name, "model_version": version}})


def test_what_readers_see_counts_and_not_what_a_killed_process_had_begun(catalog):
    use_case = catalog.use_case
    # Rescoring with the champion was killed: the bad scores are still there.
    scored(use_case, D5, 2)
    scored(use_case, D5, 1, "running")
    # Scoring with the other version was killed: the good ones are.
    scored(use_case, D6, 1)
    scored(use_case, D6, 2, "running")
    scored(use_case, D7, 2, "running")
    scored(use_case, D8, 2)
    scored(use_case, D8, 1)
    assert champions.affected(catalog, D5).scored_by == {D5: 2}
    with engine().connect() as connection:
        statuses = sa.select(EntryRow.status).where(EntryRow.use_case == use_case.name)
        assert "running" not in set(connection.scalars(statuses))


def test_what_a_living_process_is_scoring_counts_as_well(catalog):
    use_case = catalog.use_case
    scored(use_case, D6, 1)
    scored(use_case, D7, 2)
    with scoring(use_case, D5, 2), scoring(use_case, D6, 2), scoring(use_case, D7, 1), scoring(use_case, D8, 1):
        assert champions.affected(catalog, D5).scored_by == {D5: 2, D6: 2, D7: 2}
        assert champions.affected(catalog, D6).scored_by == {D6: 2, D7: 2}


def test_dates_before_the_first_one_asked_for_and_before_the_first_champion_are_left_alone(catalog):
    use_case = catalog.use_case
    scored(use_case, dt.date(2013, 9, 30), 2)
    scored(use_case, D1, 2)
    assert champions.affected(catalog, D5).scored_by == {}
    assert champions.affected(catalog, dt.date(2013, 9, 1)).scored_by == {D1: 2}


def test_the_job_hands_over_the_ranges_and_says_what_makes_them_again(catalog, tmp_path, monkeypatch, caplog):
    use_case = catalog.use_case
    for date in (D5, D6, D8):
        scored(use_case, date, 2)
    scored(use_case, D5, 1, "running")
    result = tmp_path / "result.json"
    monkeypatch.setenv(RESULT_FILE, str(result))
    job = Job("show_affected", use_case, catalog, BatchDates(D5, D5), "rollback__1")
    with caplog.at_level("INFO", "nightshift"):
        show_affected.body(job, argparse.Namespace())
    told = json.loads(result.read_text())
    assert told["dates"] == "2013-10-05..2013-10-06 2013-10-08"
    assert "2013-10-05..2013-10-06 (2 batch dates): scored by version 2" in told["found"]
    assert f"scoring.score --use-case {use_case.name} --dates 2013-10-08 --model as_of" in caplog.text


def test_the_job_says_so_where_nothing_is_affected(catalog, tmp_path, monkeypatch, caplog):
    scored(catalog.use_case, D5, 1)
    result = tmp_path / "result.json"
    monkeypatch.setenv(RESULT_FILE, str(result))
    with caplog.at_level("INFO", "nightshift"):
        show_affected.body(
            Job("show_affected", catalog.use_case, catalog, BatchDates(D5, D5), "rollback__1"), argparse.Namespace()
        )
    assert json.loads(result.read_text()) == {"dates": "", "found": ""}
    assert "no score from 2013-10-05 on was made by another version than the champion" in caplog.text
