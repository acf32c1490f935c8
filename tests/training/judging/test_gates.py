"""The gates fail closed, and their file can't be made harmless by an oversight."""

import json
import math
import re

import pytest
import yaml

from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import PROJECT_DIR, get_settings
from training.judging.gate_file import GROUPS, fault_of_gate, numbers_of
from training.judging.gates import Facts, as_table, defaults_of, judge, load_gates

ALL = Facts(champion_exists=True, champion_fits=True, scored_before=True, has_slices=True, has_fairness=True)
NONE = Facts(champion_exists=False, champion_fits=False, scored_before=False, has_slices=False, has_fairness=False)
GOOD = {
    "rows": 5000.0,
    "events": 900.0,
    "rows_of_rarer_class": 900.0,
    "label_coverage": 0.97,
    "unanswered_suspects": 0.0,
    "auc": 0.7,
    "auc_lower": 0.66,
    "gain_over_constant": 0.02,
    "gain_over_constant_lower": 0.01,
    "gain_over_champion": 0.004,
    "gain_over_champion_lower": 0.002,
    "calibration_error": 0.03,
    "calibration_error_share": 0.15,
    "level_ratio": 1.1,
    "cost_per_row": 0.4,
    "cost_per_row_never_warning": 0.5,
    "cost_per_row_always_warning": 0.8,
    "worst_slice_auc": 0.6,
    "worst_slice_calibration_error": 0.08,
    "smallest_selection_ratio": 0.9,
    "smallest_true_positive_ratio": 0.9,
    "largest_missing_rise": 0.05,
    "largest_feature_drift": 3.0,
    "score_shift": 0.2,
    "score_shift_from_champion": 0.2,
    "skew_share": 0.0,
    "training_seconds": 100.0,
}
# No gate of flights names them.
NO_GATE = {"events", "auc", "gain_over_constant", "gain_over_champion"}
# Ends of intervals, and what is of slices and groups: only their own gates look at them.
OF_A_GATE = {name for name in GOOD if name.endswith("_lower") or name.startswith(("worst_slice_", "smallest_"))}
NEEDED = """
absolute:
  - {name: all_numbers_computed, number: numbers_not_finite, at_most: 0, meaning: What is hidden could be bad.}
  - {name: better_than_constant, number: gain_over_constant_lower, above: 0, meaning: Without it a model is noise.}
  - {name: ranks, number: auc_lower, above: 0.5, meaning: At 0.5 the order is a coin toss.}
relative:
  - name: better_than_champion
    number: gain_over_champion_lower
    above: 0
    when: champion_exists
    meaning: A change that brings nothing is not made.
"""


@pytest.fixture(scope="module")
def gates():
    return load_gates(UseCase.load("flight_delays", get_settings()))


@pytest.fixture
def written(home, tmp_path, monkeypatch):
    """Writes a gates.yaml of a use case of either task, and loads it."""

    def write(text, task="binary"):
        folder = tmp_path / "use_cases" / "judged"
        folder.mkdir(parents=True, exist_ok=True)
        costs = "training: {costs: {false_alarm: 1, missed: 3}}" if task == "binary" else "training: {}"
        (folder / "use_case.yaml").write_text(
            "{name: judged, title: T, description: D, owner: o, timezone: UTC, country: US, "
            f"dates: {{first: 2024-01-01}}, task: {task}, "
            f"target: {{cases: cases, table: results, column: outcome}}, {costs}}}"
        )
        if text is not None:
            (folder / "gates.yaml").write_text(text)
        monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(tmp_path / "use_cases"))
        get_settings.cache_clear()
        return load_gates(UseCase.load("judged", get_settings()))

    return write


def failed(gates, numbers, facts=ALL):
    return {verdict.name for verdict in judge(gates, numbers, facts) if not verdict.passed}


