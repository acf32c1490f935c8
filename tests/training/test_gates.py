"""The gates fail closed."""

import json
import math

import pytest

from training.gates import CHAMPION_GATES, GATES, as_table, judge

GOOD = {
    "rows": 5000.0,
    "events": 900.0,
    "auc": 0.7,
    "auc_lower": 0.66,
    "gain_over_constant_lower": 0.01,
    "gain_over_champion_lower": 0.002,
}


def failed(metrics, champion_exists=False):
    return {verdict.name for verdict in judge(metrics, champion_exists=champion_exists) if not verdict.passed}


def test_a_good_model_passes_every_gate():
    assert failed(GOOD, champion_exists=True) == set()


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"rows": 499.0, "events": 200.0}, "enough_rows"),
        ({"events": 49.0}, "enough_events"),
        ({"events": 4990.0}, "enough_events"),  # the rarer class may be the other one
        ({"gain_over_constant_lower": 0.0}, "better_than_constant_rate"),
        ({"auc_lower": 0.5}, "ranks_better_than_chance"),
        ({"gain_over_champion_lower": 0.0}, "better_than_champion"),
    ],
)
def test_each_gate_refuses_what_is_at_or_beyond_its_limit(change, gate):
    assert failed({**GOOD, **change}, champion_exists=True) == {gate}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("number", [gate.number for gate in GATES + CHAMPION_GATES if gate.number in GOOD])
def test_a_number_that_is_not_finite_fails(number, value):
    gate = next(gate.name for gate in GATES + CHAMPION_GATES if gate.number == number)
    assert {gate, "all_numbers_computed"} <= failed({**GOOD, number: value}, champion_exists=True)


@pytest.mark.parametrize("number", [gate.number for gate in GATES + CHAMPION_GATES if gate.number in GOOD])
def test_a_number_that_is_missing_fails(number):
    without = {name: value for name, value in GOOD.items() if name != number}
    assert failed(without, champion_exists=True)


def test_nothing_computed_at_all_passes_nothing_but_the_count_of_wrong_numbers():
    assert failed({}, champion_exists=True) == {gate.name for gate in GATES + CHAMPION_GATES} - {"all_numbers_computed"}


def test_the_report_names_value_limit_verdict_and_meaning_and_is_json():
    verdicts = judge({**GOOD, "auc_lower": math.nan}, champion_exists=False)
    line = next(line for line in as_table(verdicts).splitlines() if line.startswith("ranks_better_than_chance"))
    assert line.split()[1:5] == ["nan", "above", "0.5", "FAILED"]
    assert "coin toss" in line
    json.dumps([verdict.to_dict() for verdict in verdicts], allow_nan=False)
