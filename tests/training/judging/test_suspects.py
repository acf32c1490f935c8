"""A feature that does the model's work alone is named, whatever its area is; a good or lucky one is not."""

from __future__ import annotations

import pytest

from training.judging.suspects import suspects

PERIODS = ("train", "validation", "test")


def named(alone, whole, gain=0.2, task="binary", cleared=()):
    """Whether a feature is a suspect; its strengths, and those of the model, by period."""
    nothing = 0.5 if task == "binary" else 0.0
    strengths = {period: {"f": value, "noise": nothing} for period, value in zip(PERIODS, alone, strict=True)}
    model = dict(zip(PERIODS, whole, strict=True))
    gains = {"f": gain, "noise": 0.0}
    found = suspects(strengths, model, gains, task, dict.fromkeys(cleared, "looked at"))
    assert {each.feature for each in found} <= {"f"}
    return str(found[0]) if found else None


@pytest.mark.parametrize(
    ("alone", "whole", "why"),
    [
        # The duration of a call, in four trainings of a bank: under every limit that one would set.
        ((0.80, 0.80, 0.813), (0.83, 0.81, 0.801), "better alone than the whole model (0.813; the whole model 0.801)"),
        ((0.80, 0.81, 0.80), (0.85, 0.83, 0.82), "nearly as well alone as the whole model, in every period"),
        ((0.80, 0.80, 0.81), (0.91, 0.90, 0.90), "nearly as well alone as the whole model, in every period"),
        ((0.867, 0.867, 0.867), (0.88, 0.88, 0.88), "nearly as well alone as the whole model, in every period"),
        # Points the other way.
        ((0.20, 0.19, 0.20), (0.85, 0.83, 0.82), "nearly as well alone"),
        # Filled lately: the model alone of that period has it.
        ((0.52, 0.55, 0.81), (0.7, 0.7, 0.8), "better alone than the whole model"),
        # Weaker, and yet it beats the model.
        ((0.68, 0.68, 0.69), (0.7, 0.69, 0.68), "better alone than the whole model"),
    ],
)
def test_what_does_the_models_work_alone_is_a_suspect(alone, whole, why):
    assert why in named(alone, whole)
    assert named(alone, whole, cleared=["f"]) is None


@pytest.mark.parametrize(
    ("alone", "whole"),
    [
        # The strongest feature of two months of flights: a week of storms in test, and never so good before.
        ((0.704, 0.684, 0.773), (0.853, 0.73, 0.801)),
        # The scheduled minute, on the demo's months.
        ((0.58, 0.617, 0.62), (0.75, 0.67, 0.66)),
        ((0.70, 0.70, 0.70), (0.80, 0.76, 0.74)),
        # Strong, in a model that knows much more.
        ((0.76, 0.76, 0.76), (0.97, 0.96, 0.95)),
        # Where nothing is foreseen, a feature of noise may come first.
        ((0.55, 0.52, 0.56), (0.60, 0.53, 0.55)),
    ],
)
def test_a_good_feature_of_a_good_model_is_none(alone, whole):
    assert named(alone, whole) is None


def test_most_of_the_gain_makes_a_weaker_feature_a_suspect():
    alone, whole = (0.72, 0.71, 0.72), (0.8, 0.79, 0.78)
    assert named(alone, whole) is None
    assert "has 60% of the model's gain" in named(alone, whole, gain=0.6)


def test_of_values_it_is_the_rank_correlation():
    assert named((0.8, 0.8, 0.8), (0.9, 0.85, 0.85), task="regression")
    assert named((0.16, 0.16, 0.16), (0.6, 0.6, 0.6), task="regression") is None


def test_what_could_not_be_measured_is_left_to_its_gate():
    nan = float("nan")
    assert named((nan, nan, nan), (0.8, 0.8, 0.8)) is None
    assert named((0.8, nan, 0.8), (0.82, nan, 0.82)) is not None
