"""Pictures of an evaluation, as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.metrics import auc, average_precision, curve, reliability

if TYPE_CHECKING:
    import lightgbm as lgb
    from matplotlib.axes import Axes

    from training.dataset import Dataset
    from training.evaluate import Evaluation
    from training.metrics import Floats

MODEL, REFERENCE, EVENT = "#1f5fa8", "#8a8a8a", "#c8501e"
SHOWN_FEATURES = 20


def draw(folder: Path, booster: lgb.Booster, dataset: Dataset, evaluation: Evaluation) -> list[Path]:
    """Draw all plots of a model on its test period into a folder."""
    labels, probabilities = dataset.test.labels, evaluation.probabilities
    return [
        _discrimination(folder / "roc_and_precision_recall.png", labels, probabilities),
        _reliability(folder / "reliability.png", labels, probabilities, dataset.known_rate),
        _histogram(folder / "scores.png", labels, probabilities, evaluation.threshold),
        _importance(folder / "importance.png", booster),
    ]


def _discrimination(path: Path, labels: Floats, probabilities: Floats) -> Path:
    hits, false_alarms, _ = curve(labels, probabilities)
    recall = np.append(0, hits / hits[-1])
    false_positive_rate = np.append(0, false_alarms / false_alarms[-1])
    left, right = _axes(2)
    left.plot(false_positive_rate, recall, color=MODEL, label=f"model, area {auc(labels, probabilities):.3f}")
    left.plot([0, 1], [0, 1], color=REFERENCE, linestyle="--", label="chance")
    left.set(title="ROC, test period", xlabel="share of other cases warned of", ylabel="share of events warned of")
    precision = hits / (hits + false_alarms)
    average = average_precision(labels, probabilities)
    right.plot(recall[1:], precision, color=MODEL, label=f"model, average {average:.3f}")
    right.axhline(labels.mean(), color=REFERENCE, linestyle="--", label="rate of the event")
    right.set(title="Precision and recall, test period", xlabel="recall", ylabel="precision", ylim=(0, 1))
    return _saved(path, left, right)


def _reliability(path: Path, labels: Floats, probabilities: Floats, known_rate: float) -> Path:
    forecast, observed, counts = reliability(labels, probabilities)
    # Two binomial standard errors, as if rows were independent: a first impression, not a gate.
    error = 2 * np.sqrt(observed * (1 - observed) / counts)
    (axes,) = _axes(1)
    axes.plot([0, 1], [0, 1], color=REFERENCE, linestyle="--", label="perfect")
    axes.errorbar(forecast, observed, yerr=error, color=MODEL, marker="o", capsize=3, label="model, ten equal bins")
    axes.axvline(known_rate, color=EVENT, linestyle=":", label="constant rate known before")
    top = min(1.0, 1.15 * max(forecast.max(), (observed + error).max(), known_rate))
    axes.set(title="Reliability, test period", xlabel="mean probability", ylabel="observed rate")
    axes.set(xlim=(0, top), ylim=(0, top))
    return _saved(path, axes)


def _histogram(path: Path, labels: Floats, probabilities: Floats, threshold: float) -> Path:
    (axes,) = _axes(1)
    bins = np.linspace(0, max(probabilities.max(), 0.01), 41)
    for value, name, color in ((0, "no event", MODEL), (1, "event", EVENT)):
        axes.hist(probabilities[labels == value], bins=bins.tolist(), density=True, alpha=0.55, color=color, label=name)
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.3f}")
    axes.set(title="Scores by outcome, test period", xlabel="probability", ylabel="density")
    return _saved(path, axes)


def _importance(path: Path, booster: lgb.Booster) -> Path:
    gain = booster.feature_importance("gain")
    names = np.array(booster.feature_name())
    top = np.argsort(gain)[-SHOWN_FEATURES:]
    (axes,) = _axes(1, height=max(3.0, 0.28 * len(top) + 1))
    axes.barh(names[top], gain[top] / max(gain.sum(), 1e-12), color=MODEL, label="share of gain")
    axes.set(title="Importance: share of the log-loss that splits save", xlabel="share of gain")
    return _saved(path, axes)


def _axes(count: int, height: float = 4.5) -> list[Axes]:
    # The figure class itself, not pyplot: no display, no global state.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0 * count, height), layout="constrained")
    return list(figure.subplots(1, count, squeeze=False)[0])


def _saved(path: Path, *axes: Axes) -> Path:
    for each in axes:
        each.grid(alpha=0.3)
        each.legend(frameon=False)
    figure = axes[0].get_figure(root=True)
    assert figure is not None
    figure.savefig(path, dpi=110)
    return path
