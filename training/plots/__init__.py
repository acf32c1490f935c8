"""Pictures of a model and its evaluation, as PNG files with captions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from training.plots import explanation_plots, plots_over_time, probability_plots, value_plots
from training.plots.plot_canvas import Picture
from training.plots.plot_subject import Subject

if TYPE_CHECKING:
    from nightshift.declarations.training_section import Task

__all__ = ["Picture", "Subject", "draw"]

DrawPicture = Callable[[Path, Subject], Picture]
# In the order in which a card shows them: what the model is worth, how it was made, what it looks at.
_OF_TASK: dict[Task, tuple[DrawPicture, ...]] = {
    "binary": (
        probability_plots.discrimination,
        probability_plots.calibration,
        probability_plots.scores,
        probability_plots.costs,
    ),
    "regression": (value_plots.predicted_against_actual, value_plots.residuals_by_month, value_plots.interval_coverage),
}
_OF_ALL: tuple[DrawPicture, ...] = (
    plots_over_time.by_month,
    plots_over_time.learning_curve,
    explanation_plots.importance,
    explanation_plots.shap_summary,
    explanation_plots.dependence,
)


def draw(folder: Path, subject: Subject) -> list[Picture]:
    """Draw all pictures of a model into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    return [make(folder, subject) for make in (*_OF_TASK[subject.model.task], *_OF_ALL)]
