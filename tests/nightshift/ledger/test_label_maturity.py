"""The share of matured labels is kept per batch date, once, as the newest training saw it."""

import datetime as dt
import json
import uuid
from dataclasses import replace

import pytest
from click.testing import CliRunner

from nightshift.commands.status import status
from nightshift.ledger.label_maturity import LabelMaturity, record, recorded

DAYS = [dt.date(2024, 1, day) for day in (1, 2, 3)]


@pytest.fixture
def seen(home):
    """Ten rows on each of three days, of which fewer and fewer labels have come."""
    name = f"loans_{uuid.uuid4().hex[:8]}"
    found = [
        LabelMaturity(name, day, day + dt.timedelta(days=30), 10, known, matured, 7, "night")
        for day, known, matured in zip(DAYS, (10, 9, 4), (10, 9, 0), strict=True)
    ]
    record(found)
    return found


def test_what_a_later_training_saw_of_a_date_takes_the_place_of_what_was_seen_before(seen):
    record([replace(seen[2], known=8, matured=8, label_table_version=9, run_id="later")])
    record([])
    found = recorded(seen[0].use_case)
    assert found == [replace(seen[2], known=8, matured=8, label_table_version=9, run_id="later"), seen[1], seen[0]]
    assert [each.share for each in found] == [0.8, 0.9, 1.0]


def test_one_date_or_the_newest_ones_can_be_asked_for(seen):
    name = seen[0].use_case
    assert recorded(name, DAYS[1]) == [seen[1]]
    assert recorded(name, newest_dates=2) == [seen[2], seen[1]]
    assert set(seen[1:]) <= set(recorded(None, newest_dates=2))


def test_status_shows_them(seen):
    shown = CliRunner().invoke(status, ["--labels", "--json", "--date", "2024-01-03"])
    assert shown.exit_code == 0, shown.output
    (mine,) = [each for each in json.loads(shown.output) if each["use_case"] == seen[0].use_case]
    assert (mine["known"], mine["matured"], mine["share"], mine["labels_due"]) == (4, 0, 0.0, "2024-02-02")
    table = CliRunner().invoke(status, ["--labels", "--date", "2024-01-02"])
    assert table.exit_code == 0, table.output
    assert "90.0%" in table.output