def test_a_good_model_passes_every_gate(gates):
    assert failed(gates, GOOD) == set()


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"rows": 499.0}, "enough_rows"),
        ({"rows_of_rarer_class": 49.0}, "enough_events"),
        ({"label_coverage": 0.5}, "labels_have_come"),
        ({"unanswered_suspects": 1.0}, "suspects_are_answered_for"),
        ({"level_ratio": 4.0}, "level_is_right"),
        ({"calibration_error_share": 0.8}, "calibrated_for_the_base_rate"),
        ({"gain_over_constant_lower": 0.0}, "better_than_constant_rate"),
        ({"auc_lower": 0.5}, "ranks_better_than_chance"),
        ({"gain_over_champion_lower": 0.0}, "better_than_champion"),
        ({"calibration_error": 0.2}, "probabilities_can_be_believed"),
        ({"cost_per_row": 0.5}, "decisions_are_worth_making"),
        ({"cost_per_row_always_warning": 0.39}, "decisions_are_worth_making"),
        ({"worst_slice_auc": 0.4}, "no_part_is_ranked_backwards"),
        ({"worst_slice_calibration_error": 0.3}, "no_part_is_misled"),
        ({"smallest_selection_ratio": 0.79}, "groups_are_warned_alike"),
        ({"smallest_true_positive_ratio": 0.79}, "events_are_found_alike"),
        ({"largest_missing_rise": 0.9}, "features_are_still_delivered"),
        ({"largest_feature_drift": 16.0}, "features_look_like_train"),
        ({"score_shift": 5.0}, "scores_do_not_jump"),
        ({"score_shift_from_champion": 9.0}, "scores_resemble_the_champions"),
        ({"skew_share": 0.5}, "training_sees_what_scoring_saw"),
        ({"training_seconds": 1e6}, "trained_in_time"),
    ],
)
def test_each_gate_refuses_what_is_beyond_its_limit(gates, change, gate):
    assert failed(gates, {**GOOD, **change}) == {gate}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("number", sorted(GOOD.keys() - NO_GATE - OF_A_GATE))
def test_a_number_that_is_not_finite_fails_and_is_named(gates, number, value):
    refused = failed(gates, {**GOOD, number: value})
    assert "all_numbers_computed" in refused
    assert len(refused) >= 2
    verdicts = {verdict.name: verdict for verdict in judge(gates, {**GOOD, number: value}, ALL)}
    assert f"Not computed: {number}." in verdicts["all_numbers_computed"].meaning


@pytest.mark.parametrize("number", sorted(OF_A_GATE))
def test_an_end_or_a_part_that_is_not_finite_fails_the_gate_that_names_it_and_no_other(gates, number):
    named = {gate.name for gate in gates if gate.number == number}
    assert len(named) == 1
    assert failed(gates, {**GOOD, number: math.nan}) == named


def test_no_gate_means_that_an_end_or_a_part_may_be_unknown(written):
    gates = [gate for gate in written(NEEDED) if not gate.limit.endswith("(default)")]
    unknown = dict.fromkeys(
        ("precision_lower", "precision_upper", "worst_slice_auc", "smallest_selection_ratio",
         "smallest_selection_ratio_lower", "smallest_selection_ratio_upper", "auc_gain_over_champion"), math.nan,
    )  # fmt: skip
    assert failed(gates, {**GOOD, "precision": 0.9, **unknown}) == set()
    assert failed(gates, {**GOOD, "precision": math.nan, **unknown}) == {"all_numbers_computed"}
    # A measure of its own, whose name only sounds like an end.
    assert failed(gates, {**GOOD, "pinball_lower": math.nan}) == {"all_numbers_computed"}
    assert failed(gates, {**GOOD, "pinball_lower": 1.0, "pinball_lower_lower": math.nan}) == set()


@pytest.mark.parametrize("number", sorted(GOOD.keys() - NO_GATE))
def test_a_number_that_is_missing_fails(gates, number):
    assert failed(gates, {name: value for name, value in GOOD.items() if name != number})


def test_a_detail_stands_with_the_gate_of_its_number_and_in_the_report(gates):
    details = {"unanswered_suspects": "Suspected: arrival."}
    verdicts = {verdict.name: verdict for verdict in judge(gates, GOOD, ALL, details)}
    assert verdicts["suspects_are_answered_for"].meaning.endswith("Suspected: arrival.")
    assert as_table(list(verdicts.values())).count("arrival") == 1


