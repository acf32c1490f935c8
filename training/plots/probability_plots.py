"""Pictures of probabilities: how well they rank, whether they can be believed, what their decisions cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.judging.evaluate import interval_level
from training.judging.metrics import cost_curve, curve, precision_recall_band, reliability_band, roc_band
from training.plots.plot_canvas import (
    CHAMPION,
    EVENT,
    GUIDE,
    MODEL,
    VALIDATION,
    Picture,
    canvas,
    percent,
    saved,
    thinned,
)
from training.plots.plot_subject import Subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from training.judging.metrics import Band


def discrimination(folder: Path, subject: Subject) -> Picture:
    """ROC and precision-recall curves with their bands, beside the champion's."""
    test, champion = subject.test, subject.evaluation.champion
    left, right = axes = canvas(columns=2)
    _band(left, roc_band(subject.jackknife, test.labels, subject.predicted), _measured(subject, "auc", "area"))
    left.plot([0, 1], [0, 1], color=GUIDE, linestyle=":", label="chance, area 0.5")
    _band(
        right,
        precision_recall_band(subject.jackknife, test.labels, subject.predicted),
        _measured(subject, "average_precision", "average"),
    )
    right.axhline(test.rate, color=GUIDE, linestyle=":", label=f"rate of the event, {test.rate:.1%}")
    if champion is not None and np.isfinite(champion).all():
        hits, false_alarms, _ = thinned(*curve(test.labels, champion, test.weights))
        metrics = subject.evaluation.metrics
        left.plot(
            np.append(0, false_alarms / false_alarms[-1]), np.append(0, hits / hits[-1]),
            color=CHAMPION, linestyle="--", label=f"champion, area {metrics['champion_auc']:.3f}",
        )  # fmt: skip
        recall = hits / hits[-1]
        shown = recall >= 0.01
        right.plot(
            recall[shown], (hits / (hits + false_alarms))[shown], color=CHAMPION, linestyle="--",
            label=f"champion, average {metrics['champion_average_precision']:.3f}",
        )  # fmt: skip
    left.set(title="How far events are ranked above the rest", xlim=(0, 1), ylim=(0, 1))
    left.set(xlabel="false positive rate: warned, of rows without event", ylabel="recall: warned, of events")
    right.set(title="How many warnings are right, as more events are found", xlim=(0, 1), ylim=(0, 1))
    right.set(xlabel="recall: warned, of events", ylabel="precision: events, of warnings")
    for each in axes:
        percent(each, "x", "y")
    return Picture(
        saved(folder / "roc_and_precision_recall.png", axes),
        "ROC and precision-recall",
        "Left, the further the line bends to the upper left, the better the ranking; right, the higher, the more "
        "warnings are right. The shaded band is the 95 % interval at each point.",
    )


def calibration(folder: Path, subject: Subject) -> Picture:
    """Observed rates over forecasts with intervals, and how many rows have which forecast."""
    test, predicted = subject.test, subject.predicted
    band = reliability_band(subject.jackknife, test.labels, predicted)
    upper, lower = axes = canvas(rows=2, height=2.9, sharex=True, height_ratios=[2.6, 1])
    top = min(1.0, 1.1 * float(np.nanmax([*band.x, *band.value, *band.upper])))
    upper.plot([0, 1], [0, 1], color=GUIDE, linestyle=":", label="a forecast that comes true")
    error = np.vstack([band.value - band.lower, band.upper - band.value])
    # An end that is not known leaves its bar out.
    upper.errorbar(
        band.x, band.value, yerr=np.nan_to_num(np.maximum(error, 0)), color=MODEL, marker="o", markersize=5, capsize=3,
        label=f"model, {len(band.x)} groups of about equally many rows",
    )  # fmt: skip
    error_of_all = subject.evaluation.metrics["calibration_error"]
    upper.set(title=f"Forecasts are off by {100 * error_of_all:.1f} percentage points on average")
    upper.set(ylabel="observed rate of the event", xlim=(0, top), ylim=(0, top))
    lower.hist(predicted, bins=np.linspace(0, top, 51).tolist(), weights=test.weights, color=MODEL, alpha=0.7)
    lower.set(xlabel="probability that the model gave", ylabel="test rows")
    lower.ticklabel_format(axis="y", style="plain")
    percent(upper, "y")
    percent(lower, "x")
    return Picture(
        saved(folder / "reliability.png", axes),
        "Reliability",
        "Points on the dotted line mean that a forecast of 30 % comes true three times in ten; above it the model "
        "says too little, below too much. Bars are 95 % intervals; below, where the forecasts lie.",
    )


