"""Checks that compare a slice with earlier ones: volume, null shares, distinct counts."""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from expectations.earlier_profiles import History, Profile
from nightshift.declarations.tables import Table
from nightshift.lake.audit_report import EXAMPLES, Check

NO_HISTORY = "no history yet"
# Makes of a median absolute deviation an estimate of a normal distribution's standard deviation.
MAD_SCALE = 1.4826
MIN_CHANCE_DEVIATIONS = 3
FEW_ROWS = 30
VOLUME_WHY = "A slice many times larger or smaller than usual was delivered twice, cut, or joined wrongly."
USUAL_WHY = "A day that differs from the same weekdays before it has a cause that someone should know of."
NULLS_WHY = "A source that stops filling a column, or a join that stops finding, shows as nulls first."
DISTINCT_WHY = "A column that suddenly has few values, or many, is filled from somewhere else."


def statistical_checks(table: Table, own: Mapping[dt.date, Profile], history: History) -> Iterator[Check]:
    """All of them, over every batch date of the slice that has rows.

    What is set aside varies with the faults of a delivery and has limits of its own: quarantine is not judged.
    """
    if table.name == "quarantine":
        return
    filled = {date: profile for date, profile in own.items() if profile["rows"]}
    yield from _volume(filled, history)
    columns = [column.name for column in table.data_columns if column.role != "lineage"]
    yield _columns("null_shares_are_as_usual", NULLS_WHY, _null_jumps(columns, filled, history), filled, history)
    yield _columns(
        "distinct_counts_are_as_usual", DISTINCT_WHY, _distinct_jumps(columns, filled, history), filled, history
    )


def _volume(own: Mapping[dt.date, Profile], history: History) -> Iterator[Check]:
    impossible, unusual, judged = [], [], []
    for date, profile in sorted(own.items()):
        usual, compared, is_alike = _usual_rows(date, history)
        if usual is None:
            continue
        rows = profile["rows"]
        found = {"batch_date": str(date), "rows": rows, "usual": round(usual), "compared with": compared}
        judged.append(found)
        if date in history.thresholds.accepted_volumes:
            found["accepted"] = history.thresholds.accepted_volumes[date]
            continue
        is_too_many = rows > history.thresholds.too_many * usual
        # Where only other weekdays are known, a quiet Sunday must not stop the night.
        is_too_few = rows < history.thresholds.too_few * usual and is_alike
        # One snapshot is enough to compare with, and of a few rows it says little.
        is_few = history.of_snapshots and abs(rows - usual) <= FEW_ROWS
        if (is_too_many or is_too_few) and not is_few:
            impossible.append(found)
        elif abs(rows - usual) > _tolerated(date, usual, history):
            unusual.append(found)
    yield _volume_check("volume_is_possible", "blocks", VOLUME_WHY, impossible, judged)
    yield _volume_check("volume_is_as_usual", "warns", USUAL_WHY, unusual, judged)


def _usual_rows(date: dt.date, history: History) -> tuple[float | None, str, bool]:
    """Median rows of comparable slices, what they are in words, and whether they should have as many."""
    enough = history.at_least
    alike, recent = history.alike(date), history.recent(date)
    if len(alike) >= enough:
        what = "snapshots" if history.of_snapshots else f"slices of a {date:%A}"
        return _median_rows(alike), f"{len(alike)} earlier {what}", True
    if len(recent) >= enough:
        return _median_rows(recent), f"{len(recent)} slices of the {history.thresholds.recent} before", False
    return None, NO_HISTORY, False


def _median_rows(profiles: Iterable[Profile]) -> float:
    return statistics.median(int(profile["rows"]) for profile in profiles)


def _tolerated(date: dt.date, usual: float, history: History) -> float:
    """Deviation in rows that is not worth a warning."""
    alike = [profile["rows"] for profile in history.alike(date)]
    mad = statistics.median(abs(rows - usual) for rows in alike) if alike else 0
    limits = history.thresholds
    return max(
        limits.unusual_share * usual,
        limits.unusual_deviations * MAD_SCALE * mad,
        # Poisson: a count of n varies by its square root.
        MIN_CHANCE_DEVIATIONS * math.sqrt(usual),
    )


