"""Pictures over time: how the trees learned, and how the model did in each month of the test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nightshift.declarations.training_section import BINARY, Task
from training.fitting.fit import VALIDATION_PART
from training.plots.plot_canvas import CHAMPION, GUIDE, MODEL, VALIDATION, Picture, canvas, saved
from training.plots.plot_subject import Subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Name and axis of the two measures shown of each month.
_OF_MONTHS: dict[Task, tuple[tuple[str, str], ...]] = {
    "binary": (("auc", "area under the ROC curve"), ("calibration_error", "calibration error")),
    "regression": (("mae", "mean absolute error"), ("bias", "mean of predicted - actual")),
}
_LOSS = {"binary": "log-loss [nats per row]", "regression": "mean squared error"}


def by_month(folder: Path, subject: Subject) -> Picture:
    """Two measures of each month of the test period, the champion's beside them."""
    measures = _OF_MONTHS[subject.model.task]
    months = subject.evaluation.by_month
    axes = canvas(columns=2, height=3.8)
    at = np.arange(len(months))
    for each, (name, title) in zip(axes, measures, strict=True):
        for prefix, label, color, marker in (("", "model", MODEL, "o-"), ("champion_", "champion", CHAMPION, "s--")):
            if all(f"{prefix}{name}" in month.metrics for month in months):
                found = [month.metrics[f"{prefix}{name}"] for month in months]
                each.plot(at, found, marker, color=color, label=label)
        each.axhline(subject.evaluation.metrics[name], color=GUIDE, linestyle=":", label="model, whole test period")
        each.set_xticks(at, [f"{str(month.month)[:7]}\n{month.rows:,} rows" for month in months])
        unit = subject.value_axis if subject.model.task != BINARY else ""
        each.set(title=f"{title[0].upper()}{title[1:]}, by month", xlabel="month of the test", ylabel=f"{title}{unit}")
        each.set_xlim(-0.5, len(months) - 0.5)
    _limits(subject, axes)
    return Picture(
        saved(folder / "by_month.png", axes),
        "Measures by month",
        "A line that falls or rises from month to month shows a model that ages"
        + (
            "; this test period lies within one month, so nothing can be seen of it yet."
            if len(months) == 1
            else "; months with few rows move by chance alone. The whole period need not lie between its months, as it "
            "also compares rows of different months."
        ),
    )


def learning_curve(folder: Path, subject: Subject) -> Picture:
    """Loss on train and validation after each round of boosting."""
    curves = subject.challenger.learning_curve
    (only,) = axes = canvas()
    for name, color, line in (("train", MODEL, "-"), (VALIDATION_PART, VALIDATION, "--")):
        only.plot(np.arange(1, len(curves[name]) + 1), curves[name], color=color, linestyle=line, label=name)
    chosen = subject.model.booster.current_iteration()
    if 0 < chosen <= len(curves[VALIDATION_PART]):
        only.axvline(chosen, color="black", linewidth=1, label=f"kept: {chosen} rounds, where validation is best")
    only.set(title="How the trees learned, and where they stopped", xlabel="rounds of boosting (trees)")
    only.set(ylabel=_LOSS[subject.model.task] + (f" [{subject.unit}²]" if subject.unit else ""), xlim=(0, None))
    weighed = subject.training.event_weight != 1
    return Picture(
        saved(folder / "learning_curve.png", axes),
        "Learning curve",
        "Where train goes on falling and validation turns up, trees learn by heart; they are cut at the black line. "
        "The heights of the two differ also because their periods do."
        + (" Train counts events by `event_weight`, so the two heights cannot be compared." if weighed else ""),
    )


def _limits(subject: Subject, axes: list[Axes]) -> None:
    """Show measures against what they are measured by: a coin toss, or nothing."""
    if subject.model.task == BINARY:
        low, high = axes[0].get_ylim()
        axes[0].set_ylim(min(low, 0.5), min(1.0, high + 0.02))
        axes[1].set_ylim(0, axes[1].get_ylim()[1] * 1.1)
        return
    axes[0].set_ylim(0, axes[0].get_ylim()[1] * 1.1)
    axes[1].axhline(0, color="black", linewidth=0.8)
    # A bias is small or large beside the errors, not by itself.
    reach = max(*(abs(end) * 1.15 for end in axes[1].get_ylim()), 0.25 * subject.evaluation.metrics["mae"])
    axes[1].set_ylim(-reach, reach)
