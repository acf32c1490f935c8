"""What the demo says of its second model, for each way that a training can end."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.install.demo.second_model import SecondModel, outcome
from nightshift.models.champions import Decision

METRICS = {
    "auc": 0.7012, "champion_auc": 0.6514, "loss": 0.48, "champion_loss": 0.546,
    "gain_over_champion": 0.066, "gain_over_champion_lower": 0.05, "gain_over_champion_upper": 0.08,
}  # fmt: skip
FORM = "http://127.0.0.1:8080/dags/flights_train/runs/demo__1/tasks/approve/required_actions"
DECIDED_AT = dt.datetime(2013, 8, 4, tzinfo=dt.UTC)


def challenger(**changed: Any) -> SecondModel:
    facts: dict[str, Any] = {
        "use_case": "flights", "version": 2, "refused": "", "metrics": METRICS, "people": ("admin",), "form": FORM,
        "decision": None,
    }  # fmt: skip
    return SecondModel(**(facts | changed))


def decision(action: Any, first: dt.date | None, who: str, why: str) -> Decision:
    return Decision(3, 2, action, first, who, why, "demo__1", DECIDED_AT)


def test_one_that_waits_says_for_whom_what_it_gained_and_where_to_click() -> None:
    said = "\n".join(challenger().lines())
    assert "Version 2 has passed its gates and WAITS FOR APPROVAL by admin" in said
    assert "AUC 0.701 against 0.651, loss per row 0.48 against 0.546" in said
    assert "loss saved 0.066 per row (surely 0.05 to 0.08)" in said
    assert FORM in said
    assert "`nightshift models history --use-case flights`" in said


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            decision("promoted", dt.date(2013, 8, 4), "admin", "better"),
            "Version 2 was promoted from 2013-08-04 on by admin: better",
        ),
        (decision("declined", None, "admin", "too soon"), "Version 2 was declined by admin: too soon"),
    ],
)
def test_one_that_was_decided_about_says_by_whom_and_asks_nothing(made: Decision, said: str) -> None:
    lines = "\n".join(challenger(decision=made, people=()).lines())
    assert said in lines
    assert FORM not in lines


def test_one_that_its_gates_refused_names_them() -> None:
    [said] = challenger(version=None, refused="better_than_champion", metrics={}, people=()).lines()
    assert "better_than_champion" in said
    assert "the champion stays" in said


def test_a_measure_that_the_champion_was_not_held_to_is_left_out() -> None:
    """The first model of all has no champion beside it."""
    assert challenger(metrics={"auc": 0.7}).gain() == ""
    assert challenger(metrics={"auc": 0.7, "loss": 0.48, "champion_loss": 0.5}).gain() == (
        "on the same rows of its test period: loss per row 0.48 against 0.5"
    )


def test_values_are_measured_by_how_far_they_miss() -> None:
    measured = {"mae": 1234.56, "champion_mae": 1300.0, "loss": 2.5e6, "champion_loss": 2.75e6}
    assert challenger(metrics=measured).gain() == (
        "on the same rows of its test period: mean absolute error 1,235 against 1,300, "
        "loss per row 2,500,000 against 2,750,000"
    )


def test_a_reason_is_shown_as_it_was_written() -> None:
    made = decision("declined", None, "admin", "see [bold]page 3[/]")
    assert r"see \[bold]page 3\[/]" in challenger(decision=made, people=()).lines()[0]


class Airflow:
    """The XCom of a training that its gates refused."""

    class connection:
        public_url = "http://127.0.0.1:1"

    def call(self, method: str, path: str, json: Any = None, params: Any = None) -> dict[str, Any]:
        told = {"version": None, "refused": "enough_rows"}
        prefix = "dags/flight_delays_train/dagRuns/demo__1/taskInstances/train/xcomEntries/"
        return {"value": told[path.removeprefix(prefix)]}


def test_the_outcome_of_a_refused_one_comes_from_the_training_itself(home: Any) -> None:
    run = {"dag_id": "flight_delays_train", "dag_run_id": "demo__1", "state": "success"}
    found = outcome(Airflow(), UseCase.load("flight_delays", get_settings()), run)  # type: ignore[arg-type]
    assert (found.version, found.refused, found.people, found.decision) == (None, "enough_rows", (), None)
