"""What all measures share: the type of their arguments, and ratios that may be over nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[Any]


def filled(weights: Floats | None, rows: int) -> Floats:
    """The weights of the rows as float64; 1 each where none are given."""
    return np.ones(rows) if weights is None else weights.astype(np.float64, copy=False)


def ratio(part: float, whole: float) -> float:
    """``part / whole``; not a number over nothing, so that a gate which reads it fails."""
    return float(part) / float(whole) if whole else float("nan")


def ratios(part: Floats, whole: Floats) -> Floats:
    """``ratio`` of each pair of numbers; the shapes may be any that numpy broadcasts."""
    part, whole = np.broadcast_arrays(np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64))
    found: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0)
    return found


def mean(values: Floats, weights: Floats | None = None) -> float:
    """The weighted mean; not a number over no rows."""
    weights = filled(weights, len(values))
    return ratio(float(weights @ values.astype(np.float64, copy=False)), float(weights.sum()))
