"""Which features may know the outcome, by what they do on the data; a person must look at each before it goes live.

No number of one data set tells a leak from an honest feature: where little can be foreseen a leak stays below any
limit, and where a feature is simply good it does not. So each is compared with its own model:

- On the test dates it alone has nine tenths or more of what the whole model has above chance, and not by the chance of
  one month, nor because other features tell the same; or this could not be measured.
- The gain is gone when the model is grown again without it.
- Its values for the same keys differ between what was scored and what training reads later.
- It is filled for one outcome only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nightshift.declarations.training_section import BINARY, Task
from nightshift.figures import number, share
from training.judging.feature_strength import NOT_MEASURED, Strength, above_chance, strengths
from training.judging.filled_by_outcome import Filled, filled_for_one_outcome
from training.judging.gain_without import gain_left, gains_left
from training.judging.metrics.arrays import ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nightshift.declarations.use_case import UseCase
    from training.data.dataset import Dataset
    from training.fitting.fitted_model import FittedModel
    from training.judging.skew import Skew

# Share of what the whole model has above chance that a feature has alone, on the same test rows.
MOST_OF_THE_MODEL: Final = 0.9
# So much of what the model has is no matter of one month's chance, as that the other months must show it, too.
MORE_THAN_THE_MODEL: Final = 1.1
# Share of the model's gain that others have without the features that are so strong: then they tell nothing else.
KNOWN_WITHOUT: Final = 0.9
# Share of the model's gain that is left without the feature; no more than this is as good as gone. A fifth would accuse
# an honest feature where it is all but one of what there is to know.
GONE: Final = 0.1
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
        before: the same on the validation dates.
        gains_left: share of the gain that a model without the feature has, of those that were asked about.
        skew: between scoring and training; None where it was not looked for.
        filled: features that are filled for one outcome only.
        known_without: share of the gain that a model has without all features that alone are nearly as strong as the
            whole model; 0 where it was not asked.
    """

    alone: Mapping[str, Strength]
    before: Mapping[str, Strength] = field(default_factory=dict)
    gains_left: Mapping[str, float] = field(default_factory=dict)
    skew: Skew | None = None
    filled: Sequence[Filled] = ()
    known_without: float = 0.0

    @classmethod
    def of(
        cls,
        use_case: UseCase,
        dataset: Dataset,
        model: FittedModel,
        parameters: Mapping[str, Any],
        predicted: Mapping[str, NDArray[np.float64]],
        skew: Skew | None,
    ) -> Signs:
        """Measure the features of a model that was made.

        Args:
            use_case: that declares which features somebody has looked at.
            dataset: it was made from.
            model: the whole of it.
            parameters: of its trees.
            predicted: by it, of the rows of each period.
            skew: between scoring and training.
        """
        task, cleared = use_case.task, use_case.training.cleared_features
        alone, before = (
            strengths(part, dataset.encoding, predicted[name], task)
            for name, part in (("test", dataset.test), ("validation", dataset.validation))
        )
        strong = [name for name in alone if name not in cleared and _is_strong(alone[name], before[name], task)]
        return cls(
            alone,
            before,
            gains_left(dataset, use_case, model, parameters, cleared, GONE),
            skew,
            filled_for_one_outcome(dataset, task, ONE_OUTCOME),
            gain_left(dataset, use_case, model, parameters, strong) if strong else 0.0,
        )


def suspects(signs: Signs, task: Task) -> tuple[Suspect, ...]:
    """The features that a person must look at, the strongest first, whether somebody has looked at them or not."""
    return open_and_cleared(signs, task, ())[0]


def open_and_cleared(
    signs: Signs, task: Task, looked_at: Collection[str]
) -> tuple[tuple[Suspect, ...], tuple[Suspect, ...]]:
    """The suspects that a person must look at, and those whom the reasons in use_case.yaml answer for.

    When a column is written tells nothing of a value that is another one by now, so no reason answers for that.
    """
    of_values = [*_alone(signs, task), *_needed(signs), *_filled(signs)]
    asked = [*(each for each in of_values if each[0] not in looked_at), *_rewritten(signs)]
    return _named(signs, asked), _named(signs, [each for each in of_values if each[0] in looked_at])


def _named(signs: Signs, said: Iterable[tuple[str, str]]) -> tuple[Suspect, ...]:
    clauses: dict[str, list[str]] = {}
    for name, clause in said:
        clauses.setdefault(name, []).append(clause)
    order = sorted(clauses, key=lambda name: (-np.nan_to_num(signs.alone[name].most), name))
    return tuple(Suspect(name, tuple(clauses[name])) for name in order)


def unanswered(found: Collection[Suspect], use_case: UseCase) -> tuple[float, str]:
    """How many suspects nobody answers for, and in words which, and what to do.

    None where `training.approval.by` names who is asked.
    """
    if use_case.training.approval.by or not found:
        return 0.0, ""
    return float(len(found)), (
        f"Suspected: {'. '.join(map(str, found))}. Look at when each is written. If it is known at the cut-off, name "
        "it with the reason in training.cleared_features of use_case.yaml, or let training.approval.by name who is "
        "asked; if not, take it out of the features. Where it could not be measured, choose a longer test period, or "
        "name it likewise. Where it was rewritten, score those dates again, or let somebody be asked."
    )


def _part(strength: Strength, task: Task) -> float:
    """What a feature alone has of what the whole model has above chance; not a number where that can't be told."""
    return ratio(above_chance(strength.alone, task), above_chance(strength.whole, task))


def _is_strong(test: Strength, validation: Strength | None, task: Task) -> bool:
    """Whether a feature alone has most of what the whole model has, on all rows or on those that have it."""
    return _has_most(test, validation, task) or _has_most_where_present(test, validation, task)


def _has_most(test: Strength, validation: Strength | None, task: Task) -> bool:
    """Whether it has so, and not in the test dates by chance."""
    part = _part(test, task)
    if not (part >= MOST_OF_THE_MODEL and above_chance(test.alone, task) > test.noise):
        return False
    return part >= MORE_THAN_THE_MODEL or validation is None or not _part(validation, task) < MOST_OF_THE_MODEL


def _has_most_where_present(test: Strength, validation: Strength | None, task: Task) -> bool:
    if test.where_present is None:
        return False
    # Where no row of validation lacks it, these are all rows.
    return _has_most(test.where_present, (validation and validation.where_present) or validation, task)


def _alone(signs: Signs, task: Task) -> Iterator[tuple[str, str]]:
    for name, strength in signs.alone.items():
        if np.isnan(strength.alone):
            yield name, f"what it alone knows could not be measured: {NOT_MEASURED}"
    if signs.known_without >= KNOWN_WITHOUT:
        return
    for name, strength in signs.alone.items():
        before = signs.before.get(name)
        if _has_most(strength, before, task):
            yield name, _strong_words(strength, task, "on the test dates")
        elif strength.where_present is not None and _has_most_where_present(strength, before, task):
            yield name, _strong_words(strength.where_present, task, "on the test rows that have a value")


def _strong_words(strength: Strength, task: Task, where: str) -> str:
    measure = "the area under the ROC curve" if task == BINARY else "the squared rank correlation"
    part = _part(strength, task)
    has = f"{share(part)} of what the whole model has above chance" if part <= 1 else "more than the whole model"
    return f"alone it has {has} {where} ({measure} {number(strength.alone)}, of the model {number(strength.whole)})"


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
