"""What follows from entries, without a database."""

from __future__ import annotations

from nightshift.ledger import Entry, computed_by


def test_scores_were_computed_by_the_newest_attempt_that_had_a_model() -> None:
    erasure, newest, oldest = (
        Entry(run_id=run, model_version=model) for run, model in (("e", None), ("n", 2), ("o", 1))
    )
    assert computed_by([erasure, newest, oldest]) is newest
    assert computed_by([newest, oldest]) is newest


def test_entries_without_any_model_leave_the_newest() -> None:
    newest, oldest = Entry(run_id="new"), Entry(run_id="old")
    assert computed_by([newest, oldest]) is newest
    assert computed_by([]) is None
