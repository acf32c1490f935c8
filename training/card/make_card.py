"""What a model card is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightshift.declarations.training_section import BINARY
from nightshift.models.champions.approvers import APPROVAL_TAG, AUTO, PERSON

if TYPE_CHECKING:
    from nightshift.declarations.catalog import Catalog
    from nightshift.declarations.use_case import UseCase
    from nightshift.models.champions import Decision, Reign
    from nightshift.models.model_version import RegisteredModel
    from training.challenger import Challenger
    from training.data.dataset import Dataset
    from training.data.time_split import Periods
    from training.judging.skew import Skew
    from training.plots import Picture


@dataclass(frozen=True)
class Card:
    """One training, as its card shows it.

    Attributes:
        use_case: purpose, owner, target, costs, approval.
        catalog: what the predicted column means.
        challenger: the model, its evaluation and its verdicts.
        dataset: that it was made from.
        periods: train, validation and test.
        provenance: data versions, code, environment, study, who approves: the tags that the version will have.
        champion: that it was compared with; None for the first.
        skew: None where it was not looked for.
        pictures: with their captions.
        decided: about the version; a training's own card has none.
        reigns: of the version.
    """

    use_case: UseCase
    catalog: Catalog
    challenger: Challenger
    dataset: Dataset
    periods: Periods
    provenance: Mapping[str, str]
    champion: RegisteredModel | None
    skew: Skew | None
    pictures: Sequence[Picture]
    decided: Sequence[Decision] = ()
    reigns: Sequence[Reign] = ()

    @property
    def is_binary(self) -> bool:
        """Whether it predicts an event, and not a value."""
        return self.challenger.model.task == BINARY

    @property
    def unjudged(self) -> list[str]:
        """Slices and groups that have too little to be judged by."""
        evaluation = self.challenger.evaluation
        slices = [f"{each.column} = {each.value}" for each in evaluation.slices if not each.judged]
        return slices + [f"{each.attribute} = {each.value}" for each in evaluation.groups if not each.judged]

    @property
    def approval(self) -> str:
        """Who lets this model become champion, in a sentence."""
        if self.provenance.get(APPROVAL_TAG, PERSON) == AUTO:
            return (
                "Automatic: training.approval of the use case says `auto`, so a model that passes its gates becomes "
                "champion without a person looking at it."
            )
        rule = self.use_case.training.approval
        if self.challenger.suspects and not rule.by:
            return (
                "By nobody: a feature may know the outcome (see the limits), and training.approval.by names no one who "
                "is asked."
            )
        if self.challenger.suspects:
            return (
                "By a person, whatever training.approval says: a feature may know the outcome (see the limits). "
                f"{', '.join(rule.by)} decides; no answer within {rule.timeout_hours} hours is a no."
            )
        return (
            f"By a person: {', '.join(rule.by)}. No answer within {rule.timeout_hours} hours is a no "
            "(training.approval)."
        )