def _volume_check(
    name: str, consequence: Any, why: str, found: list[dict[str, Any]], judged: list[dict[str, Any]]
) -> Check:
    worst = sorted(found or judged, key=lambda one: -abs(math.log(one["rows"] / max(one["usual"], 1))))
    observed = "; ".join(
        f"{one['batch_date']}: {one['rows']:,} rows, median {one['usual']:,} of {one['compared with']}"
        + (f" (accepted: {one['accepted']})" if "accepted" in one else "")
        for one in worst[:1]
    )
    if len(judged) > 1:
        observed = f"{len(found)} of {len(judged)} batch dates; the farthest off is {observed}"
    examples: list[Mapping[str, Any]] = [*worst[:EXAMPLES]] if found else []
    return Check(name, consequence, why, not found, examples=examples, observed=observed or NO_HISTORY)


def _null_jumps(columns: list[str], own: Mapping[dt.date, Profile], history: History) -> Iterator[dict[str, Any]]:
    for date, column, now, before in _compared(columns, own, history):
        share, shares = _null_share(now, own[date]), [_null_share(each, profile) for each, profile in before]
        # A column whose share is never the same is given more room.
        margin = history.thresholds.null_share + max(shares) - min(shares)
        if not min(shares) - margin <= share <= max(shares) + margin:
            yield {
                "batch_date": str(date),
                "column": column,
                "null share": round(share, 4),
                "before": f"{min(shares):.4f} to {max(shares):.4f}",
                "slices": len(shares),
            }


def _distinct_jumps(columns: list[str], own: Mapping[dt.date, Profile], history: History) -> Iterator[dict[str, Any]]:
    """Jumps of the count that are also jumps of its ratio to the rows: a column of keys grows with them."""
    factor = history.thresholds.distinct_factor
    for date, column, now, before in _compared(columns, own, history):
        counts = [(each["distinct"], _filled(each, profile)) for each, profile in before]
        counts = [(distinct, filled) for distinct, filled in counts if filled]
        distinct, filled = now["distinct"], _filled(now, own[date])
        if len(counts) < history.columns_at_least or not filled:
            continue
        lowest, highest = min(counts)[0], max(counts)[0]
        ratios = [count / of for count, of in counts]
        is_many = distinct > factor * highest and distinct / filled > factor * max(ratios)
        is_few = distinct < lowest / factor and distinct / filled < min(ratios) / factor
        # One value, and then three, is no jump.
        if (is_many and distinct > factor + highest) or (is_few and distinct < lowest - factor):
            yield {
                "batch_date": str(date),
                "column": column,
                "distinct": distinct,
                "before": f"{lowest} to {highest}",
                "slices": len(counts),
            }


def _compared(
    columns: list[str], own: Mapping[dt.date, Profile], history: History
) -> Iterator[tuple[dt.date, str, Mapping[str, Any], list[tuple[Mapping[str, Any], Profile]]]]:
    """Batch date, column, its profile now, and its earlier ones with the profiles that they are of."""
    for date, profile in sorted(own.items()):
        earlier = history.comparable(date)
        for column in columns:
            now = profile["columns"].get(column)
            before = [(each["columns"][column], each) for each in earlier if column in each["columns"]]
            if now is not None and len(before) >= history.columns_at_least:
                yield date, column, now, before


def _columns(
    name: str, why: str, jumps: Iterator[dict[str, Any]], own: Mapping[dt.date, Profile], history: History
) -> Check:
    enough = history.columns_at_least
    judged = sum(len(history.comparable(date)) >= enough for date in own)
    found = list(jumps)
    names = sorted({jump["column"] for jump in found})
    observed = f"{', '.join(names)}; " if found else ""
    observed += f"{judged} of {len(own)} batch dates compared with earlier slices" if judged else NO_HISTORY
    return Check(name, "warns", why, not found, examples=[*found[:EXAMPLES]], observed=observed)


def _null_share(column: Mapping[str, Any], profile: Profile) -> float:
    return float(column["nulls"] / profile["rows"])


def _filled(column: Mapping[str, Any], profile: Profile) -> int:
    return int(profile["rows"] - column["nulls"])
