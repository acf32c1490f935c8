"""What the ledger keeps of an attempt that fails."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid

import pytest
from sqlalchemy import orm

from nightshift import ledger
from nightshift.errors import NightshiftError
from nightshift.home.settings import Settings
from nightshift.ledger.ledger_tables import EntryRow

DAY = dt.date(2013, 10, 1)
SECRET = "ada@example.org"


def failed(error: Exception) -> EntryRow:
    """The entry of an attempt that ended with an error."""
    use_case = f"shop_{uuid.uuid4().hex[:10]}"
    common = {"use_case": use_case, "stage": "land", "table_name": "land", "run_id": "test"}
    with pytest.raises(type(error)), ledger.attempt(common, {DAY: {}}):
        raise error
    with orm.Session(ledger.engine()) as session:
        return session.query(EntryRow).filter_by(use_case=use_case).one()


def test_an_error_that_nobody_foresaw_leaves_its_kind_and_place_and_not_its_text(home: Settings) -> None:
    entry = failed(ValueError(f"[MALFORMED_CSV_RECORD] Malformed CSV record: {SECRET},1"))
    assert entry.status == "failed"
    assert SECRET not in entry.message
    assert entry.message.startswith("ValueError at tests/nightshift/ledger/test_attempts.py:")


def test_what_the_system_says_is_kept_without_the_path(home: Settings) -> None:
    entry = failed(OSError(28, "No space left on device", SECRET))
    assert entry.message.startswith("a file can't be used: [Errno 28] No space left on device")
    assert SECRET not in entry.message


def test_a_stage_may_have_more_tables_than_a_pool_has_connections(home: Settings) -> None:
    common = {"use_case": "shop", "stage": "refine", "run_id": "test"}
    with contextlib.ExitStack() as running:
        opened = [
            running.enter_context(ledger.attempt({**common, "table_name": f"silver.t{number}"}, {DAY: {}}))
            for number in range(30)
        ]
        assert all(each.overtaken() == {} for each in opened)


def test_what_is_written_for_people_is_kept_whole(home: Settings) -> None:
    entry = failed(NightshiftError("deliver again"))
    assert (entry.status, entry.message) == ("refused", "deliver again")
