"""What a model is worth on the untouched test period, beside a constant and beside the champion."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nightshift.errors import DataError
from training.data.dataset import Part
from training.judging.fairness import GroupMetrics, by_group, smallest_ratios
from training.judging.interval_basis import IntervalBasis
from training.judging.metrics.arrays import mean
from training.judging.metrics.decision_costs import NEVER_WARN, best_threshold, cost_curve
from training.judging.metrics.grouped_jackknife import LEVEL, GroupedJackknife
from training.judging.slice_measures import SliceMetrics, sliced, worst
from training.judging.tasks import TaskMeasures, measures_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nightshift.declarations.use_case import UseCase
    from nightshift.models.calibrated_predictions import Interval
    from training.data.dataset import Dataset
    from training.fitting.fitted_model import FittedModel
    from training.judging.metrics.arrays import Floats

__all__ = ["NEVER_WARN", "Evaluation", "MonthMetrics", "best_threshold", "cost_curve", "evaluate", "interval_level"]

log = logging.getLogger("nightshift")

# Chance must not pass: what is compared with a constant, or with a toss of a coin, has a 99 % interval.
_LEVELS = {"auc": 0.99, "gain_over_constant": 0.99}


@dataclass(frozen=True)
class MonthMetrics:
    """One calendar month of the test period: its first day, its rows as they were counted, its measures.

    Where there is a champion, its measures are there as well, prefixed with ``champion_``.
    """

    month: np.datetime64
    rows: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """The result of one evaluation.

    Attributes:
        metrics: what gates judge and MLflow gets; those without a prefix are the model's on test. ``<name>_lower`` and
            ``<name>_upper`` are the ends of an interval of :func:`interval_level`; no numbers where too few batch dates
            or units of test have rows.
        basis: what these intervals rest on.
        predicted: probabilities or values of the rows of ``train``, ``validation`` and ``test``.
        champion: the champion's, of the same rows of ``test``.
        slices: measures of every value of the columns of `training.slices`.
        groups: rates of every value of the attributes of `training.fairness`.
        by_month: measures of every month of ``test``.
        side_by_side: the same measures of ``train``, ``validation`` and ``test`` and, on test, of the ``constant`` that
            was known before and of the ``champion``, so that overfitting is seen.
    """

    metrics: dict[str, float]
    basis: IntervalBasis
    predicted: Mapping[str, Floats]
    champion: Floats | None
    slices: Sequence[SliceMetrics]
    groups: Sequence[GroupMetrics]
    by_month: Sequence[MonthMetrics]
    side_by_side: Mapping[str, Mapping[str, float]]


def interval_level(name: str) -> float:
    """How much of what chance does lies between ``<name>_lower`` and ``<name>_upper``.

    0.99 for ``auc`` and ``gain_over_constant``, whose lower ends keep noise from becoming champion; 0.95 for all
    others, the gain over the champion among them.
    """
    return _LEVELS.get(name, LEVEL)


def evaluate(
    model: FittedModel,
    dataset: Dataset,
    use_case: UseCase,
    champion: Floats | None = None,
    *,
    champion_threshold: float | None = None,
    champion_interval: Interval | None = None,
    champion_rows: NDArray[np.bool_] | None = None,
) -> Evaluation:
    """Measure a model on test.

    Args:
        model: with the threshold or interval that validation chose.
        dataset: whose test took part in no choice.
        use_case: what was declared of the task.
        champion: its predictions of the same test rows, each by its own encoding and calibration; None when there is
            none.
        champion_threshold: from which it warns; without it, its decisions are not measured.
        champion_interval: around its values; likewise.
        champion_rows: mask of the test rows on which the gain over it is measured; without it, all are.

    Raises:
        NightshiftError: if a declared slice or attribute is not in the data set.
    """
    training, test = use_case.training, dataset.test
    task = measures_of(use_case, model.threshold, model.interval)
    parts = {"train": dataset.train, "validation": dataset.validation, "test": test}
    predicted = {name: model.predicted(part.matrix) for name, part in parts.items()}
    _refuse_not_finite(predicted)
    columns = {name: _measured(task, part, predicted[name]) for name, part in parts.items()}
    constant = np.full(len(test), dataset.constant)
    columns["constant"] = _measured(measures_of(use_case, None, None), test, constant)
    rival = measures_of(use_case, champion_threshold, champion_interval)
    if champion is not None:
        columns["champion"] = _measured(rival, test, champion)
    jackknife = GroupedJackknife(test.days, test.weights, test.units)
    basis = IntervalBasis.of(training, test, jackknife)
    if not basis.is_known:
        log.warning("gates on ends of intervals fail: %s", basis.lacking)
    replicates = task.replicates(jackknife, test.labels, predicted["test"])
    slices = sliced(dataset, training, task, predicted["test"])
    groups = _groups(model, dataset, use_case, jackknife, predicted["test"])
    metrics = {
        **columns["test"],
        **_ends(jackknife, replicates, task),
        **_gain(task, jackknife, test, predicted["test"], constant, "gain_over_constant"),
        **{f"{name}_{key}": value for name in columns if name != "test" for key, value in columns[name].items()},
        **worst(slices, training, task),
        **smallest_ratios(groups, training),
    }
    if champion is not None:
        metrics |= _over_champion(task, jackknife, test, predicted["test"], replicates, champion, champion_rows)
    by_month = _by_month(test, [("", task, predicted["test"]), ("champion_", rival, champion)])
    return Evaluation(metrics, basis, predicted, champion, slices, groups, by_month, columns)


def _refuse_not_finite(predicted: Mapping[str, Floats]) -> None:
    for name, each in predicted.items():
        wrong = int(np.count_nonzero(~np.isfinite(each)))
        if wrong:
            raise DataError(
                f"the model gives {wrong} of {len(each)} rows of the {name} period a prediction that is infinite or "
                "not a number: look at its features and its calibration"
            )


def _measured(task: TaskMeasures, part: Part, predicted: Floats) -> dict[str, float]:
    """All measures of a forecast; none is a number where a prediction (of an old champion) is not."""
    measured = task.measures(part.labels, predicted, part.weights)
    if not np.isfinite(predicted).all():
        # A sort would put them somewhere, and give numbers that look like any other.
        measured = dict.fromkeys(measured, float("nan"))
    return {**task.counts(part.labels, part.weights), **measured}


def _gain(
    task: TaskMeasures, jackknife: GroupedJackknife, test: Part, predicted: Floats, other: Floats, name: str
) -> dict[str, float]:
    """Loss saved per row against another forecast of the same rows, paired row by row."""
    saved = task.losses(test.labels, other) - task.losses(test.labels, predicted)
    return {name: mean(saved, test.weights), **_ends(jackknife, {name: jackknife.means(saved)}, task)}


def _over_champion(
    task: TaskMeasures,
    jackknife: GroupedJackknife,
    test: Part,
    predicted: Floats,
    replicates: Mapping[str, Floats],
    champion: Floats,
    rows: NDArray[np.bool_] | None,
) -> dict[str, float]:
    """Loss saved against the champion, and differences of other measures to its own, on the same rows and groups."""
    if rows is not None and not rows.all():
        test = test.of(rows)
        predicted, champion = predicted[rows], champion[rows]
        jackknife = GroupedJackknife(test.days, test.weights, test.units)
        replicates = task.replicates(jackknife, test.labels, predicted)
    metrics = _gain(task, jackknife, test, predicted, champion, "gain_over_champion")
    ours, theirs = (_measured(task, test, each) for each in (predicted, champion))
    finite = bool(np.isfinite(champion).all())
    champions = task.replicates(jackknife, test.labels, champion) if task.paired and finite else {}
    for measure in task.paired:
        name = f"{measure}_gain_over_champion"
        metrics[name] = ours[measure] - theirs[measure]
        of_champion = champions.get(measure, np.full_like(replicates[measure], np.nan))
        metrics |= _ends(jackknife, {name: replicates[measure] - of_champion}, task)
    return metrics


def _ends(jackknife: GroupedJackknife, replicates: Mapping[str, Floats], task: TaskMeasures) -> dict[str, float]:
    """Both ends of the interval of each measure."""
    metrics: dict[str, float] = {}
    for name, values in replicates.items():
        both = jackknife.ends(values, interval_level(name), task.ranges.get(name, (-math.inf, math.inf)))
        metrics[f"{name}_lower"], metrics[f"{name}_upper"] = map(float, both)
    return metrics


def _groups(
    model: FittedModel, dataset: Dataset, use_case: UseCase, jackknife: GroupedJackknife, predicted: Floats
) -> list[GroupMetrics]:
    """Without a threshold no one is warned of, and no group treated unlike another."""
    if model.threshold is None:
        return []
    return by_group(dataset, use_case.training, jackknife, predicted, model.threshold)


def _by_month(test: Part, forecasts: Sequence[tuple[str, TaskMeasures, Floats | None]]) -> list[MonthMetrics]:
    months = test.days.astype("datetime64[M]")
    found = []
    for month in np.unique(months):
        mask = months == month
        metrics: dict[str, float] = {}
        for prefix, task, predicted in forecasts:
            if predicted is not None:
                part = task.measures(test.labels[mask], predicted[mask], test.weights[mask])
                metrics |= {f"{prefix}{name}": value for name, value in part.items()}
        found.append(MonthMetrics(month.astype("datetime64[D]"), int(np.count_nonzero(mask)), metrics))
    return found