def scores(folder: Path, subject: Subject) -> Picture:
    """Distribution of the probabilities of events and of the others."""
    test, predicted, threshold = subject.test, subject.predicted, subject.model.threshold
    (only,) = axes = canvas()
    top = min(1.0, max(float(predicted.max()), 0.01) * 1.02)
    bins = np.linspace(0, top, 41)
    for value, name, color, line in ((0, "without event", MODEL, "-"), (1, "with event", EVENT, "--")):
        mask = test.labels == value
        weights = test.weights[mask] / test.weights[mask].sum()
        shares, _ = np.histogram(predicted[mask], bins, weights=weights)
        label = f"rows {name} ({np.count_nonzero(mask):,})"
        only.stairs(shares, bins, fill=True, alpha=0.25, color=color)
        only.stairs(shares, bins, color=color, linestyle=line, linewidth=1.6, label=label)
    if threshold is not None and threshold <= top:
        warned = subject.evaluation.metrics["warned_share"]
        only.axvline(threshold, color="black", linewidth=1.2, label=f"threshold {threshold:.3f}: {warned:.1%} warned")
    only.set(title="How far apart the scores of the two outcomes lie, test period", xlim=(0, top), ylim=(0, None))
    only.set(xlabel="probability that the model gave", ylabel="share of the rows of this outcome")
    percent(only, "x", "y")
    return Picture(
        saved(folder / "scores.png", axes),
        "Scores by outcome",
        "The less the two shapes overlap, the better the model tells events from the rest; rows right of the "
        "threshold are warned of.",
    )


def costs(folder: Path, subject: Subject) -> Picture:
    """Cost per row of every threshold, on validation, which chose one, and on test."""
    declared, threshold, evaluation = subject.training.costs, subject.model.threshold, subject.evaluation
    assert declared is not None  # Held by the declaration of a binary task.
    assert threshold is not None
    (only,) = axes = canvas()
    parts = {"validation": subject.dataset.validation, "test": subject.test}
    highest = 0.0
    for (name, part), color, line in zip(parts.items(), (VALIDATION, MODEL), ("--", "-"), strict=True):
        thresholds, cost = cost_curve(part.labels, evaluation.predicted[name], part.weights, declared)
        highest = max(highest, float(thresholds[1]))
        thresholds, cost = thinned(thresholds, cost)
        # From one score down to the next, the rows that are warned of stay the same; under the last, it is all of them.
        thresholds, cost = np.append(thresholds, 0.0), np.append(cost, cost[-1])
        only.plot(thresholds, cost, color=color, linestyle=line, label=name, drawstyle="steps-post")
    metrics = evaluation.metrics
    never, always = metrics["cost_per_row_never_warning"], metrics["cost_per_row_always_warning"]
    only.axhline(never, color=GUIDE, linestyle=":", label=f"never warning on test, {never:.3f}")
    only.axhline(always, color=GUIDE, linestyle="-.", label=f"always warning on test, {always:.3f}")
    if threshold <= min(1.0, highest):
        only.axvline(threshold, color="black", linewidth=1.2)
        only.plot(
            threshold, metrics["cost_per_row"], "o", color="black",
            label=f"chosen on validation: {threshold:.3f}, costs {metrics['cost_per_row']:.3f} on test",
        )  # fmt: skip
    only.set(title="What decisions cost at each threshold", xlim=(0, min(1.0, highest * 1.05)), ylim=(0, None))
    only.set(
        xlabel="threshold: probability from which to warn",
        ylabel=f"cost per row (false alarm {declared.false_alarm:g}, missed event {declared.missed:g})",
    )
    percent(only, "x")
    return Picture(
        saved(folder / "cost.png", axes),
        "Cost against threshold",
        "The chosen threshold lies at the lowest point of validation; that test is low there, too, shows that the "
        "choice holds, and the gap to the grey lines is what the model saves against a fixed rule.",
    )


def _band(axes: Axes, band: Band, label: str) -> None:
    axes.fill_between(band.x, band.lower, band.upper, color=MODEL, alpha=0.2, linewidth=0)
    axes.plot(band.x, band.value, color=MODEL, label=label)


def _measured(subject: Subject, name: str, word: str) -> str:
    metrics = subject.evaluation.metrics
    low, high = metrics[f"{name}_lower"], metrics[f"{name}_upper"]
    if not np.isfinite([low, high]).all():
        return f"model, {word} {metrics[name]:.3f}, interval unknown"
    return f"model, {word} {metrics[name]:.3f} ({low:.3f} to {high:.3f}, {interval_level(name):.0%})"
