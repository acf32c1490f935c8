"""Features that may know the outcome: a person must look at them before the model goes live.

A limit on one number can't tell a leak from an honest feature: where little can be foreseen a leak stays below it, and
where a feature is simply good it does not. What a leak does, everywhere and always, is the model's work: alone it
orders the outcomes about as well as the whole model, in every period. An honest feature may do so in a week of storms,
and not over months.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from nightshift.declarations.training_section import BINARY, Task
from nightshift.figures import number

if TYPE_CHECKING:
    from training.judging.leaks import Strengths

# Share of the whole model's skill that a feature has alone; what is foreseen from many small signs stays far below.
MOST_OF_THE_SKILL: Final = 2 / 3
# Skill in every period, from 0 to 1, from which a feature is looked at: an area of 0.75 (binary), or a rank correlation
# of 0.5. Single months of the example reach 0.4.
STRONG: Final = 0.5
# Below this a feature that beats its model says something about the model.
WEAK: Final = 0.3
# Share of the model's gain: more than all other features together.
MOST_OF_THE_GAIN: Final = 0.5


@dataclass(frozen=True)
class Suspect:
    """A feature that may have been written after the outcome, or from it.

    Attributes:
        why: in words, with the figures.
    """

    feature: str
    why: str

    def __str__(self) -> str:
        return f"{self.feature} {self.why}"


def suspects(
    strengths: Strengths,
    whole: Mapping[str, float],
    gains: Mapping[str, float],
    task: Task,
    cleared: Mapping[str, str],
) -> tuple[Suspect, ...]:
    """The features that a person must look at, the strongest first.

    Args:
        strengths: of each feature alone, by period.
        whole: how well the whole model orders the outcomes of the same rows, by period.
        gains: each feature's share of the model's gain, from 0 to 1.
        task: of which the strengths are.
        cleared: features that somebody has looked at (`training.cleared_features`).
    """
    found = []
    model = skill(whole["test"], task)
    for name in gains.keys() - cleared.keys():
        alone = [skill(each[name], task) for each in strengths.values() if np.isfinite(each[name])]
        test = strengths["test"][name]
        if not alone or not np.isfinite(test):
            # The gate on the strongest feature has failed by it.
            continue
        at_test, always = skill(test, task), min(alone)
        beside = f"({number(test)}; the whole model {number(whole['test'])})"
        if at_test >= model and at_test >= WEAK:
            found.append((at_test, Suspect(name, f"orders the test period better alone than the whole model {beside}")))
        elif always >= STRONG and at_test >= MOST_OF_THE_SKILL * model:
            why = f"orders the outcomes nearly as well alone as the whole model, in every period {beside}"
            found.append((at_test, Suspect(name, why)))
        elif gains[name] >= MOST_OF_THE_GAIN and at_test >= MOST_OF_THE_SKILL * model and at_test >= WEAK:
            share = f"has {gains[name]:.0%} of the model's gain, and orders the test period nearly as well alone"
            found.append((at_test, Suspect(name, f"{share} {beside}")))
    return tuple(each for _, each in sorted(found, key=lambda both: (-both[0], both[1].feature)))


def skill(strength: float, task: Task) -> float:
    """From 0, a toss of a coin, to 1: of an area under the ROC curve, or of a squared rank correlation."""
    return 2 * abs(strength - 0.5) if task == BINARY else float(np.sqrt(strength))
