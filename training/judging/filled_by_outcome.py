"""Whether a feature has a value of rows with one outcome only.

What is written after the outcome is often written of one outcome alone: the reason of a cancellation, what was
recovered of a loan. Elsewhere it is missing, or has one value that stands for nothing, like 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nightshift.declarations.training_section import BINARY, Task
from training.judging.slice_measures import SMALLEST_CLASS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nightshift.models.encoding import Encoding
    from training.data.dataset import Dataset, Part

# The rows of the outcome that lacks it would have it so often at least, were it filled alike in both.
FEWEST_EXPECTED = 20


@dataclass(frozen=True)
class Filled:
    """How often a feature is filled where an outcome happened, and where not.

    Attributes:
        feature: its name.
        period: train, validation or test.
        instead_of: what stands in the other rows: ``missing``, or a value.
        outcome: in words, the one of which more rows have it.
        has: share of the rows of that outcome which have it.
        other_has: share of all other rows.
        rows: that have it.
    """

    feature: str
    period: str
    instead_of: str
    outcome: str
    has: float
    other_has: float
    rows: int


def filled_for_one_outcome(dataset: Dataset, task: Task, most: float) -> list[Filled]:
    """The features that are filled for one outcome only, each in the period that shows it most.

    Of a regression, outcomes are the most common value and all others, where it is as common.

    Args:
        dataset: with its three periods.
        task: that says what an outcome is.
        most: how often rows of the other outcome have it at most, as a share of how often those of the one do.
    """
    found: dict[str, Filled] = {}
    for period, part in (("train", dataset.train), ("validation", dataset.validation), ("test", dataset.test)):
        for each in _of_period(period, part, dataset.encoding, task):
            if each.other_has <= most * each.has and each.rows > getattr(found.get(each.feature), "rows", 0):
                found[each.feature] = each
    return list(found.values())


def _of_period(period: str, part: Part, encoding: Encoding, task: Task) -> Iterator[Filled]:
    event, names = _outcomes(part, task)
    counts = int(np.count_nonzero(event)), int(np.count_nonzero(~event))
    if min(counts) < SMALLEST_CLASS:
        return
    for at, feature in enumerate(encoding.features):
        for instead_of, filled in _fillings(part.matrix[:, at], encoding, feature):
            having = int(np.count_nonzero(filled & event)), int(np.count_nonzero(filled & ~event))
            shares = having[0] / counts[0], having[1] / counts[1]
            more = 0 if shares[0] >= shares[1] else 1
            if min(having[more], shares[more] * counts[1 - more]) >= FEWEST_EXPECTED:
                yield Filled(feature, period, instead_of, names[more], shares[more], shares[1 - more], sum(having))


def _outcomes(part: Part, task: Task) -> tuple[NDArray[np.bool_], tuple[str, str]]:
    """Mask of the rows of one outcome, and both outcomes in words."""
    if task == BINARY:
        return part.labels > 0.5, ("with the event", "without the event")
    values, counts = np.unique(part.labels, return_counts=True)
    common = values[counts.argmax()]
    return part.labels != common, (f"whose value is not {common:g}", f"whose value is {common:g}")


def _fillings(values: NDArray[np.float32], encoding: Encoding, feature: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """What may stand for nothing, and which rows have something else: missing, the one value of most rows, or 0."""
    missing = np.isnan(values)
    if missing.any():
        yield "missing", ~missing
    if missing.all():
        return
    categories = encoding.categories.get(feature)
    usual = float(np.median(values[~missing]))
    of_most = np.count_nonzero(values == usual) * 2 > len(values) - np.count_nonzero(missing)
    if of_most:
        yield str(categories[int(usual)]) if categories else f"{usual:g}", (values != usual) & ~missing
    if not categories and not (of_most and usual == 0) and (values == 0).any():
        yield "0", (values != 0) & ~missing
