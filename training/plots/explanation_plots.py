"""Pictures of what the model looks at: importance, SHAP summary, dependence on the strongest features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nightshift.declarations.training_section import BINARY
from training.plots.plot_canvas import EVENT, GUIDE, MODEL, SCALE, Picture, canvas, figure_of, percent, saved
from training.plots.plot_subject import Subject

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from training.judging.metrics.arrays import Floats

SHOWN_FEATURES = 20
SHOWN_DEPENDENCES = 6
SHOWN_CATEGORIES = 12
# A mean of fewer rows than this wanders by chance.
ROWS_OF_A_MEAN = 50
_WAYS = {"increasing": "declared: may only rise", "decreasing": "declared: may only fall"}


def importance(folder: Path, subject: Subject) -> Picture:
    """Share of the loss that each feature's splits save in training, and how much it moves scores of the test."""
    names, shown = subject.model.encoding.features, subject.contributions.strongest(SHOWN_FEATURES)[::-1]
    gain = np.asarray(subject.model.booster.feature_importance("gain"), dtype=np.float64)
    gain /= max(gain.sum(), np.finfo(np.float64).tiny)
    left, right = axes = canvas(columns=2, height=max(2.6, 0.27 * len(shown) + 1.2), sharey=True)
    at = np.arange(len(shown))
    left.barh(at, gain[shown], color=MODEL, height=0.7)
    right.barh(at, subject.contributions.strength[shown], color=EVENT, height=0.7)
    left.set_yticks(at, [names[each] for each in shown])
    left.set_ylim(-0.6, len(shown) - 0.4)
    left.set(title="While learning: share of the saved loss", xlabel="share of gain of all splits, train")
    right.set(title="While scoring: how far scores are moved", xlabel=f"mean |SHAP|, {_score_axis(subject)}, test")
    percent(left, "x")
    for each in axes:
        each.set_xlim(left=0)
    if not shown:
        left.text(0.5, 0.5, "no feature moves any score", ha="center", transform=left.transAxes)
    unused = len(names) - len(subject.contributions.strongest(len(names)))
    return Picture(
        saved(folder / "importance.png", axes),
        "Importance",
        f"The {len(shown)} of {len(names)} features that move scores most"
        + (f" ({unused} move none)" if unused else "")
        + "; a feature long on the left and short on the right was learned from and hardly matters now. Importance is "
        "no cause: related features share it.",
    )


def shap_summary(folder: Path, subject: Subject) -> Picture:
    """A dot per row and feature: how far the feature moved the row's score, coloured by its value."""
    explained = subject.contributions
    shown = explained.strongest(SHOWN_FEATURES)[::-1]
    (only,) = axes = canvas(width=8.2, height=max(2.8, 0.33 * len(shown) + 1.3))
    points = None
    for at, feature in enumerate(shown):
        values = explained.values[:, feature]
        where = at + _swarm(values)
        is_category = explained.features[feature] in subject.model.encoding.categories
        rank = np.full(len(values), np.nan) if is_category else _ranks(explained.matrix[:, feature])
        known = np.isfinite(rank)
        only.scatter(values[~known], where[~known], s=4, color="#9a9a9a", linewidths=0, rasterized=True)
        points = only.scatter(
            values[known], where[known], c=rank[known], cmap=SCALE, vmin=0, vmax=1, s=4, linewidths=0, rasterized=True
        )
    only.axvline(0, color="black", linewidth=0.8)
    only.set_yticks(np.arange(len(shown)), [explained.features[each] for each in shown])
    only.set(title="How each feature moves scores up (right) or down (left)")
    only.set(xlabel=f"contribution to the raw score (SHAP), {_score_axis(subject)}", ylim=(-0.7, len(shown) - 0.3))
    if points is not None:
        bar = figure_of(only).colorbar(points, ax=only, ticks=[0, 1], aspect=40, pad=0.01)
        bar.ax.set_yticklabels(["low", "high"])
        bar.set_label("value of the feature", labelpad=-14)
    return Picture(
        saved(folder / "shap_summary.png", axes),
        "SHAP summary",
        f"Each dot is one of {len(explained.values):,} test rows: the further right, the more this feature raised its "
        "score; where yellow dots lie right and blue ones left, high values raise it. Grey: category or missing.",
    )


