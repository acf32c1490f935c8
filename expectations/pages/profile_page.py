"""What the page of a profile shows: of a range, the rows of every batch date and the columns of the newest."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from expectations import personal_data
from expectations.earlier_profiles import History
from expectations.pages import inline_plots
from expectations.profile_comparison import SHIFTED, STABLE, histogram, median, profile_differences
from nightshift.declarations.tables import Column, Table
from nightshift.figures import number

EPOCH = dt.datetime(1970, 1, 1)
FIRST, LAST = ((end - EPOCH).total_seconds() for end in (dt.datetime.min, dt.datetime.max))
DAY_SECONDS = 24 * 3600
MOST_SHOWN = 8
# Half of what is shown of a share.
SMALL_CHANGE = 0.0005


def filled_in(table: Table, profiles: Mapping[dt.date, Mapping[str, Any]], history: History | None) -> dict[str, Any]:
    """The variables of ``profile.html.j2``."""
    filled = [date for date, profile in profiles.items() if profile["rows"]]
    date = max(filled) if filled else max(profiles)
    profile = profiles[date]
    last = history.last(date) if history else None
    columns = [
        _column(column, profile["columns"][column.name], profile, last[1] if last else None)
        for column in table.data_columns
        if column.name in profile["columns"]
    ]
    return {
        "date": date,
        "profile": profile,
        "last_date": last[0] if last else None,
        "last_rows": last[1]["rows"] if last else None,
        "rows_plot": _rows_plot(profiles, history, date),
        "columns": columns,
        "correlated": sorted(
            (each for each in columns if each["correlation"] is not None), key=_strength, reverse=True
        ),
        "moved": sorted((each for each in columns if each["shift"] != "stable"), key=_moved, reverse=True)[:MOST_SHOWN],
    }


def _strength(column: dict[str, Any]) -> float:
    return abs(float(column["correlation"]))


def _moved(column: dict[str, Any]) -> float:
    return float(column["changes"].get("stability_index", 0))


def _column(
    column: Column, found: Mapping[str, Any], profile: Mapping[str, Any], last: Mapping[str, Any] | None
) -> dict[str, Any]:
    filled = profile["rows"] - found["nulls"]
    changes = profile_differences(last, profile, column.name) if last else {}
    # Where a row stood in its file follows the number of rows, and is no finding; versions only ever change.
    index = changes.get("stability_index", 0) if column.role not in ("lineage", "version") else 0
    return {
        "declared": column,
        "found": found,
        "filled": filled,
        "null_share": found["nulls"] / profile["rows"],
        "null_change": change if abs(change := changes.get("null_share", 0)) > SMALL_CHANGE else None,
        "figures": _figures(column, found, filled),
        "plot": _plot(column, found),
        "range": [_value(column, found[end]) for end in ("min", "max")] if "quantiles" in found else [],
        "top": [(value, count, count / filled) for value, count in found.get("top", [])[:MOST_SHOWN]],
        "unlisted": found["distinct"] - min(len(found["top"]), MOST_SHOWN) if "top" in found else 0,
        "true_share": found["true"] / filled if "true" in found and filled else None,
        "correlation": found.get("correlation"),
        "changes": changes,
        "change_words": [
            f"{name} {_signed(changes[name])}" for name in ("mean", "median", "distinct") if changes.get(name)
        ],
        "shift": "shifted" if index >= SHIFTED else "moved" if index >= STABLE else "stable",
        "withheld": column.pii is not None,
        "looks_like": [
            f"{count:,} look like {personal_data.label(kind)}"
            for kind, count in found.get("looks_like", {}).items()
            if not kind.startswith(personal_data.UNPROVEN)
        ],
    }


def _figures(column: Column, found: Mapping[str, Any], filled: int) -> list[tuple[str, str]]:
    about = found["distinct"] > 1000
    figures = [("distinct", f"{'about ' if about else ''}{found['distinct']:,}")]
    if "quantiles" in found:
        figures.append(("median", _value(column, median(found))))
        figures.append(("mean", _value(column, found["mean"])))
        if column.type not in ("date", "timestamp") and found["distinct"] > 1:
            figures.append(("std. dev.", number(found["stddev"])))
    if "length" in found:
        figures.append(("length", f"{found['length']['min']:,} to {found['length']['max']:,}"))
    if "not_finite" in found:
        figures.append(("NaN or infinite", f"{found['not_finite']:,}"))
    return figures


def _plot(column: Column, found: Mapping[str, Any]) -> Markup | None:
    if "quantiles" not in found or found["min"] == found["max"]:
        return None
    edges, shares = histogram(found["quantiles"], whole=column.type in ("int", "bigint", "date"))
    bins = zip(edges, edges[1:], shares, strict=False)
    titles = [f"{_value(column, low)} to {_value(column, high)}: {share:.1%}" for low, high, share in bins]
    return inline_plots.bars(shares, titles)


def _rows_plot(profiles: Mapping[dt.date, Mapping[str, Any]], history: History | None, date: dt.date) -> Markup:
    known = {**(history.profiles if history else {}), **profiles}
    dates = sorted(known)
    rows = [known[each]["rows"] for each in dates]
    titles = [f"{each:%a} {each}: {count:,} rows" for each, count in zip(dates, rows, strict=True)]
    return inline_plots.bars(rows, titles, marked=dates.index(date))


def _value(column: Column, value: float | None) -> str:
    """A value in the words of its type."""
    if value is None or column.type not in ("date", "timestamp"):
        return number(value)
    is_date = column.type == "date"
    # The edge of a bar may lie beyond the calendar.
    seconds = min(max(value * DAY_SECONDS if is_date else value, FIRST), math.floor(LAST))
    moment = EPOCH + dt.timedelta(seconds=math.floor(seconds))
    return moment.date().isoformat() if is_date else moment.isoformat(" ", "minutes")


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '−'}{number(abs(value))}"
