"""The job that promotes what was trained, and keeps what was declined."""

from __future__ import annotations

import datetime as dt

import pytest

from nightshift.declarations.use_case import UseCase
from nightshift.errors import EXIT_FINAL
from nightshift.home.settings import get_settings
from nightshift.ledger.advisory_locks import turn_if_free
from nightshift.ledger.model_decisions import deciding
from nightshift.models import champions, mlflow_connection
from tests.registering import register
from training.promote import main

DATES = "2024-01-01..2024-01-30"


@pytest.fixture
def run(toy):
    """Runs the job for the toy use case, whose labels mature two days later."""
    job = toy(approval={"first": "auto", "later": "person", "by": ["maria"]})
    assert register(job.use_case, DATES, approval="auto") == 1

    def promote(*options: str, run_id: str = "manual__1") -> int:
        return main(["--use-case", job.use_case.name, "--dates", DATES, "--run-id", run_id, *options])

    return job.use_case, promote


def test_the_first_champion_reigns_from_when_its_last_label_has_matured(run):
    use_case, promote = run
    assert promote("--version", "1", "--who", "auto", "--why", "approval is auto") == 0
    (reign,) = champions.history(use_case)
    assert (reign.version, reign.first, reign.who, reign.run_id) == (1, dt.date(2024, 2, 1), "auto", "manual__1")


def test_whom_a_version_waits_for_is_who_lets_it_in_however_he_is_called(run, capsys):
    use_case, promote = run
    assert register(use_case, DATES, approval="person") == 2
    for who in (("--who", "mallory"), ("--who", "auto"), ("--who", "maria", "--who-id", "mallory")):
        assert promote("--version", "2", "--why", "fine", *who) == EXIT_FINAL
        assert "is let in by maria" in capsys.readouterr().err
    assert champions.decisions(use_case) == []
    assert promote("--version", "2", "--why", "fine", "--who", "Maria M. (maria)", "--who-id", "maria") == 0
    assert [each.who for each in champions.decisions(use_case)] == ["Maria M. (maria)"]


def test_by_hand_it_is_kept_who_typed_it(run, monkeypatch):
    use_case, promote = run
    monkeypatch.setattr("nightshift.models.champions.approvers._os_user", lambda: "oncall")
    assert promote("--version", "1", "--who", "maria", "--why", "fine", run_id="manual") == 0
    register(use_case, DATES, approval="person")
    options = ("--version", "2", "--who", "maria", "--why", "no", "--action", "decline")
    assert promote(*options, run_id="manual") == promote(*options, run_id="scheduled__1") == 0
    assert [each.why for each in champions.decisions(use_case)] == [
        "fine (typed by oncall)",
        "no (typed by oncall)",
        "no",
    ]


def test_by_itself_no_version_becomes_champion_that_was_never_compared_with_that_of_now(run, capsys):
    use_case, promote = run
    assert promote("--version", "1", "--who", "auto", "--why", "approval is auto") == 0
    register(use_case, DATES, approval="auto", champion_compared="none")
    assert promote("--version", "2", "--who", "auto", "--why", "approval is auto", run_id="2") == EXIT_FINAL
    assert "version 2 was judged beside no champion, and version 1 is champion by now" in capsys.readouterr().err
    assert [each.version for each in champions.history(use_case)] == [1]


def test_where_its_reign_begins_is_found_while_nobody_else_decides(run, monkeypatch):
    use_case, promote = run
    looked = []

    def first(catalog, trained_until):
        with turn_if_free(deciding(use_case)) as is_free:
            looked.append(is_free)
        return trained_until

    monkeypatch.setattr(champions, "default_first", first)
    assert promote("--version", "1", "--who", "auto", "--why", "approval is auto") == 0
    assert looked == [False]


def test_a_person_may_say_from_when_and_when_it_was_decided(run):
    use_case, promote = run
    at = "2024-02-03T09:30:00+00:00"
    options = ("--version", "1", "--who", "maria", "--why", "fine", "--from", "2024-03-01", "--at", at)
    assert promote(*options) == promote(*options) == 0
    (kept,) = champions.decisions(use_case)
    assert (kept.first, kept.decided_at) == (dt.date(2024, 3, 1), dt.datetime.fromisoformat(at))


def test_declined(run):
    use_case, promote = run
    options = ("--version", "1", "--who", "maria", "--why", "too many warnings", "--action", "decline")
    assert promote(*options) == promote(*options) == 0
    (kept,) = champions.decisions(use_case)
    assert (kept.action, kept.who, kept.why) == ("declined", "maria", "too many warnings")
    assert champions.history(use_case) == []
    assert mlflow_connection.model_version(use_case, 1).tags["status"] == "declined"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--version", "2", "--who", "maria", "--why", "fine"), "has no version 2"),
        (("--version", "1", "--who", " ", "--why", "fine"), "--who is empty"),
        (("--version", "1", "--who", "maria", "--why", "fine", "--from", "tomorrow"), "is not a batch date"),
        (("--version", "1", "--who", "maria", "--why", "fine", "--at", "2024-02-03T09:30:00"), "has no time zone"),
        (("--version", "1", "--who", "maria", "--why", "fine", "--at", "noon"), "is not a moment"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_kept(run, capsys, options, message):
    use_case, promote = run
    assert promote(*options) == EXIT_FINAL
    assert message in capsys.readouterr().err
    assert champions.decisions(UseCase.load(use_case.name, get_settings())) == []
