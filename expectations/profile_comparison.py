"""How a profile differs from an earlier one; pure functions on profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from expectations.profile import PROBABILITIES
from nightshift.distributions import equal_steps, population_stability_index, shares_between
from nightshift.figures import finite

PLOTTED_BINS = 24
# The usual reading of a population stability index (Siddiqi, Credit Risk Scorecards, 2006).
STABLE, SHIFTED = 0.1, 0.25
# What a profile has no values of, or what moves with the calendar.
_NOT_COMPARED = ("date", "timestamp")


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
    else:
        edges = [low, high] if low == high else equal_steps(low, high, PLOTTED_BINS)
    return edges, shares_between(quantiles, edges[1:-1])


def stability_index(before: Mapping[str, Any], now: Mapping[str, Any], rows_before: int, rows: int) -> float | None:
    """Population stability index of a column's values; None where they are not kept or can't be compared.

    Its bins are the tenths of the earlier values, or the frequent values of a text.
    """
    shares = _comparable_shares(before, now, rows_before, rows)
    if shares is None:
        return None
    return population_stability_index(*shares, least=0.5 / max(1, min(rows_before, rows)))


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


def _comparable_shares(
    before: Mapping[str, Any], now: Mapping[str, Any], rows_before: int, rows: int
) -> tuple[list[float], list[float]] | None:
    if before["type"] != now["type"] or now["type"] in _NOT_COMPARED:
        return None
    filled = rows_before - before["nulls"], rows - now["nulls"]
    if "quantiles" in before and "quantiles" in now:
        edges = sorted(set(before["quantiles"][4:-4:4]))
        return shares_between(before["quantiles"], edges), shares_between(now["quantiles"], edges)
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
