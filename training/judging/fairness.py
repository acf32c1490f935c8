"""Whether groups of people are treated alike by the decisions: rates of each group beside those of the largest.

The groups are the values of the columns that `training.fairness` declares; the model need not know them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from training.judging.metrics.arrays import ratio, ratios
from training.judging.metrics.grouped_jackknife import LEVEL, GroupedJackknife
from training.judging.slice_measures import grouped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nightshift.declarations.training_section import Training
    from training.data.dataset import Dataset
    from training.judging.metrics.arrays import Floats

log = logging.getLogger("nightshift")

Rate = Literal["selection", "true_positive", "false_positive"]
RATES: tuple[Rate, ...] = ("selection", "true_positive", "false_positive")


@dataclass(frozen=True)
class Ratio:
    """A group's rate over that of the largest group, and the ends of its 95 % interval.

    The ends are no numbers where too few dates or units have rows, or where a rate is zero.
    """

    value: float
    lower: float
    upper: float

    @property
    def folded(self) -> Ratio:
        """The ratio of the smaller to the larger: one and a half is as unequal as two thirds."""
        if not self.value > 1:
            return self
        return Ratio(1 / self.value, ratio(1, self.upper), ratio(1, self.lower))


@dataclass(frozen=True)
class GroupMetrics:
    """One value of one attribute.

    Attributes:
        attribute: column of the feature table.
        value: as text, or the quartile.
        rows: test rows, as they were counted.
        judged: whether there are enough of them (`training.smallest_slice`) for a gate to look at it.
        largest: whether the others are compared with it.
        rates: by name: ``selection`` is the share of rows that is warned of, ``true_positive`` that of the events,
            ``false_positive`` that of the others.
        ratios: each rate over that of the largest group.
    """

    attribute: str
    value: str
    rows: int
    judged: bool
    largest: bool
    rates: dict[Rate, float]
    ratios: dict[Rate, Ratio]


def by_group(
    dataset: Dataset, training: Training, jackknife: GroupedJackknife, predicted: Floats, threshold: float
) -> list[GroupMetrics]:
    """Rates and ratios of every value of every declared attribute, on test.

    Raises:
        NightshiftError: if a declared attribute is not in the data set.
    """
    groups = []
    for attribute in training.fairness:
        parts = list(grouped(dataset, attribute, "fairness"))
        known = [_rates(jackknife, dataset.test.labels > 0.5, predicted >= threshold, mask) for _, mask in parts]
        largest = int(np.argmax([dataset.test.weights[mask].sum() for _, mask in parts]))
        for number, ((value, mask), (rates, replicates)) in enumerate(zip(parts, known, strict=True)):
            rows = int(np.count_nonzero(mask))
            against = {
                rate: _against(
                    jackknife, rates[rate], replicates[rate], known[largest][0][rate], known[largest][1][rate]
                )
                for rate in RATES
            }
            judged = rows >= training.smallest_slice
            groups.append(GroupMetrics(attribute, value, rows, judged, number == largest, rates, against))
    return groups


def smallest_ratios(groups: Sequence[GroupMetrics], training: Training) -> dict[str, float]:
    """The numbers that gates judge: for each rate the most unequal ratio of a judged group to the largest.

    A group that is warned of one and a half times as often as the largest counts as two thirds: whether a warning
    is good or bad for those concerned, only people know. With the ends of that group's interval. Not a number where
    a rate of a judged group could not be computed, or where an attribute has no two groups to compare.
    """
    numbers: dict[str, float] = {}
    if not training.fairness:
        return numbers
    lonely = [attribute for attribute in training.fairness if not _compared(groups, attribute)]
    if lonely:
        log.warning(
            "%s: fewer than two groups have %d test rows, so nothing shows that they are treated alike: choose a "
            "longer test period, or a smaller `training.smallest_slice`", ", ".join(lonely), training.smallest_slice,
        )  # fmt: skip
    for rate in RATES:
        found = [each.ratios[rate].folded for name in training.fairness for each in _compared(groups, name)]
        unknown = bool(lonely) or any(np.isnan(each.value) for each in found)
        nothing = Ratio(*[float("nan")] * 3)
        worst = nothing if unknown else min(found, key=lambda each: each.value)
        name = f"smallest_{rate}_ratio"
        numbers |= {name: worst.value, f"{name}_lower": worst.lower, f"{name}_upper": worst.upper}
    return numbers


def _compared(groups: Sequence[GroupMetrics], attribute: str) -> list[GroupMetrics]:
    """The judged groups of an attribute beside its largest."""
    return [each for each in groups if each.attribute == attribute and each.judged and not each.largest]


def _rates(
    jackknife: GroupedJackknife, event: NDArray[np.bool_], warned: NDArray[np.bool_], mask: NDArray[np.bool_]
) -> tuple[dict[Rate, float], dict[Rate, Floats]]:
    """Each rate of a group, and its replicates."""
    wholes: dict[Rate, NDArray[np.bool_]] = {
        "selection": mask,
        "true_positive": mask & event,
        "false_positive": mask & ~event,
    }
    weights = jackknife.weights
    rates = {rate: ratio(float(weights @ (whole & warned)), float(weights @ whole)) for rate, whole in wholes.items()}
    return rates, {rate: jackknife.ratios(whole & warned, whole) for rate, whole in wholes.items()}


def _against(jackknife: GroupedJackknife, rate: float, replicates: Floats, largest: float, of_largest: Floats) -> Ratio:
    """On the scale of logarithms, on which two thirds are as far from one as one and a half (Katz et al. 1978)."""
    found = ratios(replicates, of_largest)
    lower, upper = np.exp(jackknife.ends(np.log(found, out=np.full(len(found), np.nan), where=found > 0), LEVEL))
    return Ratio(ratio(rate, largest), float(lower), float(upper))
