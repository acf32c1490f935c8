"""Whoever does the model's work alone, is all that it lives on, was rewritten, or is there for one outcome is named."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from nightshift.declarations.training_section import Approval
from training.judging.feature_strength import Strength
from training.judging.filled_by_outcome import Filled
from training.judging.leak_suspects import Signs, Suspect, suspects, unanswered
from training.judging.skew import Skew

NAN = float("nan")
SUSPECT = Suspect("duration", ("a model without it has 2.0% of the gain",))


def signs(alone=0.6, whole=0.8, noise=0.02, **others):
    return Signs({"f": Strength(alone, whole, noise), "other": Strength(0.52, whole, noise)}, **others)


def named(found, task="binary"):
    """What is said of the one suspect; None where there is none."""
    named = suspects(found, task)
    assert {each.feature for each in named} <= {"f"}
    return str(named[0]) if named else None


@pytest.mark.parametrize(
    ("alone", "whole", "part"),
    [
        # The duration of a call, in models that it made: one forest better, one worse than itself.
        (0.813, 0.801, "104.0%"),
        (0.78, 0.80, "93.3%"),
        (0.785, 0.80, "95.0%"),
        # A copy.
        (1.0, 1.0, "100.0%"),
        # Little can be foreseen, and it is all that is.
        (0.591, 0.60, "91.0%"),
    ],
)
def test_what_alone_has_nine_tenths_of_the_model_is_a_suspect(alone, whole, part):
    said = named(signs(alone, whole))
    assert said.startswith(f"f: alone it has {part} of what the whole model has above chance on the test dates")
    assert f"of the model {whole:g})" in said


@pytest.mark.parametrize(
    ("alone", "whole", "noise"),
    [
        # Strong, and not all that there is.
        (0.87, 0.93, 0.02),
        (0.84, 0.88, 0.02),
        # Of noise as much as noise has; the gates refuse such a model.
        (0.55, 0.55, 0.06),
        (0.55, 0.49, 0.06),
        # Too few of an outcome to tell.
        (NAN, NAN, NAN),
    ],
)
def test_an_honest_feature_of_a_model_that_knows_more_is_none(alone, whole, noise):
    assert named(signs(alone, whole, noise)) is None


def test_of_values_it_is_the_rank_correlation():
    # 0.81 of 0.89 is 0.91, and 0.64 of 0.81 is 0.79.
    assert "the squared rank correlation 0.6561, of the model 0.7921" in named(signs(0.6561, 0.7921), "regression")
    assert named(signs(0.4096, 0.6561), "regression") is None


@pytest.mark.parametrize(("left", "is_named"), [(0.0, True), (0.2, True), (0.21, False), (1.2, False)])
def test_what_the_gain_is_gone_without_is_a_suspect(left, is_named):
    said = named(signs(gains_left={"f": left}))
    assert (said is not None) is is_named
    if is_named:
        assert said == f"f: a model without it has {left:.1%} of the gain"


def test_what_was_rewritten_since_it_was_scored_is_a_suspect_with_rows_and_dates():
    dates = (dt.date(2024, 1, 1), dt.date(2024, 1, 2))
    # Keys that are gone count in the shares of all features, and accuse none of them.
    skew = Skew(2500, {"f": 0.3, "other": 0.2}, {}, dates, (), {"f": 0.012, "other": 0.01, "no feature any more": 1.0})
    assert named(signs(skew=skew)) == (
        "f: 1.2% of its values differ from those that were scored, of 2,500 rows of 2 scored dates, by key"
    )


def test_what_is_filled_for_one_outcome_is_a_suspect():
    filled = [Filled("f", "train", "missing", "with the event", 0.3, 0.001, 400)]
    assert named(signs(filled=filled)) == (
        "f: it is filled in 30.0% of the rows with the event and in 0.1% of the others (train)"
    )
    instead = [Filled("f", "test", "0", "with the event", 0.3, 0.0, 400)]
    assert "it is not 0 in 30.0% of the rows" in named(signs(filled=instead))


def test_all_that_is_against_a_feature_is_said_and_the_strongest_comes_first():
    both = Signs({"a": Strength(0.75, 0.8, 0.02), "b": Strength(0.79, 0.8, 0.02)}, gains_left={"a": 0.03, "b": 0.02})
    found = suspects(both, "binary")
    assert [each.feature for each in found] == ["b", "a"]
    assert [len(each.evidence) for each in found] == [2, 1]


@pytest.fixture
def declared(toy):
    def of(by=(), **training):
        use_case = toy().use_case
        changed = use_case.training.model_copy(update={"approval": Approval(by=by), **training})
        return use_case.model_copy(update={"training": changed})

    return of


def test_a_suspect_that_nobody_answers_for_is_counted_and_the_remedy_is_said(declared):
    count, remedy = unanswered(signs(), [SUSPECT], declared())
    assert count == 1
    assert "duration: a model without it has 2.0% of the gain" in remedy
    assert "training.cleared_features" in remedy
    assert "training.approval.by" in remedy


def test_a_named_person_answers_and_without_a_suspect_nobody_need(declared):
    assert unanswered(signs(), [SUSPECT], declared(by=("maria",))) == (0.0, "")
    assert unanswered(signs(), [], declared()) == (0.0, "")


def test_what_could_not_be_measured_is_no_proof_of_honesty(declared):
    count, remedy = unanswered(signs(NAN), [], declared(by=("maria",)))
    assert math.isnan(count)
    assert remedy == "What f alone knows of the outcome could not be measured: choose a longer test period."
    assert unanswered(signs(NAN), [], declared(cleared_features={"f": "known at midnight"})) == (0.0, "")