def dependence(folder: Path, subject: Subject) -> Picture:
    """Contribution of the strongest features over their values."""
    explained = subject.contributions
    shown = explained.strongest(SHOWN_DEPENDENCES)
    columns = max(min(3, len(shown)), 1)
    axes = canvas(columns=columns, rows=max(-(-len(shown) // columns), 1), width=4.6, height=3.5)
    for each, feature in zip(axes, shown, strict=False):
        name = explained.features[feature]
        values, encoded = explained.values[:, feature], explained.matrix[:, feature]
        categories = subject.model.encoding.categories.get(name)
        if categories is not None:
            _by_category(each, [str(value) for value in categories], encoded, values)
        else:
            _by_quantity(each, encoded, values)
        each.axhline(0, color="black", linewidth=0.8)
        way = _WAYS.get(subject.training.monotone.get(name, ""))
        each.set_title(f"{name}\n({way})" if way else name, fontsize=11)
        each.set_xlabel("category, by effect" if categories is not None else subject.named(name))
        each.set_ylabel(f"SHAP, {_score_axis(subject)}")
    for empty in axes[len(shown) :]:
        empty.set_axis_off()
    return Picture(
        saved(folder / "dependence.png", axes),
        "Dependence on the strongest features",
        "What a value of a feature adds to the score: dots are test rows, the line is their mean, and rows spread up "
        "and down where other features change the effect. The outermost 1 % of the values are not shown.",
    )


def _by_quantity(axes: Axes, encoded: NDArray[np.float32], values: Floats) -> None:
    known = np.isfinite(encoded)
    axes.locator_params(axis="x", nbins=6)
    if known.any():
        low, high = np.quantile(encoded[known], (0.005, 0.995))
        inside = known & (encoded >= low) & (encoded <= high)
        axes.scatter(encoded[inside], values[inside], s=5, alpha=0.35, color=MODEL, linewidths=0, rasterized=True)
        means_shown = min(20, max(int(np.count_nonzero(inside)) // ROWS_OF_A_MEAN, 1))
        edges = np.unique(np.quantile(encoded[inside], np.linspace(0, 1, 1 + means_shown)))
        group = np.clip(np.searchsorted(edges, encoded[inside], side="right") - 1, 0, len(edges) - 1)
        counts = np.maximum(np.bincount(group), 1)
        kept = np.bincount(group) > 0
        means = [(np.bincount(group, weights=of) / counts)[kept] for of in (encoded[inside], values[inside])]
        axes.plot(*means, color=EVENT, linewidth=1.8, label="mean")
    if not known.all():
        mean = float(values[~known].mean())
        axes.axhline(mean, color=GUIDE, linestyle="--", label=f"missing ({1 - known.mean():.1%} of rows)")


def _by_category(axes: Axes, names: list[str], encoded: NDArray[np.float32], values: Floats) -> None:
    """Mean and middle four fifths of the most frequent categories, in the order of their effect."""
    code = np.where(np.isfinite(encoded), encoded, len(names)).astype(np.intp)
    counts = np.bincount(code, minlength=len(names) + 1)
    frequent = np.argsort(-counts, kind="stable")[:SHOWN_CATEGORIES]
    groups = {int(each): values[code == each] for each in frequent if counts[each]}
    order = sorted(groups, key=lambda each: float(groups[each].mean()))
    means = [float(groups[each].mean()) for each in order]
    spread = np.array([np.quantile(groups[each], (0.1, 0.9)) for each in order]).T
    at = np.arange(len(order))
    axes.vlines(at, *spread, color=MODEL, linewidth=6, alpha=0.3, label="four fifths of the rows")
    axes.plot(at, means, "o", color=EVENT, label="mean")
    axes.set_xticks(at, [_short((*names, "missing")[each]) for each in order], rotation=60, ha="right", fontsize=8)
    if (rest := int(np.count_nonzero(counts)) - len(order)) > 0:
        axes.plot([], [], " ", label=f"{rest} rarer ones not shown")


def _swarm(values: Floats) -> Floats:
    """How far each dot is moved aside so that equal values show as a crowd, within ±0.4."""
    width = max(float(np.ptp(values)), np.finfo(np.float64).tiny) / 120
    bins = np.floor((values - values.min()) / width).astype(np.intp)
    order = np.argsort(bins, kind="stable")
    counts = np.bincount(bins)
    place = np.empty(len(values))
    place[order] = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    # First to the one side, then to the other, ever further out.
    aside = np.where(place % 2 == 0, 1, -1) * np.ceil(place / 2)
    return 0.4 * aside / max(float(np.abs(aside).max()), 8.0)


def _ranks(encoded: NDArray[np.float32]) -> Floats:
    """Rank of each value among all, 0 to 1, ties alike; missing ones are NaN."""
    known = np.isfinite(encoded)
    ranks = np.full(len(encoded), np.nan)
    distinct, number, counts = np.unique(encoded[known], return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    ranks[known] = 0.5 if len(distinct) < 2 else ((middle - middle[0]) / (middle[-1] - middle[0]))[number]
    return ranks


def _score_axis(subject: Subject) -> str:
    return "log-odds" if subject.model.task == BINARY else (subject.unit or "unit of the label")


def _short(name: str) -> str:
    return name if len(name) <= 14 else f"{name[:13]}…"