def test_nothing_computed_at_all_passes_nothing_but_the_count_of_wrong_numbers(gates):
    assert failed(gates, {}) == {gate.name for gate in gates} - {"all_numbers_computed"}


def test_what_the_champion_leaves_uncomputed_says_nothing_of_the_model(gates):
    assert failed(gates, {**GOOD, "champion_precision": math.nan, "constant_precision": math.nan}) == set()


def test_a_gate_is_asked_where_its_condition_holds_and_the_report_says_where_not(gates):
    verdicts = {verdict.name: verdict for verdict in judge(gates, GOOD, NONE)}
    left_out = {name for name, verdict in verdicts.items() if not verdict.asked}
    assert left_out == {gate.name for gate in gates if gate.when is not None}
    assert verdicts["better_than_champion"].word == "not asked: no champion"
    without = {name: value for name, value in GOOD.items() if not name.startswith(("smallest_", "worst_", "skew"))}
    assert failed(gates, without, NONE) == set()


def test_facts_take_from_the_use_case_what_it_declares():
    training = UseCase.load("flight_delays", get_settings()).training.model_copy(
        update={"slices": ("origin",), "fairness": ()}
    )
    use_case = UseCase.load("flight_delays", get_settings()).model_copy(update={"training": training})
    facts = Facts.of(use_case, champion_exists=True, scored_before=False)
    assert facts == Facts(
        champion_exists=True, champion_fits=True, scored_before=False, has_slices=True, has_fairness=False
    )


def test_the_report_names_value_limit_verdict_and_meaning_and_is_json(gates):
    verdicts = judge(gates, {**GOOD, "auc_lower": math.nan}, NONE)
    line = next(line for line in as_table(verdicts).splitlines() if line.startswith("ranks_better_than_chance"))
    assert line.split()[1:5] == ["–", "above", "0.5", "FAILED"]
    assert "coin toss" in line
    kept = json.loads(json.dumps([verdict.to_dict() for verdict in verdicts], allow_nan=False))
    by_name = {each["name"]: each for each in kept}
    assert by_name["ranks_better_than_chance"]["verdict"] == "FAILED"
    assert by_name["ranks_better_than_chance"]["value"] == "nan"
    assert {each["group"] for each in kept} == set(GROUPS)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_without_a_file_all_defaults_hold_and_are_called_so(written, task):
    gates = written(None, task)
    assert {gate.limit.endswith(" (default)") for gate in gates} == {True}
    assert {gate.number for gate in gates} == {gate["number"] for gate in listed(task)}
    assert len({gate.name for gate in gates}) == len(gates)
    verdict = next(each for each in judge(gates, GOOD, ALL) if each.name == "better_than_champion")
    assert verdict.limit == "above 0 (default)"


def listed(task):
    groups = yaml.safe_load(defaults_of(task).read_text(encoding="utf-8"))
    return [gate for gates in groups.values() for gate in gates]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_file_has_the_last_word_on_what_it_judges_and_a_default_on_all_else(written, task):
    text = NEEDED if task == "binary" else NEEDED.replace("auc_lower, above: 0.5", "r2_lower, above: 0")
    own = {"all_numbers_computed", "better_than_constant", "better_than_champion", "ranks"}
    gates = written(text, task)
    assert {gate.name for gate in gates if not gate.limit.endswith("(default)")} == own
    judged = {gate.number for gate in gates if gate.name in own}
    assert {gate.number for gate in gates if gate.name not in own} == {gate["number"] for gate in listed(task)} - judged
    assert "unanswered_suspects" not in judged


def test_a_limit_of_its_own_replaces_the_default(written):
    text = "calibration: [{name: level, number: level_ratio, at_most: 3, meaning: Rates of storms halve and double.}]"
    defaults, gates = written(None), written(text)
    assert failed(defaults, {**GOOD, "level_ratio": 2.5}) == {"level_is_right"}
    assert [(gate.name, gate.limit) for gate in gates if gate.number == "level_ratio"] == [("level", "at most 3")]
    assert failed(gates, {**GOOD, "level_ratio": 2.5}) == set()


