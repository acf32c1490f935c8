"""Pictures of a model and its evaluation, as PNG files with captions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from training.plots import binary, explanation, history, values
from training.plots.canvas import Picture
from training.plots.subject import Subject

if TYPE_CHECKING:
    from nightshift.training_plan import Task

__all__ = ["Picture", "Subject", "draw"]

Draw = Callable[[Path, Subject], Picture]
# In the order in which a card shows them: what the model is worth, how it was made, what it looks at.
_OF_TASK: dict[Task, tuple[Draw, ...]] = {
    "binary": (binary.discrimination, binary.calibration, binary.scores, binary.costs),
    "regression": (values.predicted_against_actual, values.residuals_by_month, values.interval_coverage),
}
_OF_ALL: tuple[Draw, ...] = (
    history.by_month,
    history.learning_curve,
    explanation.importance,
    explanation.shap_summary,
    explanation.dependence,
)


def draw(folder: Path, subject: Subject) -> list[Picture]:
    """Draw all pictures of a model into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    return [make(folder, subject) for make in (*_OF_TASK[subject.model.task], *_OF_ALL)]
