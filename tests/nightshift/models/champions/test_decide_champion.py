"""Decisions stand in the ledger first; MLflow follows, whoever is killed or comes at the same time."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from sqlalchemy.exc import StatementError

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift.ledger.advisory_locks import turn_if_free
from nightshift.ledger.attempts import attempt
from nightshift.ledger.model_decisions import add, deciding
from nightshift.models import champions, mlflow_connection, resolve_version, usable_version
from nightshift.models.champions import decide_champion
from nightshift.models.champions.compared_before import NeverComparedError
from nightshift.models.champions.decisions_without_effect import NothingDecidedError
from nightshift.models.champions.mlflow_mirror import ALIAS
from nightshift.models.model_version import load
from tests.registering import register

D1, D5, D9 = (dt.date(2013, 10, number) for number in (1, 5, 9))


def alias(use_case):
    found = mlflow_connection.client(get_settings()).get_registered_model(use_case.model_name).aliases.get(ALIAS)
    return None if found is None else str(found)


def tags(use_case, version):
    found = mlflow_connection.model_version(use_case, version).tags
    return {name: value for name, value in found.items() if name in ("status", "champion_from", "champion_to")}


def reigns(use_case):
    return [(each.version, each.first, each.last) for each in champions.history(use_case)]


@pytest.fixture
def two(use_case):
    """Two versions: 1 reigns from the 1st, 2 from the 5th."""
    for first, who in ((D1, "auto"), (D5, "maria")):
        champions.promote(use_case, register(use_case), first, who, "it is better", f"train {first}")
    return use_case


def test_a_promotion_is_kept_with_who_when_and_why_and_shown_in_mlflow(two):
    assert reigns(two) == [(1, D1, dt.date(2013, 10, 4)), (2, D5, None)]
    last = champions.history(two)[-1]
    assert (last.who, last.why, last.run_id) == ("maria", "it is better", f"train {D5}")
    assert abs(last.decided_at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
    assert alias(two) == "2"
    assert tags(two, 1) == {"status": "former champion", "champion_from": str(D1), "champion_to": str(D5)}
    assert tags(two, 2) == {"status": "champion", "champion_from": str(D5)}
    assert champions.live_on(two, dt.date(2013, 10, 4)).version == 1
    assert champions.live_on(two, dt.date(2013, 9, 30)) is None


def test_a_run_that_is_cleared_decides_once(two):
    again = champions.promote(two, 2, D9, "maria", "it is better", f"train {D5}")
    assert again.first == D5
    assert len(champions.decisions(two)) == 2


def test_a_run_that_is_cleared_after_others_decided_otherwise_says_that_it_changes_nothing(two):
    champions.roll_back(two, 1, D9, "paul", "it warns of everything", "rollback")
    with pytest.raises(
        NothingDecidedError,
        match=r"nothing was decided: .*version 1 was rolled back from 2013-10-09 on, by paul on .*: it warns of every",
    ):
        champions.promote(two, 2, D9, "maria", "it is better", f"train {D5}")
    assert reigns(two)[-1] == (1, D9, None)
    champions.block(two, 2, "maria", "it warns of everything", "run")
    champions.unblock(two, 2, "paul", "the data were wrong", "manual")
    with pytest.raises(NothingDecidedError, match="since then version 2 was unblocked, by paul"):
        champions.block(two, 2, "maria", "it warns of everything", "run")
    assert champions.blocked(champions.decisions(two)) == {}


def test_what_is_so_already_is_not_decided_again_and_says_by_whom_it_was(two):
    before = champions.decisions(two)
    for decide in (champions.promote, champions.roll_back):
        with pytest.raises(
            NothingDecidedError, match=r"version 2 is champion from 2013-10-05 on already, by maria on .*: it is better"
        ):
            decide(two, 2, D9, "paul", "from the 9th on", "manual")
    assert champions.decisions(two) == before
    champions.block(two, 1, "maria", "it warns of everything", "manual")
    with pytest.raises(NothingDecidedError, match=r"version 1 is blocked already, by maria on .*: it warns of every"):
        champions.block(two, 1, "paul", "it warns of nothing", "manual")


def test_the_version_that_is_live_is_not_blocked_in_its_own_place(two):
    before = champions.decisions(two)
    for first in (D1, D9):
        with pytest.raises(NightshiftError, match="version 2 is live and cannot replace itself: to block it, give as"):
            champions.roll_back(two, 2, first, "maria", "it warns of everything", "rollback", blocks_live=True)
    assert champions.decisions(two) == before


def test_a_live_version_that_is_blocked_already_is_replaced_all_the_same(two):
    champions.block(two, 2, "paul", "it warns of everything", "manual")
    champions.roll_back(two, 1, D9, "maria", "so it does", "rollback", blocks_live=True)
    assert reigns(two)[-1] == (1, D9, None)
    assert champions.blocked(champions.decisions(two))[2].who == "paul"


def test_a_block_that_goes_with_a_rollback_is_kept_with_it_or_not_at_all(two):
    # The database refuses the second of the two rows.
    with pytest.raises(StatementError):
        add(two, 1, "rolled back", first="never", who="maria", why="why", run_id="rollback", blocks=2)
    assert [each.action for each in champions.decisions(two)] == ["promoted", "promoted"]


def test_what_is_decided_by_hand_may_be_decided_again(two):
    for version in (1, 2, 1, 2):
        champions.roll_back(two, version, D9, "maria", "once more", "manual")
    assert [each.version for each in champions.decisions(two)] == [1, 2, 1, 2, 1, 2]
    assert reigns(two)[-1][0] == 2


def test_a_rollback_into_the_past_ends_what_reigned_since(two):
    champions.roll_back(
        two, 1, dt.date(2013, 10, 6), "maria", "version 2 warns of everything", "manual", blocks_live=True
    )
    assert reigns(two) == [(1, D1, dt.date(2013, 10, 4)), (2, D5, D5), (1, dt.date(2013, 10, 6), None)]
    assert alias(two) == "1"
    assert tags(two, 2) == {"status": "blocked", "champion_from": str(D5), "champion_to": "2013-10-06"}


def test_a_rollback_that_is_refused_blocks_nobody(two):
    register(two)
    with pytest.raises(NightshiftError, match="version 3 never was champion"):
        champions.roll_back(two, 3, D9, "maria", "why", "manual", blocks_live=True)
    with pytest.raises(NightshiftError, match="version 9 never was champion"):
        champions.roll_back(two, 9, D9, "maria", "why", "manual", blocks_live=True)
    assert champions.blocked(champions.decisions(two)) == {}


def test_a_version_whose_features_are_gone_is_neither_put_back_nor_promoted_and_blocks_nobody(two, monkeypatch):
    features = Catalog(UseCase.load("flight_delays", get_settings()))["gold.features"]
    columns = [each for each in features.columns if each.name != "distance"]
    without_distance = {"gold.features": features.model_copy(update={"columns": tuple(columns)})}
    monkeypatch.setattr(usable_version, "Catalog", lambda _: without_distance)
    for blocks_live in (True, False):
        with pytest.raises(NightshiftError, match=r"version 1 needs distance, and .* declares no such features"):
            champions.roll_back(two, 1, D9, "maria", "why", "manual", blocks_live=blocks_live)
    with pytest.raises(NightshiftError, match="version 1 needs distance"):
        champions.promote(two, 1, D9, "maria", "why", "manual")
    assert [each.action for each in champions.decisions(two)] == ["promoted", "promoted"]


def test_a_rollback_that_was_cleared_blocks_once_and_not_what_it_put_back(two):
    for _ in range(2):
        champions.roll_back(two, 1, D9, "maria", "why", "rollback__1", blocks_live=True)
    # No person typed the reason of a run.
    assert [(each.action, each.version, each.why) for each in champions.decisions(two)[2:]] == [
        ("blocked", 2, "why"),
        ("rolled back", 1, "why"),
    ]


def test_a_blocked_version_is_neither_promoted_nor_put_back_until_that_is_taken_back(two):
    champions.roll_back(two, 1, D9, "maria", "why", "manual")
    champions.block(two, 2, "maria", "it warns of everything", "manual")
    for decide in (champions.promote, champions.roll_back):
        with pytest.raises(NightshiftError, match=r"version 2 is blocked.*maria.*it warns of everything"):
            decide(two, 2, D9, "paul", "please", "manual")
    assert reigns(two)[-1] == (1, D9, None)
    champions.unblock(two, 2, "maria", "the data were wrong, not the model", "manual")
    champions.promote(two, 2, D9, "paul", "please", "manual")
    assert reigns(two)[-1] == (2, D9, None)
    with pytest.raises(NightshiftError, match="is not blocked"):
        champions.unblock(two, 2, "maria", "why", "manual")


def test_a_champion_that_is_blocked_loses_the_alias(two):
    champions.block(two, 2, "maria", "it warns of everything", "manual")
    assert alias(two) is None


@pytest.mark.parametrize(("who", "why"), [("", "why"), ("maria", " "), ("maria", "line\nbreak"), ("m" * 101, "why")])
def test_nobody_decides_without_a_name_and_a_reason(two, who, why):
    with pytest.raises(NightshiftError, match=r"--wh[oy]"):
        champions.promote(two, 1, D9, who, why, "manual")
    assert len(champions.decisions(two)) == 2


def test_a_version_that_does_not_exist_is_not_promoted(use_case):
    register(use_case)
    with pytest.raises(NightshiftError, match="has no version 7"):
        champions.promote(use_case, 7, D1, "maria", "why", "manual")
    assert champions.decisions(use_case) == []


def test_a_declined_version_is_kept_as_such_and_may_be_promoted_later(two):
    at = dt.datetime(2013, 10, 2, 9, 30, tzinfo=dt.UTC)
    kept = champions.decline(two, register(two, status="awaiting approval"), "paul", "too many warnings", "run", at)
    assert kept.decided_at == at
    assert tags(two, 3) == {"status": "declined"}
    champions.decline(two, 3, "paul", "too many warnings", "run")
    assert len(champions.decisions(two)) == 3
    champions.promote(two, 3, D9, "maria", "after all", "manual")
    assert tags(two, 3)["status"] == "champion"


@pytest.mark.parametrize(
    ("compared", "blocked", "said"),
    [
        ("2", False, False),
        ("1", False, True),
        ("none", False, True),
        ("1", True, False),
    ],
)
def test_it_is_said_where_a_version_was_never_compared_with_the_champion_of_now(two, caplog, compared, blocked, said):
    version = register(two, champion_compared=compared)
    if blocked:
        champions.block(two, 2, "maria", "it warns of everything", "manual")
    champions.promote(two, version, D9, "maria", "it is better", "manual")
    assert reigns(two)[-1] == (version, D9, None)
    assert ("version 2 is champion by now" in caplog.text) is said


@pytest.mark.parametrize(("compared", "beside"), [("none", "no champion"), ("1", "version 1")])
def test_only_by_hand_a_version_becomes_champion_that_was_never_compared_with_that_of_now(two, compared, beside):
    version = register(two, champion_compared=compared)
    # A form may have been answered while the champion changed.
    for who, run_id in (("auto", "train 3"), ("auto", "manual"), ("maria", "train 3")):
        with pytest.raises(NeverComparedError, match=rf"judged beside {beside}, and version 2 is champion by now"):
            champions.promote(two, version, D9, who, "it is better", run_id)
    assert reigns(two)[-1] == (2, D5, None)
    assert len(champions.decisions(two)) == 2
    champions.promote(two, register(two, champion_compared="2"), D9, "auto", "training.approval: auto", "train 4")
    assert reigns(two)[-1] == (4, D9, None)


def test_no_rule_lets_a_version_in_of_which_a_feature_may_know_the_outcome(use_case):
    version = register(use_case, leak_suspects="duration")
    for run_id in ("train 1", "manual"):
        with pytest.raises(NightshiftError, match="version 1 may know the outcome by duration: a person must look"):
            champions.promote(use_case, version, D1, "auto", "training.approval: auto", run_id)
    # The form has shown the feature; what is typed by hand has not.
    with pytest.raises(NightshiftError, match="version 1 may know the outcome by duration"):
        champions.promote(use_case, version, D1, "maria", "known at the cut-off", "manual")
    assert champions.decisions(use_case) == []
    kept = champions.promote(use_case, version, D1, "maria", "known at the cut-off", "train 1")
    assert kept.why == "known at the cut-off (asked about duration)"


def test_a_champion_is_not_declined_and_it_is_said_what_takes_it_back(two):
    with pytest.raises(NightshiftError, match=r"champion since .*, from 2013-10-05 on, by maria.*rollback <version>"):
        champions.decline(two, 2, "maria", "on second thoughts", f"train {D5}")
    assert [each.action for each in champions.decisions(two)] == ["promoted", "promoted"]
    champions.decline(two, 1, "maria", "on second thoughts", f"train {D1}")
    assert reigns(two)[-1] == (2, D5, None)


def test_a_no_that_was_followed_by_a_yes_of_the_same_run_is_no_no(two):
    version = register(two)
    champions.decline(two, version, "maria", "too many warnings", "train 3")
    champions.promote(two, version, D9, "maria", "it is better", "train 3")
    with pytest.raises(NightshiftError, match="cannot be declined any more"):
        champions.decline(two, version, "maria", "on second thoughts", "train 3")
    # What somebody else let in since is not for this run to take back.
    champions.decline(two, register(two), "maria", "too many warnings", "train 4")
    champions.promote(two, 4, D9, "paul", "it is better", "manual")
    with pytest.raises(NothingDecidedError, match="since then version 4 was promoted from 2013-10-09 on, by paul"):
        champions.decline(two, 4, "maria", "too many warnings", "train 4")
    assert reigns(two)[-1] == (4, D9, None)


def test_what_is_so_already_is_told_by_the_decision_that_made_it_so(two):
    champions.block(two, 2, "maria", "it warns of everything", f"train {D5}")
    champions.unblock(two, 2, "maria", "the data were wrong", "manual")
    with pytest.raises(NothingDecidedError, match="version 2 is champion from 2013-10-05 on already, by maria"):
        champions.promote(two, 2, D9, "paul", "please", "manual")


def test_where_a_reign_begins_is_found_when_nobody_else_decides_and_the_model_is_there(two, monkeypatch):
    found = []

    def fetch(use_case, version):
        found.append("files")
        return load(use_case, version)

    def first():
        with turn_if_free(deciding(two)) as is_free:
            found.append("free" if is_free else "held")
        return D9

    monkeypatch.setattr(decide_champion, "load", fetch)
    champions.promote(two, register(two), first, "maria", "it is better", "manual")
    assert found == ["files", "held"]
    assert reigns(two)[-1] == (3, D9, None)


def test_of_promotions_at_once_the_alias_is_that_of_the_last_decision(use_case):
    versions = [register(use_case) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda version: champions.promote(use_case, version, D1, "maria", "why", "manual"), versions))
    assert sorted(each.version for each in champions.decisions(use_case)) == versions
    assert [int(alias(use_case))] == [each.version for each in champions.history(use_case)]
    statuses = [tags(use_case, version)["status"] for version in versions]
    assert sorted(statuses) == ["champion", *["former champion"] * 3]


KILLED = """
import datetime as dt, os, signal, sys
from nightshift.models.champions import decide_champion
from tests.registering import renamed
use_case = renamed(sys.argv[1])
decide_champion.repair = lambda _: os.kill(os.getpid(), signal.SIGKILL)
decide_champion.promote(use_case, 2, dt.date(2013, 10, 5), "maria", "why", "train 2")
"""


def test_killed_between_ledger_and_alias_the_next_look_repairs_it(use_case):
    champions.promote(use_case, register(use_case), D1, "auto", "why", "train 1")
    register(use_case)
    command = [sys.executable, "-c", KILLED, use_case.name]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert reigns(use_case)[-1] == (2, D5, None)
    assert alias(use_case) == "1"
    # Scoring goes by the ledger, and fixes.
    assert resolve_version.champion(use_case).version == 2
    assert alias(use_case) == "2"
    assert tags(use_case, 1)["champion_to"] == str(D5)


def test_an_alias_that_somebody_moved_is_put_back(two):
    mlflow_connection.client(get_settings()).set_registered_model_alias(two.model_name, ALIAS, "1")
    assert resolve_version.champion_version(two) == 2
    champions.repair(two)
    assert alias(two) == "2"


def test_a_tag_that_says_otherwise_than_the_ledger_is_fixed(two):
    # As it was written once: the last date of the reign, not the first after it.
    mlflow_connection.client(get_settings()).set_model_version_tag(two.model_name, "1", "champion_to", "2013-10-04")
    champions.repair(two)
    assert tags(two, 1)["champion_to"] == str(D5)


def test_a_new_champion_begins_after_what_it_has_seen_and_what_is_scored(use_case: UseCase):
    catalog = Catalog(UseCase.load("flight_delays", get_settings()))
    catalog.use_case = use_case
    trained_until = dt.date(2013, 9, 30)
    matured = trained_until + dt.timedelta(days=use_case.target.maturity_days)
    scores = catalog["gold.scores"]
    rows = pa.table({"batch_date": pa.array([dt.date(2013, 10, 8)]), "flight": pa.array([1])})
    write_deltalake(scores.location.path, rows, partition_by=["batch_date"])
    assert champions.default_first(catalog, trained_until) == matured
    champions.promote(use_case, register(use_case), matured, "auto", "why", "train 1")
    assert champions.default_first(catalog, trained_until) == D9
    assert champions.default_first(catalog, dt.date(2013, 11, 30)) == dt.date(2013, 12, 1)
    # A night that is scoring at this moment began with the champion of now; one that was killed has scored nothing.
    night = {"use_case": use_case.name, "stage": "score", "table_name": "gold.scores", "run_id": "night"}
    models = {"model_name": use_case.model_name, "model_version": 1}
    with attempt(night, {D9: models}):
        assert champions.default_first(catalog, trained_until) == dt.date(2013, 10, 10)
    with pytest.raises(KeyboardInterrupt), attempt(night, {dt.date(2013, 10, 20): models}):
        raise KeyboardInterrupt
    assert champions.default_first(catalog, trained_until) == D9
