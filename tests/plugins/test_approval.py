"""A person's answer, silence, and the cases in which nobody is asked, as orders to the tasks that follow."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException

from nightshift.declarations.training_section import Approval
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.ledger.model_decisions import PROMOTED, ROLLED_BACK, ChampionAction, Decision
from nightshift_airflow.approval import ApproveModel, ordered
from nightshift_airflow.retries import TaskFailedError

AT = dt.datetime(2013, 10, 2, 9, 30, tzinfo=dt.UTC)
TOLD = {
    "version": 2,
    "approval": "person",
    "compared": "1",
    "refused": "",
    "subject": "May version 2 …?",
    "comparison": "| auc | 0.7 |",
}
MARIA = {"id": "maria", "name": "maria"}


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[Decision]:
    """The decisions in the ledger; by the first, version 1 is champion."""
    decided: list[Decision] = []
    monkeypatch.setattr(sys.modules[Decision.__module__], "decisions", lambda _: decided)
    decide(decided, PROMOTED, 1)
    return decided


def decide(made: list[Decision], action: ChampionAction, version: int) -> None:
    first = dt.date(2013, 10, 1 + len(made))
    made.append(Decision(len(made), version, action, first, "maria", "fine", f"run {len(made)}", AT))


def operator(**approval: Any) -> ApproveModel:
    declared = UseCase.load("flight_delays", get_settings())
    asked = Approval.model_validate({"later": "person", "by": ["maria", "paul"], "timeout_hours": 5} | approval)
    training = declared.training.model_copy(update={"approval": asked})
    with DAG("any", schedule=None):
        return ApproveModel(use_case=declared.model_copy(update={"training": training}), trained="train")


class Pushed(dict[str, Any]):
    """The XCom of a task, with what the training left."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__()
        self.told = told

    def context(self) -> dict[str, Any]:
        def pull(task_ids: str, key: str) -> Any:
            assert task_ids == "train"
            return self.told.get(key)

        push = lambda key, value: self.update({key: value})  # noqa: E731
        return {"ti": SimpleNamespace(xcom_pull=pull, xcom_push=push), "task_instance": SimpleNamespace(id="7")}


def answered(option: str, why: str | None, by: Mapping[str, str] | None, timedout: bool = False) -> Pushed:
    """The orders after an answer."""
    pushed = Pushed(TOLD)
    event = {
        "chosen_options": [option],
        "params_input": {"why": why},
        "responded_at": AT,
        "responded_by_user": by,
        "timedout": timedout,
    }
    operator().execute_complete(pushed.context(), event)
    return pushed


def test_an_approval_is_handed_on_with_who_when_and_why() -> None:
    assert answered("Approve version 2", "better on every slice", MARIA) == {
        "promote": True,
        "decline": False,
        "who": "maria",
        "who_id": "maria",
        "why": "better on every slice",
        "at": AT.isoformat(),
    }


def test_a_rejection_is_an_order_to_keep_it_and_skips_nothing_by_itself() -> None:
    found = answered("Reject version 2", None, MARIA)
    assert (found["promote"], found["decline"], found["who"]) == (False, True, "maria")
    assert found["why"] == "no reason was given"


def test_silence_is_a_no() -> None:
    found = answered("Reject version 2", None, None, timedout=True)
    assert (found["promote"], found["decline"]) == (False, True)
    assert (found["who"], found["who_id"], found["why"]) == ("nobody", "", "nobody answered within 5 hours")


def test_an_approval_by_nobody_is_a_no() -> None:
    found = answered("Approve version 2", "fine", None)
    assert (found["promote"], found["decline"]) == (False, True)


@pytest.mark.parametrize(
    ("said", "kept"),
    [(" two\nlines\x07 ", "two lines"), ("--why not", "why not"), ("x" * 2000, "x" * 998 + " …"), ("\u200b", None)],
)
def test_a_reason_is_one_line_that_the_ledger_and_a_command_line_take(said: str, kept: str | None) -> None:
    assert answered("Approve version 2", said, MARIA)["why"] == (kept or "no reason was given")


@pytest.mark.parametrize(
    ("number", "name", "kept", "asked"),
    [
        # Nobody whom the use case names: `promote` refuses the answer by its id.
        ("4", "Maria M.", "Maria M. (4)", "4"),
        # The auth manager knows people by numbers, the use case by user names.
        ("4", "maria", "maria (4)", "maria"),
        # The auth manager's ids are those of the use case, and names are for people.
        ("maria", "Maria M.", "Maria M. (maria)", "maria"),
        ("maria", "paul", "paul (maria)", "maria"),
    ],
)
def test_whoever_answered_is_known_as_the_use_case_names_people(number: str, name: str, kept: str, asked: str) -> None:
    found = answered("Approve version 2", "fine", {"id": number, "name": name})
    assert (found["who"], found["who_id"]) == (kept, asked)


