"""Pictures of predicted values: how near they come, whether they err to one side, whether intervals hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.judging.metrics import LEVEL
from training.judging.metrics.arrays import ratios
from training.judging.metrics.calibration_error import calibration_bins
from training.judging.metrics.regression_measures import covered
from training.plots.plot_canvas import EVENT, GUIDE, MODEL, SCALE, Picture, canvas, figure_of, percent, saved
from training.plots.plot_subject import Subject

if TYPE_CHECKING:
    from training.judging.metrics.arrays import Floats

# Beyond these quantiles single rows would squeeze all others into a corner.
_SHOWN = (0.002, 0.998)
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def predicted_against_actual(folder: Path, subject: Subject) -> Picture:
    """Rows by predicted and actual value, and the mean actual value of each tenth of the predictions."""
    from matplotlib.colors import LogNorm

    test, predicted = subject.test, subject.predicted
    low, high = np.quantile(np.concatenate([test.labels, predicted]), _SHOWN)
    if low == high:
        low, high = low - 1, high + 1
    (only,) = axes = canvas(height=5)
    bins = np.linspace(low, high, 61)
    counts, _, _ = np.histogram2d(predicted, test.labels, bins=[bins, bins], weights=test.weights)
    shown = only.pcolormesh(
        bins, bins, np.where(counts > 0, counts, np.nan).T, cmap=f"{SCALE}_r", norm=LogNorm(), rasterized=True
    )
    bar = figure_of(only).colorbar(shown, ax=only, label="test rows (logarithmic)")
    most = max(float(counts.max()), 1.0)
    ticks = [step * 10**power for power in range(9) for step in (1, 2, 5) if step * 10**power <= most]
    bar.set_ticks(ticks, labels=[f"{tick:,}" for tick in ticks])
    bar.minorticks_off()
    only.plot([low, high], [low, high], color="black", linewidth=1, label="predicted = actual")
    number = calibration_bins(predicted, test.weights)
    each = np.bincount(number, weights=test.weights)
    kept = each > 0
    means = [
        np.bincount(number, weights=test.weights * of)[kept] / each[kept] for of in (predicted, test.labels)
    ]  # fmt: skip
    only.plot(*means, "o-", color=EVENT, markersize=5, markeredgecolor="white", label="mean of each tenth of the rows")
    mae = subject.evaluation.metrics["mae"]
    unit = f" {subject.unit}" if subject.unit else ""
    only.set(title=f"Predictions miss by {mae:.4g}{unit} on average, test period", xlim=(low, high), ylim=(low, high))
    only.set(xlabel=f"predicted value{subject.value_axis}", ylabel=f"actual value{subject.value_axis}")
    return Picture(
        saved(folder / "predicted_against_actual.png", axes),
        "Predicted against actual",
        "The nearer the rows are to the black line, the better; marks off the line show predictions that are too high "
        "or too low on average. The outermost 0.4 % of the values are not shown.",
    )


def residuals_by_month(folder: Path, subject: Subject) -> Picture:
    """Quantiles of actual minus predicted, of each month."""
    test = subject.test
    residuals, months = test.labels - subject.predicted, test.days.astype("datetime64[M]")
    boxes = []
    for month in np.unique(months):
        mask = months == month
        low, lower, middle, upper, high = np.quantile(
            residuals[mask], _QUANTILES, method="inverted_cdf", weights=test.weights[mask]
        )
        label = f"{month}\n{np.count_nonzero(mask):,} rows"
        boxes.append({"label": label, "whislo": low, "q1": lower, "med": middle, "q3": upper, "whishi": high})
    (only,) = axes = canvas(width=max(6.2, 1.1 * len(boxes) + 2))
    only.bxp(
        boxes, showfliers=False, patch_artist=True, widths=0.45,
        boxprops={"facecolor": f"{MODEL}33", "edgecolor": MODEL},
        medianprops={"color": EVENT, "linewidth": 2}, whiskerprops={"color": MODEL}, capprops={"color": MODEL},
    )  # fmt: skip
    only.axhline(0, color="black", linewidth=1)
    only.set(title="Whether errors lean to one side, by month", xlabel="month of the test")
    only.set(ylabel=f"actual - predicted{subject.value_axis}")
    return Picture(
        saved(folder / "residuals_by_month.png", axes),
        "Residuals by month",
        "Boxes hold the middle half of the errors, whiskers four fifths, the thick line is the median; boxes that "
        "wander off zero show a model that ages.",
    )


def interval_coverage(folder: Path, subject: Subject) -> Picture:
    """Share of actual values within their interval, by size of the prediction and by month."""
    interval, test = subject.model.interval, subject.test
    assert interval is not None  # Every regression has one.
    inside = covered(test.labels, *interval.around(subject.predicted))
    by_size = calibration_bins(subject.predicted, test.weights)
    months, by_month = np.unique(test.days.astype("datetime64[M]"), return_inverse=True)
    left, right = axes = canvas(columns=2, height=3.9, sharey=True)
    sizes = np.unique(by_size)
    position = [
        np.average(subject.predicted[by_size == size], weights=test.weights[by_size == size]) for size in sizes
    ]  # fmt: skip
    for each, group, x in ((left, by_size, position), (right, by_month, np.arange(len(months)))):
        share, lower, upper = _shares(subject, inside, group)
        error = np.nan_to_num(np.maximum([share - lower, upper - share], 0))
        each.errorbar(x, share, yerr=error, fmt="o", color=MODEL, capsize=3, label="inside, with 95 % interval")
        each.axhline(interval.coverage, color=GUIDE, linestyle=":", label=f"asked for: {interval.coverage:.0%}")
    reached = subject.evaluation.metrics["coverage"]
    width = f"{interval.lower:+.4g} to {interval.upper:+.4g} {subject.unit}".rstrip() + " around the value"
    left.set(title=f"{reached:.1%} lie within their interval", xlabel=f"predicted value{subject.value_axis}")
    left.set(ylabel="share of actual values inside")
    right.set(title=f"The same by month ({width})", xlabel="month of the test")
    right.set_xticks(np.arange(len(months)), [str(month) for month in months])
    right.set_xlim(-0.5, len(months) - 0.5)
    low = min(left.get_ylim()[0], interval.coverage - 0.1)
    left.set_ylim(max(0.0, low - 0.12), 1.0)
    percent(left, "y")
    return Picture(
        saved(folder / "interval_coverage.png", axes),
        "Coverage of the intervals",
        "Marks under the dotted line are values or months whose intervals are too narrow to hold what they promise, "
        "marks above it ones that are wider than needed.",
    )


def _shares(subject: Subject, inside: Floats, group: Floats) -> tuple[Floats, Floats, Floats]:
    """Share of each group that is inside, and the ends of its interval."""
    kept = np.unique(group)
    count = int(group.max()) + 1
    found = (subject.jackknife.totals_in(of, group, count)[:, kept] for of in (inside, np.ones(len(inside))))
    replicates = ratios(*found)
    return replicates[0], *subject.jackknife.ends(replicates, LEVEL, (0.0, 1.0))