def test_no_default_asks_for_a_number_that_is_not_there(written):
    """With nothing declared and nothing scored: whatever has no condition is there in every training."""
    for task in ("binary", "regression"):
        assert [fault_of_gate(gate, task) for gate in written(None, task)] == [None] * len(listed(task))


def test_the_name_of_a_default_belongs_to_its_number(written):
    text = "calibration: [{name: level_is_right, number: brier, at_most: 3, meaning: Something else altogether.}]"
    with pytest.raises(NightshiftError, match="level_is_right is the name of the default gate on level_ratio"):
        written(text)


@pytest.mark.parametrize(
    ("task", "old", "new"),
    [
        ("binary", "auc_lower, above: 0.5", "auc_lower, above: 0.4"),
        ("binary", "auc_lower, above: 0.5", "auc_lower, at_least: 0.5"),
        ("regression", "auc_lower, above: 0.5", "r2_lower, above: -0.1"),
    ],
)
def test_a_file_that_would_let_noise_at_the_right_level_pass_is_refused(written, task, old, new):
    with pytest.raises(NightshiftError, match="noise at the right level would pass"):
        written(NEEDED.replace(old, new), task)


def test_limits_are_met_from_the_right_side(written):
    text = NEEDED + "".join(
        f"  - {{name: {name}, number: auc, {name}: 0.5, meaning: A limit of some kind or other.}}\n"
        for name in ("at_least", "above", "at_most", "below")
    )
    found = written(text)
    for value, right in ((0.4, {"at_most", "below"}), (0.5, {"at_most", "at_least"}), (0.6, {"at_least", "above"})):
        verdicts = judge(found, {**GOOD, "auc": value}, ALL)
        assert {each.name for each in verdicts if each.passed} & {"at_least", "above", "at_most", "below"} == right


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no gates"),
        ("absolute: []", "holds no gates"),
        ("- name: a", "holds no gates"),
        ("absolute: [just a text]", "gates.yaml, line 1: absolute, entry 1: a gate is a mapping"),
        ("absolute: just a text", "gates.yaml, line 1: absolute: must be a list"),
        ("other: [{name: a}]", "'other' is not a group"),
        ("absolute: [", "not valid YAML"),
        (NEEDED.replace("at_most: 0", "at_most: .nan"), "gate all_numbers_computed: at_most"),
        (NEEDED.replace("at_most: 0", "at_most: yes"), "gate all_numbers_computed: at_most"),
        (NEEDED.replace("at_most: 0", "at_most: '0'"), "gate all_numbers_computed: at_most"),
        (NEEDED.replace("at_most: 0,", ""), "gate all_numbers_computed: needs exactly one"),
        (NEEDED.replace("at_most: 0", "at_most: 0, above: 1"), "gate all_numbers_computed: needs exactly one"),
        (
            NEEDED.replace("meaning: A change that brings nothing is not made.", ""),
            "gate better_than_champion: meaning",
        ),
        (NEEDED.replace("name: better_than_champion", "name: better_than_constant"), "two gates are called"),
        (NEEDED.replace("when: champion_exists", "when: sometimes"), "gate better_than_champion: when"),
        (NEEDED.replace("when: champion_exists", "unless: monday"), "gate better_than_champion: unless"),
    ],
)
def test_a_file_that_is_no_list_of_gates_is_refused_by_name(written, text, says):
    with pytest.raises(NightshiftError, match=re.escape(says)) as refused:
        written(text)
    assert "use_cases/judged/gates.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "number: gain_over_constant_lower, above: 0",
            "number: gain_over_constant_lower, above: -1",
            "noise would pass",
        ),
        ("gain_over_constant_lower, above: 0", "gain_over_constant_lower, at_least: 0", "noise would"),
        ("    above: 0", "    above: -0.1", "a worse model would pass"),
        ("numbers_not_finite, at_most: 0", "numbers_not_finite, at_most: 3", "could not be computed would pass"),
    ],
)
def test_a_file_that_loosens_what_no_use_case_may_do_without_is_refused(written, old, new, says):
    assert old in NEEDED
    with pytest.raises(NightshiftError, match=says):
        written(NEEDED.replace(old, new, 1))


