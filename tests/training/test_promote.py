"""The job that promotes what was trained, and keeps what was declined."""

from __future__ import annotations

import datetime as dt

import pytest

from nightshift import champions, tracking
from nightshift.job import EXIT_REFUSED
from nightshift.use_case import UseCase
from tests.registering import register
from training.promote import main

DATES = "2024-01-01..2024-01-30"


@pytest.fixture
def run(toy):
    """Runs the job for the toy use case, whose labels mature two days later."""
    job = toy()
    assert register(job.use_case, DATES) == 1

    def promote(*options: str, run_id: str = "manual__1") -> int:
        return main(["--use-case", job.use_case.name, "--dates", DATES, "--run-id", run_id, *options])

    return job.use_case, promote


def test_the_first_champion_reigns_from_when_its_last_label_has_matured(run):
    use_case, promote = run
    assert promote("--version", "1", "--who", "auto", "--why", "approval is auto") == 0
    (reign,) = champions.history(use_case)
    assert (reign.version, reign.first, reign.who, reign.run_id) == (1, dt.date(2024, 2, 1), "auto", "manual__1")


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
    assert tracking.model_version(use_case, 1).tags["status"] == "declined"


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
    assert promote(*options) == EXIT_REFUSED
    assert message in capsys.readouterr().err
    assert champions.decisions(UseCase.load(use_case.name)) == []
