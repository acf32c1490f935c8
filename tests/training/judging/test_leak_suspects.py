"""Whoever does the model's work alone, is all that it lives on, was rewritten, or is there for one outcome is named."""

from __future__ import annotations

import datetime as dt

import pytest

from nightshift.declarations.training_section import Approval
from training.judging.feature_strength import Strength
from training.judging.filled_by_outcome import Filled
from training.judging.leak_suspects import Signs, Suspect, open_and_cleared, suspects, unanswered
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


def test_what_knows_more_than_the_model_is_not_said_in_percent_of_it():
    said = named(signs(0.813, 0.801))
    assert said == (
        "f: alone it has more than the whole model on the test dates (the area under the ROC curve 0.813, of the model "
        "0.801)"
    )


@pytest.mark.parametrize(
    ("present", "before", "where"),
    [
        # By itself it is the weaker one, and beside the model on the same rows the stronger one.
        (Strength(0.66, 0.67, 0.02), None, "on the test rows that have a value"),
        (Strength(0.66, 0.67, 0.02), Strength(0.6, 0.8, 0.02, Strength(0.655, 0.67, 0.02)), "that have a value"),
        (Strength(0.66, 0.67, 0.02), Strength(0.6, 0.8, 0.02, Strength(0.55, 0.67, 0.02)), None),
        (Strength(0.66, 0.67, 0.02), Strength(0.6, 0.8, 0.02), None),
        # Few rows of validation have it.
        (Strength(0.66, 0.67, 0.02), Strength(0.6, 0.8, 0.02, Strength(NAN, 0.8, NAN)), "that have a value"),
        (Strength(0.66, 0.67, 0.2), None, None),
        (Strength(0.6, 0.67, 0.02), None, None),
        (Strength(NAN, 0.67, NAN), None, None),
    ],
)
def test_the_rows_that_have_a_feature_accuse_it_by_themselves(present, before, where):
    found = Signs({"f": Strength(0.7, 0.8, 0.02, present)}, {} if before is None else {"f": before})
    said = named(found)
    assert (said is None) == (where is None)
    if where:
        assert where in said
        assert "0.66, of the model 0.67" in said


def test_all_rows_accuse_a_feature_whatever_those_do_that_have_it():
    found = Signs({"f": Strength(0.79, 0.8, 0.02, Strength(0.85, 0.95, 0.02))})
    assert "on the test dates (the area under the ROC curve 0.79" in named(found)


@pytest.mark.parametrize(
    ("alone", "whole", "noise"),
    [
        # Strong, and not all that there is.
        (0.87, 0.93, 0.02),
        (0.84, 0.88, 0.02),
        # Of noise as much as noise has; the gates refuse such a model.
        (0.55, 0.55, 0.06),
        (0.55, 0.5, 0.06),
    ],
)
def test_an_honest_feature_of_a_model_that_knows_more_is_none(alone, whole, noise):
    assert named(signs(alone, whole, noise)) is None


@pytest.mark.parametrize(
    ("test", "validation", "is_named"),
    [
        # The duration of a call, which does it always.
        ((0.813, 0.801), (0.80, 0.81), True),
        ((0.80, 0.82), (0.81, 0.83), True),
        # The minute of departure of a flight, in June after a May of storms.
        ((0.704, 0.70), (0.68, 0.767), False),
        # Written since last month: the model does not know it, and it knows all.
        ((0.99, 0.74), (0.5, 0.73), True),
        # Validation has too few events to tell.
        ((0.79, 0.80), (NAN, NAN), True),
    ],
)
def test_what_has_most_of_the_model_in_one_month_is_looked_for_in_the_month_before(test, validation, is_named):
    before = {"f": Strength(*validation, 0.02)}
    assert (named(signs(*test, before=before)) is not None) is is_named


@pytest.mark.parametrize(("known", "is_named"), [(0.0, True), (0.75, True), (0.9, False), (1.1, False)])
def test_what_other_features_tell_as_well_is_none(known, is_named):
    assert (named(signs(0.79, 0.8, known_without=known)) is not None) is is_named


def test_of_values_it_is_the_rank_correlation():
    # 0.81 of 0.89 is 0.91, and 0.64 of 0.81 is 0.79.
    assert "the squared rank correlation 0.6561, of the model 0.7921" in named(signs(0.6561, 0.7921), "regression")
    assert named(signs(0.4096, 0.6561), "regression") is None


@pytest.mark.parametrize(("left", "is_named"), [(0.0, True), (0.1, True), (0.11, False), (1.2, False)])
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
    count, remedy = unanswered([SUSPECT], declared())
    assert count == 1
    assert "duration: a model without it has 2.0% of the gain" in remedy
    assert "training.cleared_features" in remedy
    assert "training.approval.by" in remedy


def test_a_named_person_answers_and_without_a_suspect_nobody_need(declared):
    assert unanswered([SUSPECT], declared(by=("maria",))) == (0.0, "")
    assert unanswered([], declared()) == (0.0, "")


def test_what_could_not_be_measured_is_no_proof_of_honesty(declared):
    found, cleared = open_and_cleared(signs(NAN, noise=NAN), "binary", ())
    assert cleared == ()
    assert str(found[0]).startswith("f: what it alone knows could not be measured: the test rows that measure it")
    assert unanswered(found, declared(by=("maria",))) == (0.0, "")
    count, remedy = unanswered(found, declared())
    assert count == 1
    assert "could not be measured, choose a longer test period, or name it likewise" in remedy
    assert open_and_cleared(signs(NAN, noise=NAN), "binary", ["f"]) == ((), found)


def test_no_reason_answers_for_values_that_were_rewritten():
    skew = Skew(2500, {"f": 0.3}, {}, (dt.date(2024, 1, 1),), (), {"f": 0.3})
    found, cleared = open_and_cleared(signs(0.79, 0.8, skew=skew), "binary", ["f"])
    assert [each.evidence for each in found] == [
        ("30.0% of its values differ from those that were scored, of 2,500 rows of 1 scored dates, by key",)
    ]
    assert [len(each.evidence) for each in cleared] == [1]
    assert cleared[0].evidence[0].startswith("alone it has")
