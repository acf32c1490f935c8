"""`nightshift models`: what it shows, and what it decides."""

from __future__ import annotations

import datetime as dt
import json
import os
import pwd
import re
import shlex
import uuid
from argparse import Namespace
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

import nightshift.declarations.catalog
from nightshift.commands import model_decisions
from nightshift.commands import models as commands
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.training_section import Approval
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import Settings, get_settings
from nightshift.home.variables.known_variables import RESULT_FILE
from nightshift.job import Job
from nightshift.job_result import NOTHING_DONE, handed_over
from nightshift.ledger import engine
from nightshift.ledger.attempts import attempt
from nightshift.ledger.ledger_tables import EntryRow
from nightshift.models import champions, mlflow_connection
from nightshift.models.champions.decisions_without_effect import NothingDecidedError
from tests.registering import a_use_case, register
from training import rollback

WHO = ("--who", "maria", "--why", "it warns of everything")


@pytest.fixture
def use_case(home: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[UseCase]:
    """A use case with two versions: 1 reigns from 1 October, 2 from the 5th."""
    mlflow_connection.client.cache_clear()
    made = a_use_case()
    # The tables are those of the flights, whose name this use case does not have.
    tables = Catalog(UseCase.load("flight_delays", get_settings()))
    tables.use_case = made
    monkeypatch.setattr(UseCase, "load", lambda name, _: made)
    monkeypatch.setattr("nightshift.declarations.catalog.Catalog", lambda _: tables)
    for day in (1, 5):
        first = dt.date(2013, 10, day)
        champions.promote(made, register(made), first, "auto", "passed its gates", f"train {day}")
    yield made
    mlflow_connection.client.cache_clear()


def run(*arguments: str, use_case: UseCase, status: int = 0) -> str:
    done = CliRunner().invoke(commands.models, [*arguments, "--use-case", use_case.name])
    if isinstance(done.exception, NightshiftError):
        raise done.exception
    assert done.exit_code == status, done.output
    return done.stdout


def scored(use_case: UseCase, date: str, version: int, status: str = "published") -> None:
    """An entry of the ledger, as scoring leaves it."""
    row = {
        "attempt_id": uuid.uuid4(), "use_case": use_case.name, "stage": "score", "table_name": "gold.scores",
        "batch_date": dt.date.fromisoformat(date), "run_id": "night", "status": status, "delta_version": 1,
        "model_name": use_case.model_name, "model_version": version, "code_version": "abc",
    }  # fmt: skip
    with engine().begin() as connection:
        connection.execute(sa.insert(EntryRow), [row])


def test_history(use_case):
    shown = run("history", use_case=use_case)
    assert "2013-10-01" in shown
    assert "passed its gates" in shown
    found = json.loads(run("history", "--json", use_case=use_case))
    assert [(each["version"], each["first"], each["last"], each["to"]) for each in found["reigns"]] == [
        (1, "2013-10-01", "2013-10-04", "2013-10-05"),
        (2, "2013-10-05", None, None),
    ]
    assert [each["run_id"] for each in found["decisions"]] == ["train 1", "train 5"]


def test_live_on(use_case):
    assert run("live-on", "2013-10-04", use_case=use_case).startswith("version 1, 2013-10-01..2013-10-04\npromoted by")
    assert json.loads(run("live-on", "2013-12-31", "--json", use_case=use_case))["version"] == 2
    assert "had no champion on 2013-09-30" in run("live-on", "2013-09-30", use_case=use_case, status=1)
    assert run("live-on", "2013-10-04", use_case=use_case).endswith("\nno scores of the date were published\n")
    assert json.loads(run("live-on", "2013-09-30", "--json", use_case=use_case, status=1)) == {
        "version": None,
        "scores": [],
    }


def test_live_on_tells_who_scored_the_date_and_who_was_champion_then(use_case):
    scored(use_case, "2013-10-06", 2)
    asked = ("live-on", "2013-10-06")
    said = run(*asked, use_case=use_case)
    assert "the scores that readers see: made by version 2 at " in said
    assert "champion of the date then" not in said
    run("rollback", "1", "--from", "2013-10-05", *WHO, use_case=use_case)
    said = run(*asked, use_case=use_case)
    assert said.startswith("version 1, from 2013-10-05 on\nrolled back by maria at ")
    assert "the scores that readers see: made by version 2 at " in said
    assert "champion of the date then: version 2, from 2013-10-05 on\n  promoted by auto at " in said
    found = json.loads(run(*asked, "--json", use_case=use_case))
    assert (found["version"], found["action"]) == (1, "rolled back")
    assert [(each["version"], each["champion_then"]["version"]) for each in found["scores"]] == [(2, 2)]
    # Made again, twice; what a run did not bring to its end nobody has seen.
    for status in ("published", "published", "failed"):
        scored(use_case, "2013-10-06", 1, status)
    said = run(*asked, use_case=use_case)
    assert said.index("readers see: made by version 1") < said.index("that they replaced: made by version 2")
    assert said.count("made by") == 2


def test_live_on_tells_where_a_version_scored_that_was_no_champion(use_case):
    for date in ("2013-09-30", "2013-10-02"):
        scored(use_case, date, 3)
    said = run("live-on", "2013-10-02", use_case=use_case)
    assert "made by version 3 at " in said
    assert "champion of the date then: version 1, 2013-10-01..2013-10-04" in said
    said = run("live-on", "2013-09-30", use_case=use_case, status=1)
    assert "made by version 3 at " in said
    assert "champion of the date then: none" in said


def test_list_and_show(use_case):
    found = json.loads(run("list", "--json", use_case=use_case))
    assert [(each["version"], each["status"], each["loss"]) for each in found] == [
        (1, "former champion", 0.5),
        (2, "champion", 0.5),
    ]
    assert [(each["champion_from"], each["champion_to"]) for each in found] == [
        ("2013-10-01", "2013-10-05"),
        ("2013-10-05", None),
    ]
    listed = run("list", use_case=use_case)
    assert "former champion" in listed
    assert "`champion to` is the first batch date after its last" in listed
    shown = json.loads(run("show", "2", "--json", use_case=use_case))
    assert (shown["metrics"], shown["tags"]["status"]) == ({"loss": 0.5}, "champion")
    assert [each["action"] for each in shown["decisions"]] == ["promoted"]
    assert "passed its gates" in run("show", "2", use_case=use_case)
    with pytest.raises(NightshiftError, match="has no version 9"):
        run("show", "9", use_case=use_case)


def test_a_rollback_says_which_scored_dates_another_version_made(use_case):
    for date, version in [("2013-10-04", 1), ("2013-10-05", 2), ("2013-10-06", 2), ("2013-10-07", 1)]:
        scored(use_case, date, version)
    # scored again since with the version that comes back
    scored(use_case, "2013-10-05", 1)
    scored(use_case, "2013-10-07", 2, status="failed")
    night = {"use_case": use_case.name, "stage": "score", "table_name": "gold.scores", "run_id": "night"}
    with attempt(night, {dt.date(2013, 10, 8): {"model_name": use_case.model_name, "model_version": 2}}):
        said = run("rollback", "1", "--from", "2013-10-03", *WHO, use_case=use_case)
    assert "version 1 is champion from 2013-10-03 on" in said
    assert f"`nightshift features --use-case {use_case.name} --publish`" in said
    assert "2013-10-06 (1 batch date): scored by version 2\n2013-10-08 (1 batch date): scored by version 2" in said
    assert f".venv/bin/python -m scoring.score --use-case {use_case.name} --dates 2013-10-06 --model as_of" in said
    assert f".venv/bin/python -m spark_jobs.marts --use-case {use_case.name} --dates 2013-10-08" in said
    assert "2013-10-07" not in said
    assert [each.version for each in champions.history(use_case)] == [1, 1]


def test_a_rollback_makes_scores_again_on_request_and_stops_where_that_fails(use_case, monkeypatch):
    scored(use_case, "2013-10-06", 2)
    ran = []

    def stand_in(command, cwd, check):
        ran.append(command[2])
        return type("Done", (), {"returncode": 0 if len(ran) != 4 else 65})

    monkeypatch.setattr(model_decisions.subprocess, "run", stand_in)
    arguments = ("rollback", "1", "--from", "2013-10-06", "--rescore", *WHO)
    run(*arguments, use_case=use_case)
    assert ran == ["scoring.score", "spark_jobs.marts"]
    with pytest.raises(NightshiftError, match=r"spark_jobs\.marts .* ended with status 65"):
        run(*arguments, use_case=use_case)


def test_a_rollback_to_what_is_live_blocks_nothing_and_says_so(use_case, monkeypatch, tmp_path):
    # The job and the command read the tables of the flights.
    tables = nightshift.declarations.catalog.Catalog(use_case)
    before = champions.decisions(use_case)
    asked = ("rollback", "2", "--from", "2013-10-06", *WHO)
    with pytest.raises(
        NightshiftError, match="version 2 is live and cannot replace itself: to block it, give as version"
    ):
        run(*asked, "--block-live", use_case=use_case)
    with pytest.raises(NothingDecidedError, match="version 2 is champion from 2013-10-05 on already, by auto"):
        run(*asked, use_case=use_case)
    # The job of the DAG ends as one that did nothing, with the reason.
    monkeypatch.setenv(RESULT_FILE, str(tmp_path / "result.json"))
    job = Job("rollback", use_case, tables, BatchDates.parse("2013-10-06"), "manual__1")
    rollback.body(job, Namespace(version=2, who="maria", why="it warns of everything", block="no"))
    assert "version 2 is champion from 2013-10-05 on already" in handed_over(tmp_path / "result.json")[NOTHING_DONE]
    assert champions.decisions(use_case) == before
    # That scores are made again was asked for as well, and another version may have made them.
    ran = []
    monkeypatch.setattr(model_decisions, "_rescore", lambda _, found: ran.append(found))
    scored(use_case, "2013-10-06", 1)
    with pytest.raises(NothingDecidedError, match="nothing was decided: "):
        run(*asked, "--rescore", use_case=use_case)
    assert [dict(found.scored_by) for found in ran] == [{dt.date(2013, 10, 6): 1}]


@pytest.mark.parametrize("command", ["promote", "rollback"])
@pytest.mark.parametrize("first", ["2012-12-31", "2031-01-01"])
def test_a_first_date_that_the_use_case_does_not_have_is_refused(use_case, command, first):
    with pytest.raises(NightshiftError, match=f"{first} is outside the batch dates"):
        run(command, "1", "--from", first, "--who", "admin", "--why", "why", use_case=use_case)
    assert len(champions.decisions(use_case)) == 2


def test_block_says_which_dates_can_no_longer_be_scored(use_case):
    said = run("block", "1", *WHO, use_case=use_case)
    assert "it is the champion of the batch dates 2013-10-01..2013-10-04, which now cannot be scored" in said
    with pytest.raises(NightshiftError, match="version 1 is blocked"):
        run("rollback", "1", "--from", "2013-10-06", *WHO, use_case=use_case)
    assert "blocked by now" in run("live-on", "2013-10-02", use_case=use_case)
    run("unblock", "1", *WHO, use_case=use_case)
    assert "version 1 is champion from 2013-10-06 on" in run(
        "rollback", "1", "--from", "2013-10-06", "--block-live", *WHO, use_case=use_case
    )
    assert set(champions.blocked(champions.decisions(use_case))) == {2}
    typed = champions.decisions(use_case)[2:]
    assert [each.action for each in typed] == ["blocked", "unblocked", "blocked", "rolled back"]
    assert {each.why for each in typed} == {f"{WHO[-1]} (typed by {pwd.getpwuid(os.getuid()).pw_name})"}


def test_a_promotion_by_hand_begins_after_its_training_unless_it_is_said(use_case):
    version = str(register(use_case, dates="2013-01-01..2013-11-30"))
    who = ("--who", "admin", "--why", "it is better")
    assert "version 3 is champion from 2013-12-01 on" in run("promote", version, *who, use_case=use_case)
    assert "version 1 is champion from 2013-12-24 on" in run(
        "promote", "1", "--from", "2013-12-24", *who, use_case=use_case
    )


def test_where_a_person_approves_nobody_else_promotes_and_who_typed_it_is_kept(use_case, monkeypatch):
    monkeypatch.setenv("USER", "somebody")
    version = str(register(use_case, dates="2013-01-01..2013-11-30"))
    with pytest.raises(NightshiftError, match=r"--who maria: the next champion .* is let in by admin "):
        run("promote", version, *WHO, use_case=use_case)
    with pytest.raises(NightshiftError, match="--why is empty"):
        run("promote", version, "--who", "admin", "--why", " ", use_case=use_case)
    assert [each.version for each in champions.history(use_case)] == [1, 2]
    run("promote", version, "--who", " admin ", "--why", "it is better", use_case=use_case)
    kept = champions.decisions(use_case)[-1]
    assert (kept.who, kept.why) == ("admin", f"it is better (typed by {pwd.getpwuid(os.getuid()).pw_name})")


def test_where_no_person_is_asked_anyone_promotes_by_hand(use_case, monkeypatch):
    training = use_case.training.model_copy(update={"approval": Approval(first="person", later="auto", by=("admin",))})
    automatic = use_case.model_copy(update={"training": training})
    monkeypatch.setattr(UseCase, "load", lambda name, _: automatic)
    asked = ("promote", str(register(use_case, approval="auto")), "--from", "2013-12-24", "--why", "it is better")
    run(*asked, "--who", "maria", use_case=use_case)
    assert champions.decisions(use_case)[-1].who == "maria"


def test_a_suspected_version_is_promoted_by_those_who_may_and_who_name_each_suspect(use_case, monkeypatch):
    training = use_case.training.model_copy(update={"approval": Approval(later="auto", by=("admin",))})
    automatic = use_case.model_copy(update={"training": training})
    monkeypatch.setattr(UseCase, "load", lambda name, _: automatic)
    version = str(register(use_case, approval="person", leak_suspects="delay, gate"))
    before = champions.decisions(use_case)
    asked = ("promote", version, "--from", "2013-12-24", "--why", "it's known")
    with pytest.raises(NightshiftError, match=r"--who maria: the next champion .* is let in by admin "):
        run(*asked, "--who", "maria", "--cleared", "delay", "--cleared", "gate", use_case=use_case)
    for cleared in ((), ("--cleared", "gate")):
        with pytest.raises(NightshiftError, match=f"version {version} may know the outcome by delay and gate") as told:
            run(*asked, "--who", "admin", *cleared, use_case=use_case)
    with pytest.raises(NightshiftError, match=r"--cleared distance: .* by delay and gate\. Nothing was decided"):
        run(*asked, "--who", "admin", "--cleared", "distance", use_case=use_case)
    assert champions.decisions(use_case) == before
    (command,) = re.findall("`nightshift models (.*)`", str(told.value))
    assert CliRunner().invoke(commands.models, shlex.split(command)).exit_code == 0
    kept = champions.decisions(use_case)[-1]
    assert (kept.version, kept.who, kept.first) == (int(version), "admin", dt.date(2013, 12, 24))
    assert kept.why == f"it's known (typed by {pwd.getpwuid(os.getuid()).pw_name}) (asked about delay, gate)"


def test_where_nobody_is_named_nobody_lets_a_suspect_in(use_case, monkeypatch):
    training = use_case.training.model_copy(update={"approval": Approval()})
    automatic = use_case.model_copy(update={"training": training})
    monkeypatch.setattr(UseCase, "load", lambda name, _: automatic)
    before = champions.decisions(use_case)
    version = str(register(use_case, approval="person", leak_suspects="delay"))
    asked = ("promote", version, "--from", "2013-12-24", "--why", "known at the cut-off", "--cleared", "delay")
    for who in ("maria", "auto"):
        with pytest.raises(NightshiftError, match=r"by delay, and only a person who is named may let it in: .*\.by"):
            run(*asked, "--who", who, use_case=use_case)
    assert champions.decisions(use_case) == before
