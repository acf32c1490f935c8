"""How a profile differs from an earlier one; pure functions on profiles."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from expectations.profile import PROBABILITIES
from nightshift.figures import finite

PLOTTED_BINS = 24
# The usual reading of a population stability index (Siddiqi, Credit Risk Scorecards, 2006).
STABLE, SHIFTED = 0.1, 0.25
# What a profile has no values of, or what moves with the calendar.
_NOT_COMPARED = ("date", "timestamp")


def share_below(quantiles: Sequence[float], value: float) -> float:
    """Share of values that are at most ``value``, interpolated between the quantiles of `PROBABILITIES`."""
    place = bisect_right(quantiles, value) - 1
    if place < 0:
        return 0.0
    if place >= len(quantiles) - 1:
        return 1.0
    within = _part(quantiles[place], value, quantiles[place + 1])
    return PROBABILITIES[place] + within * (PROBABILITIES[place + 1] - PROBABILITIES[place])


def histogram(quantiles: Sequence[float], whole: bool) -> tuple[list[float], list[float]]:
    """Bins of equal width and the share of values in each; what lies far out is in the outer bins.

    Args:
        whole: the values are whole numbers: no bin is narrower than one of them.

    Returns:
        The edges, one more than bins, and the shares.
    """
    low, high = _shown(quantiles)
    if whole and high - low < PLOTTED_BINS:
        edges = [low - 0.5 + step for step in range(round(high - low) + 2)]
    elif low == high:
        edges = [low, high]
    else:
        # Not by their difference, which may be too large for a double.
        edges = [low * (1 - step / PLOTTED_BINS) + high * (step / PLOTTED_BINS) for step in range(PLOTTED_BINS + 1)]
    return edges, _shares(quantiles, edges[1:-1])


def stability_index(before: Mapping[str, Any], now: Mapping[str, Any], rows_before: int, rows: int) -> float | None:
    """Population stability index of a column's values; None where they are not kept or can't be compared.

    Sum over bins of (now − before) · ln(now / before), where the bins are the tenths of the earlier values, or the
    frequent values of a text.
    """
    shares = _comparable_shares(before, now, rows_before, rows)
    if shares is None:
        return None
    least = 0.5 / max(1, min(rows_before, rows))
    pairs = [(max(one, least), max(other, least)) for one, other in zip(*shares, strict=True)]
    return sum((new - old) * math.log(new / old) for old, new in pairs)


def profile_differences(before: Mapping[str, Any], now: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What changed in one column between two profiles; only what both can tell."""
    if name not in before["columns"] or not before["rows"] or not now["rows"]:
        return {}
    old, new = before["columns"][name], now["columns"][name]
    found: dict[str, float | None] = {
        "null_share": new["nulls"] / now["rows"] - old["nulls"] / before["rows"],
        "distinct": new["distinct"] - old["distinct"],
        "stability_index": stability_index(old, new, before["rows"], now["rows"]),
    }
    if new["type"] not in _NOT_COMPARED and "quantiles" in old and "quantiles" in new:
        found["mean"] = _difference(new["mean"], old["mean"])
        found["median"] = _difference(median(new), median(old))
    filled = before["rows"] - old["nulls"], now["rows"] - new["nulls"]
    if "true" in old and "true" in new and all(filled):
        found["true share"] = new["true"] / filled[1] - old["true"] / filled[0]
    return {key: value for key, value in found.items() if value is not None}


def _difference(new: float | None, old: float | None) -> float | None:
    """None where a double can't hold it, or one of them."""
    return None if new is None or old is None else finite(float(new) - float(old))


def median(column: Mapping[str, Any]) -> float:
    """The median of a column that has quantiles."""
    return float(column["quantiles"][len(PROBABILITIES) // 2])


def _shown(quantiles: Sequence[float]) -> tuple[float, float]:
    """Range of a plot: from the smallest to the largest value, without far tails that would flatten the rest."""
    low, high = quantiles[2], quantiles[-3]
    tail = high - low
    if tail == 0:
        return quantiles[0], quantiles[-1]
    return max(quantiles[0], low - tail / 2), min(quantiles[-1], high + tail / 2)


def _part(low: float, value: float, high: float) -> float:
    """How far a value is on the way between two others."""
    if math.isinf(high - low):
        low, value, high = low / 2, value / 2, high / 2
    return (value - low) / (high - low)


def _shares(quantiles: Sequence[float], inner_edges: Sequence[float]) -> list[float]:
    below = [0.0, *(share_below(quantiles, edge) for edge in inner_edges), 1.0]
    return [upper - lower for lower, upper in pairwise(below)]


def _comparable_shares(
    before: Mapping[str, Any], now: Mapping[str, Any], rows_before: int, rows: int
) -> tuple[list[float], list[float]] | None:
    if before["type"] != now["type"] or now["type"] in _NOT_COMPARED:
        return None
    filled = rows_before - before["nulls"], rows - now["nulls"]
    if "quantiles" in before and "quantiles" in now:
        edges = sorted(set(before["quantiles"][4:-4:4]))
        return _shares(before["quantiles"], edges), _shares(now["quantiles"], edges)
    if not all(filled):
        return None
    if "true" in before and "true" in now:
        return _with_rest([before["true"] / filled[0]]), _with_rest([now["true"] / filled[1]])
    if before.get("top") and now.get("top"):
        # What is frequent in one may be among the rest in the other: only what both name is compared by name.
        old, new = dict(before["top"]), dict(now["top"])
        names = sorted(old.keys() & new.keys())
        return _with_rest([old[name] / filled[0] for name in names]), _with_rest(
            [new[name] / filled[1] for name in names]
        )
    return None


def _with_rest(shares: list[float]) -> list[float]:
    return [*shares, max(0.0, 1 - sum(shares))]
