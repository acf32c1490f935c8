"""What is particular to a kind of task: its measures, its loss, its decisions. One module each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

from nightshift.declarations.training_section import BINARY
from training.judging.metrics.grouped_jackknife import GroupedJackknife
from training.judging.tasks.binary import Binary
from training.judging.tasks.regression import Regression

if TYPE_CHECKING:
    from nightshift.declarations.use_case import UseCase
    from nightshift.models.calibrated_predictions import Interval
    from training.judging.metrics.arrays import Floats

__all__ = ["Binary", "Regression", "TaskMeasures", "measures_of"]


class TaskMeasures(Protocol):
    """How forecasts of one task are measured; all arguments have the shape (rows,).

    Attributes:
        paired: measures, the higher the better, of which the difference to the champion is given as well.
        ranges: the least and the most that measures can be, where they cannot be anything.
    """

    paired: ClassVar[tuple[str, ...]]
    ranges: ClassVar[Mapping[str, tuple[float, float]]]

    def counts(self, labels: Floats, weights: Floats) -> dict[str, float]:
        """How much there is to measure on."""

    def losses(self, labels: Floats, predicted: Floats) -> Floats:
        """What training minimises, for each row."""

    def measures(self, labels: Floats, predicted: Floats, weights: Floats) -> dict[str, float]:
        """All measures of a forecast by name; ``loss`` is the mean of what training minimises."""

    def replicates(self, jackknife: GroupedJackknife, labels: Floats, predicted: Floats) -> dict[str, Floats]:
        """Of the headline measures by name, each of shape (1 + groups,)."""

    def in_slice(self, labels: Floats, predicted: Floats, weights: Floats, bins: int) -> dict[str, float]:
        """The measures of a part of the rows; calibration in so many bins."""

    def worst(self, judged: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """The worst of the slices that are judged; not a number where one could not be measured, or there is none."""


def measures_of(use_case: UseCase, threshold: float | None, interval: Interval | None) -> TaskMeasures:
    """The measures of the use case's task.

    Args:
        use_case: whose task and costs hold.
        threshold: binary: the probability from which a forecast warns; None leaves its decisions unmeasured.
        interval: regression: around each value; None leaves it unmeasured.
    """
    if use_case.task == BINARY:
        assert use_case.training.costs is not None  # held by the declaration
        return Binary(use_case.training.costs, threshold)
    return Regression(interval)