@pytest.mark.parametrize(
    ("number", "limit", "beside"),
    [
        # On the other side, where it can't fail.
        ("gain_over_constant_lower", "below: 9", "above 0 (default)"),
        ("level_ratio", "at_least: 0", "at most 2 (default)"),
        ("unanswered_suspects", "at_least: 0", "at most 0 (default)"),
        # Asked more seldom.
        ("auc_lower", "above: 0.6, when: champion_exists", "above 0.5 (default)"),
        ("numbers_not_finite", "at_most: 0, when: champion_exists", "at most 0 (default)"),
        ("unanswered_suspects", "at_most: 0, when: has_slices", "at most 0 (default)"),
        # A champion that no longer beats a constant is one all the same.
        ("gain_over_champion_lower", "above: 0, when: champion_fits", "above 0 (default)"),
    ],
)
def test_a_default_holds_beside_a_gate_on_the_other_side_or_one_that_is_asked_more_seldom(
    written, number, limit, beside
):
    gates = written(f"absolute: [{{name: own, number: {number}, {limit}, meaning: For some reason or other.}}]")
    assert sorted(gate.limit for gate in gates if gate.number == number and gate.name != "own") == [beside]


def test_a_gate_that_is_asked_as_often_replaces_the_default(written):
    text = "skew: [{name: own, number: skew_share, at_most: 0.1, when: scored_before, meaning: Corrections come late.}]"
    assert [gate.name for gate in written(text) if gate.number == "skew_share"] == ["own"]


def test_no_file_lets_a_suspect_pass_that_nobody_answers_for(written):
    text = "absolute: [{name: asked, number: unanswered_suspects, at_most: 1, meaning: Whoever knows the outcome.}]"
    with pytest.raises(NightshiftError, match="a feature that knows the outcome would pass"):
        written(text)


@pytest.mark.parametrize(
    ("number", "task", "says"),
    [
        ("aucc", "binary", "did you mean auc"),
        ("auc", "regression", "is one of binary tasks"),
        ("worst_slice_mae", "binary", "is one of regression tasks"),
        ("strongest_feature_r2", "binary", "is one of regression tasks"),
        ("strongest_feature_auc", "regression", "is one of binary tasks"),
        ("champion_auc", "binary", "add `when: champion_exists`"),
        ("auc_gain_over_champion_lower", "binary", "add `when: champion_exists`"),
        ("worst_slice_auc", "binary", "add `when: has_slices`"),
        ("smallest_selection_ratio", "binary", "add `when: has_fairness`"),
        ("skew_share", "binary", "add `when: scored_before`"),
    ],
)
def test_a_number_that_a_training_cannot_have_is_refused(written, number, task, says):
    needed = NEEDED if task == "binary" else NEEDED.replace("auc_lower, above: 0.5", "r2_lower, above: 0")
    text = f"{needed}  - {{name: another, number: {number}, above: 0, meaning: For some reason or other.}}\n"
    with pytest.raises(NightshiftError, match=says) as refused:
        written(text, task)
    assert "gate another" in str(refused.value)


def test_every_number_that_gates_of_flights_name_is_one_of_binary_tasks(gates):
    assert {gate.number for gate in gates} <= numbers_of("binary")


def test_the_limits_that_the_docs_give_reasons_for_are_those_of_the_file(gates):
    text = (PROJECT_DIR / "docs/gates.md").read_text(encoding="utf-8").partition("## The limits of flight_delays")[2]
    said = dict(
        re.findall(r"^\| `([a-z_0-9]+)`[^|]*\| ((?:above|below|at least|at most) [0-9.]+) \|", text, re.MULTILINE)
    )
    limits = {gate.number: gate.limit for gate in gates}
    assert {"calibration_error", "largest_feature_drift"} <= said.keys()
    assert said == {number: limits[number] for number in said}
