"""What follows from entries, without a database."""

from __future__ import annotations

import datetime as dt
import uuid

from nightshift.ledger import Entry, computed_by


def entry(run_id: str, model_version: int | None = None) -> Entry:
    """An entry of the scores."""
    return Entry(
        id=1,
        attempt_id=uuid.uuid4(),
        use_case="shop",
        stage="score",
        table_name="gold.scores",
        batch_date=dt.date(2013, 10, 1),
        run_id=run_id,
        status="published",
        code_version="abc",
        started_at=dt.datetime(2013, 10, 2, tzinfo=dt.UTC),
        model_version=model_version,
    )


def test_scores_were_computed_by_the_newest_attempt_that_had_a_model() -> None:
    erasure, newest, oldest = entry("e"), entry("n", 2), entry("o", 1)
    assert computed_by([erasure, newest, oldest]) is newest
    assert computed_by([newest, oldest]) is newest


def test_entries_without_any_model_leave_the_newest() -> None:
    newest, oldest = entry("new"), entry("old")
    assert computed_by([newest, oldest]) is newest
    assert computed_by([]) is None
