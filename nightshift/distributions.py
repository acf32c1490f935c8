"""Distributions of values, kept as quantiles at equal probabilities: shares of values, and how far two are apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def share_below(quantiles: Sequence[float], values: Sequence[float]) -> list[float]:
    """Share of the distribution that is at most each value; between two quantiles it is spread evenly."""
    # As parts of the largest: steps between the largest doubles are too large, and between the least too small.
    _, exponent = math.frexp(max(map(abs, (*quantiles, *values))))
    known, asked = (np.ldexp(np.asarray(each, dtype=np.float64), -exponent) for each in (quantiles, values))
    return [float(share) for share in np.interp(asked, known, np.linspace(0, 1, len(known)), left=0)]


def shares_between(quantiles: Sequence[float], inner_edges: Sequence[float]) -> list[float]:
    """Share of the distribution in each bin, one more than edges; the outer bins have no end."""
    return [float(share) for share in np.diff([0.0, *share_below(quantiles, inner_edges), 1.0])]


def equal_steps(low: float, high: float, steps: int) -> list[float]:
    """The edges of bins of equal width, one more than bins."""
    # Not by their difference, which may be too large for a double.
    return [low * (1 - step / steps) + high * (step / steps) for step in range(steps + 1)]


def population_stability_index(before: Sequence[float], now: Sequence[float], least: float) -> float:
    """Sum over bins of (now − before) · ln(now / before), in shares (Siddiqi, Credit Risk Scorecards, 2006).

    Args:
        least: what an empty bin counts as, which would make the index infinite.
    """
    pairs = [(max(old, least), max(new, least)) for old, new in zip(before, now, strict=True)]
    return sum((new - old) * math.log(new / old) for old, new in pairs)
