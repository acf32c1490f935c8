"""Which features may know the outcome, by what they do on the data; a person must look at each before it goes live.

No number of one data set tells a leak from an honest feature: where little can be foreseen a leak stays below any
limit, and where a feature is simply good it does not. So each is compared with its own model:

- On the test dates it alone has nine tenths or more of what the whole model has above chance.
- The gain is gone when the model is grown again without it.
- Its values for the same keys differ between what was scored and what training reads later.
- It is filled for one outcome only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nightshift.declarations.training_section import BINARY, Task
from nightshift.figures import number, share
from training.judging.feature_strength import Strength, above_chance, strengths
from training.judging.filled_by_outcome import Filled, filled_for_one_outcome
from training.judging.gain_without import gains_left

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nightshift.declarations.use_case import UseCase
    from training.data.dataset import Dataset
    from training.fitting.fitted_model import FittedModel
    from training.judging.skew import Skew

# Share of what the whole model has above chance that a feature has alone, on the same test rows.
MOST_OF_THE_MODEL: Final = 0.9
# Share of the model's gain that is left without the feature; no more than this is as good as gone. On honest data where
# one feature said half of all, a third or more was left (docs/gates.md).
GONE: Final = 0.2
# Share of rows whose value differs between scoring and training.
REWRITTEN: Final = 0.01
# How often rows of the other outcome have the feature, as a share of how often those of the one outcome do.
ONE_OUTCOME: Final = 0.02

# The number that gates judge.
UNANSWERED: Final = "unanswered_suspects"


@dataclass(frozen=True)
class Suspect:
    """A feature that may have been written after the outcome, or from it.

    Attributes:
        feature: its name.
        evidence: a clause for each reason, with the figures.
    """

    feature: str
    evidence: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.feature}: {'; '.join(self.evidence)}"

    def to_dict(self) -> dict[str, Any]:
        """As it is kept in MLflow."""
        return {"feature": self.feature, "evidence": list(self.evidence)}


@dataclass(frozen=True)
class Signs:
    """What was measured of the features of one training.

    Attributes:
        alone: of each feature on the test dates, beside the whole model.
        gains_left: share of the gain that a model without the feature has, of those that were asked about.
        skew: between scoring and training; None where it was not looked for.
        filled: features that are filled for one outcome only.
    """

    alone: Mapping[str, Strength]
    gains_left: Mapping[str, float] = field(default_factory=dict)
    skew: Skew | None = None
    filled: Sequence[Filled] = ()

    @classmethod
    def of(
        cls,
        use_case: UseCase,
        dataset: Dataset,
        model: FittedModel,
        parameters: Mapping[str, Any],
        predicted: NDArray[np.float64],
        skew: Skew | None,
    ) -> Signs:
        """Measure the features of a model that was made.

        Args:
            use_case: that declares which features somebody has looked at.
            dataset: it was made from.
            model: the whole of it.
            parameters: of its trees.
            predicted: by it, of the test rows.
            skew: between scoring and training.
        """
        cleared = use_case.training.cleared_features
        return cls(
            strengths(dataset.test, dataset.encoding, predicted, use_case.task),
            gains_left(dataset, use_case, model, parameters, cleared, GONE),
            skew,
            filled_for_one_outcome(dataset, use_case.task, ONE_OUTCOME),
        )

    @property
    def not_measured(self) -> list[str]:
        """Features of which the test dates cannot tell what they know alone."""
        return [name for name, strength in self.alone.items() if np.isnan(strength.alone)]


def suspects(signs: Signs, task: Task) -> tuple[Suspect, ...]:
    """The features that a person must look at, the strongest first."""
    clauses: dict[str, list[str]] = {}
    for name, clause in (*_alone(signs, task), *_needed(signs), *_rewritten(signs), *_filled(signs)):
        clauses.setdefault(name, []).append(clause)
    return tuple(
        Suspect(name, tuple(clauses[name]))
        for name in sorted(clauses, key=lambda name: (-signs.alone[name].alone, name))
    )


def unanswered(signs: Signs, found: Collection[Suspect], use_case: UseCase) -> tuple[float, str]:
    """How many suspects nobody answers for, and in words which, and what to do.

    None where `training.approval.by` names who is asked. Not a number where the test dates cannot tell.
    """
    cleared, people = use_case.training.cleared_features, use_case.training.approval.by
    if unknown := [name for name in signs.not_measured if name not in cleared]:
        return float("nan"), (
            f"What {', '.join(unknown)} alone knows of the outcome could not be measured: choose a longer test period."
        )
    if people or not found:
        return 0.0, ""
    return float(len(found)), (
        f"Suspected: {'. '.join(map(str, found))}. Look at when each is written. If it is known at the cut-off, name "
        "it with the reason in training.cleared_features of use_case.yaml, or let training.approval.by name who is "
        "asked; if not, take it out of the features."
    )


def _alone(signs: Signs, task: Task) -> Iterator[tuple[str, str]]:
    measure = "the area under the ROC curve" if task == BINARY else "the squared rank correlation"
    for name, strength in signs.alone.items():
        if np.isnan(strength.alone) or np.isnan(strength.whole):
            continue
        has, whole = above_chance(strength.alone, task), above_chance(strength.whole, task)
        if has >= MOST_OF_THE_MODEL * whole and has > strength.noise:
            part = share(has / whole) if whole > 0 else "more"
            beside = f"({measure} {number(strength.alone)}, of the model {number(strength.whole)})"
            yield name, f"alone it has {part} of what the whole model has above chance on the test dates {beside}"


def _needed(signs: Signs) -> Iterator[tuple[str, str]]:
    for name, left in signs.gains_left.items():
        if left <= GONE:
            yield name, f"a model without it has {share(left)} of the gain"


def _rewritten(signs: Signs) -> Iterator[tuple[str, str]]:
    if signs.skew is None:
        return
    for name, part in signs.skew.rewritten.items():
        if part > REWRITTEN and name in signs.alone:
            rows = f"of {signs.skew.rows:,} rows of {len(signs.skew.dates)} scored dates, by key"
            yield name, f"{share(part)} of its values differ from those that were scored, {rows}"


def _filled(signs: Signs) -> Iterator[tuple[str, str]]:
    for each in signs.filled:
        what = "is filled" if each.instead_of == "missing" else f"is not {each.instead_of}"
        others = f"in {share(each.other_has)} of the others ({each.period})"
        yield each.feature, f"it {what} in {share(each.has)} of the rows {each.outcome} and {others}"