def test_nobody_is_asked_about_a_model_that_its_gates_refused() -> None:
    pushed = Pushed({**TOLD, "version": None, "approval": None, "refused": "auc, noise"})
    with pytest.raises(AirflowSkipException, match="gates refused the model: auc, noise"):
        operator().execute(pushed.context())
    assert (pushed["promote"], pushed["decline"]) == (False, False)


def test_where_no_person_is_asked_the_promotion_goes_on() -> None:
    pushed = Pushed({**TOLD, "approval": "auto"})
    with pytest.raises(AirflowSkipException, match="without a person"):
        operator().execute(pushed.context())
    assert (pushed["promote"], pushed["decline"], pushed["who"]) == (True, False, "auto")


def test_without_an_outcome_nobody_is_asked_and_nothing_is_promoted() -> None:
    pushed = Pushed({})
    with pytest.raises(TaskFailedError, match="train has left no outcome"):
        operator().execute(pushed.context())
    # No order: the tasks that follow take that for a no.
    assert set(pushed) == {"cause"}


def test_a_person_is_asked_only_where_the_use_case_names_one() -> None:
    nobody = operator(first="auto", later="auto", by=[])
    with pytest.raises(TaskFailedError, match="names nobody"):
        nobody.execute(Pushed(TOLD).context())


def test_the_form_shows_the_comparison_and_answers_no_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = operator()
    monkeypatch.setattr(HITLOperator, "execute", lambda self, context: "waiting")
    assert asked.execute(Pushed(TOLD).context()) == "waiting"
    assert asked.subject == TOLD["subject"]
    deadline, comparison = asked.body.split("\n")
    # Five hours from now in New York, where the use case's people are.
    expected = (dt.datetime.now(ZoneInfo("America/New_York")) + dt.timedelta(hours=5)).strftime("%Y-%m-%d %H:")
    assert expected in deadline
    assert deadline.endswith("(America/New_York)**, maria or paul.")
    assert comparison == TOLD["comparison"]
    assert asked.assigned_users == [MARIA, {"id": "paul", "name": "paul"}]
    assert (asked.options, asked.defaults) == (["Approve version 2", "Reject version 2"], ["Reject version 2"])
    assert asked.response_timeout == dt.timedelta(hours=5)
    # A required field would disable the button.
    assert asked.serialized_params["why"]["schema"]["type"] == ["null", "string"]


@pytest.mark.parametrize("option", ["Approve version 1", "Reject version 1"])
def test_the_answer_to_a_form_about_another_version_decides_nothing(option: str) -> None:
    with pytest.raises(TaskFailedError, match=f"{option} was answered, and version 2 is asked about"):
        answered(option, "fine", MARIA)


def test_nobody_is_asked_about_a_model_that_was_judged_beside_another_champion(made: list[Decision]) -> None:
    decide(made, PROMOTED, 3)
    pushed = Pushed(TOLD)
    with pytest.raises(TaskFailedError, match="version 2 was judged beside version 1, and version 3 is champion"):
        operator().execute(pushed.context())
    # No order: the tasks that follow take that for a no.
    assert set(pushed) == {"cause"}


def test_a_yes_is_none_where_the_champion_changed_while_the_form_was_open(
    made: list[Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    made.clear()
    for version in (3, 1):
        decide(made, PROMOTED, version)
    monkeypatch.setattr(HITLOperator, "execute", lambda self, context: "waiting")
    assert operator().execute(Pushed(TOLD).context()) == "waiting"
    decide(made, ROLLED_BACK, 3)
    with pytest.raises(TaskFailedError, match=r"version 3 is champion by now.* train again.*models promote 2 "):
        answered("Approve version 2", "better than version 1", MARIA)
    # A no keeps the champion, whichever it is.
    assert answered("Reject version 2", "worse than version 1", MARIA)["who"] == "maria"
    assert answered("Reject version 2", None, None, timedout=True)["decline"] is True


def test_orders_are_read_from_the_task_that_gives_them() -> None:
    assert ordered("who") == "{{ ti.xcom_pull(task_ids='approve', key='who') }}"
