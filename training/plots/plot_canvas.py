"""What all pictures share: size, colours that colour-blind people tell apart, axes, and what a picture comes with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito, Color Universal Design, 2008.
MODEL, EVENT, CHAMPION, VALIDATION = "#0072B2", "#D55E00", "#009E73", "#E69F00"
GUIDE, FAINT = "#6b6b6b", "#d9d9d9"
# Of quantities, from low to high: perceptually even, and read alike without red and green.
SCALE = "cividis"
PIXELS_PER_INCH = 110


@dataclass(frozen=True)
class Picture:
    """A PNG file with the words that it needs.

    Attributes:
        path: of the file.
        title: what it is.
        caption: how it is to be read, in a sentence or two.
    """

    path: Path
    title: str
    caption: str


def canvas(columns: int = 1, rows: int = 1, width: float = 6.2, height: float = 4.4, **options: Any) -> list[Axes]:
    """Axes of a new figure, row by row; ``width`` and ``height`` in inches, of each."""
    # The figure class itself, not pyplot: no display, no global state.
    import matplotlib
    from matplotlib.figure import Figure

    # A person's file of styles, or one in the current folder, may ask for fonts and programs that are not here.
    matplotlib.rcdefaults()
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    made = figure.subplots(rows, columns, squeeze=False, **options)
    return list(made.flat)


def saved(path: Path, axes: list[Axes]) -> Path:
    """Write the figure of some axes, with light grids and, where lines have names, a legend each."""
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(alpha=0.25, linewidth=0.6)
        each.set_axisbelow(True)
        if each.get_legend_handles_labels()[0]:
            each.legend(fontsize=9, facecolor="white", edgecolor="none", framealpha=0.85)
    figure_of(axes[0]).savefig(path, dpi=PIXELS_PER_INCH)
    return path


def figure_of(axes: Axes) -> Figure:
    """The figure that some axes are in."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def thinned(*lines: Any, points: int = 1500) -> list[Any]:
    """Lines of equal length with at most about so many points, first and last among them."""
    length = len(lines[0])
    kept = np.unique(np.linspace(0, length - 1, min(points, length)).astype(int))
    return [line[kept] for line in lines]


def percent(axes: Axes, *which: str) -> None:
    """Label the ticks of axes ``x`` or ``y`` as per cent."""
    from matplotlib.ticker import PercentFormatter

    for name in which:
        getattr(axes, f"{name}axis").set_major_formatter(PercentFormatter(1.0, decimals=None))
