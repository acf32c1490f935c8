"""The profile of a slice: what its columns hold, per batch date, computed in Spark in one pass over the rows.

Rows are turned into one record per column and grouped by batch date and column. So the plan has a dozen aggregates
however many columns there are, and no record leaves the executors: what comes back is one row per date and column.
Quantiles and frequent values are sketches of bounded size (KLL with a rank error below 0.4 %, exact up to a thousand
rows; frequent items), distinct counts HyperLogLog with a standard error of 1.6 %.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from expectations import personal_data
from nightshift.dates import BatchDates
from nightshift.declarations.tables import NUMBERS, PARTITION, REASONS, Column, Table
from nightshift.figures import finite, storable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row

FORMAT = 1
# Probabilities of the quantiles that a profile keeps: 0, 0.025, ... 1.
PROBABILITIES = tuple(step / 40 for step in range(41))
TOP_VALUES = 10
# Frequent values are kept where a column has no more distinct ones than this.
FEW_VALUES = 200
SHOWN_CHARACTERS = 80
# Whole numbers up to here are kept digit by digit.
LONG = 2.0**63
# By what a correlation may be off one, of which squares that a double can't hold make nonsense.
ROUNDING = 1e-6
_SKETCH_SIZE = 1024
_TRACKED_VALUES = 1024
_DISTINCT_BITS = 12
# Their values are raw input, or only there for tracing.
_NEVER_SHOWN = frozenset({"raw", "extra", "file", "file_sha256"})
# Types of what the others can be correlated with.
TARGETS = ("boolean", *NUMBERS)


def profile(
    rows: DataFrame | None, table: Table, dates: BatchDates, target: str | None = None
) -> dict[dt.date, dict[str, Any]]:
    """The profile of each batch date; starts one Spark job.

    Args:
        rows: the slice; None where it has no rows.
        target: column of the table, a number or boolean, with which the others are correlated.

    Returns:
        For each of ``dates`` ``{"format": 1, "rows": n, "columns": {name: {...}}}``, fit for JSON. Dates and
        timestamps are numbers in it: days, and seconds, since 1970-01-01 UTC. Columns with personal data, declared
        or found, have no values in it. A date without rows has no columns.
    """
    profiles: dict[dt.date, dict[str, Any]] = {date: {"format": FORMAT, "rows": 0, "columns": {}} for date in dates}
    columns = table.data_columns
    for row in [] if rows is None else _aggregated(rows, columns, target).collect():
        profile = profiles[row[PARTITION]]
        profile["rows"] = row.rows
        column = columns[row.column]
        profile["columns"][column.name] = _column(column, row, has_target=target not in (None, column.name))
    for profile in profiles.values():
        profile["columns"] = {
            name: profile["columns"][name] for name in table.column_names if name in profile["columns"]
        }
    return profiles


def _aggregated(rows: DataFrame, columns: tuple[Column, ...], target: str | None) -> DataFrame:
    """One row per batch date and column."""
    target_number = "CAST(NULL AS double)" if target is None else f"CAST(`{target}` AS double)"
    records = ", ".join(_record(number, column) for number, column in enumerate(columns))
    long = rows.selectExpr(PARTITION, f"{target_number} AS target", f"inline(array({records}))")
    long = long.selectExpr("*", f"{personal_data.kind_of('text')} AS kind")
    return long.groupBy(PARTITION, "column").agg(*_aggregates())


def _aggregates() -> Iterator[Any]:
    from pyspark.sql import functions as F

    probabilities = ", ".join(f"{probability}D" for probability in PROBABILITIES)
    sketch = f"kll_sketch_agg_double(number, {_SKETCH_SIZE})"
    quantiles = f"kll_sketch_get_quantile_double({sketch}, array({probabilities}))"
    top = f"approx_top_k(substring(text, 1, {SHOWN_CHARACTERS}), {TOP_VALUES}, {_TRACKED_VALUES})"
    numbers = {
        "rows": "count(*)",
        "filled": "count(digest)",
        "numbers": "count(number)",
        "distinct": f"hll_sketch_estimate(hll_sketch_agg(digest, {_DISTINCT_BITS}))",
        "min": "min(number)",
        "max": "max(number)",
        "mean": "avg(number)",
        "stddev": "stddev_samp(number)",
        # An empty sketch has no quantiles, and asking for them is an error.
        "quantiles": f"CASE WHEN count(number) > 0 THEN {quantiles} END",
        # `corr` divides by zero on a constant column; so the division is made in `_column`.
        "covariance": "covar_pop(number, target)",
        "number_stddev": "stddev_pop(number) FILTER (WHERE target IS NOT NULL)",
        "target_stddev": "stddev_pop(target) FILTER (WHERE number IS NOT NULL)",
        "top": f"{top} FILTER (WHERE text IS NOT NULL)",
        **{f"kind_{kind}": f"count_if(kind = '{kind}')" for kind in personal_data.outcomes()},
    }
    yield from (F.expr(sql).alias(name) for name, sql in numbers.items())


def _record(number: int, column: Column) -> str:
    """SQL of one column's record: its place, its value as number and as text where it has one, and a digest."""
    name = f"`{column.name}`"
    as_number, as_text = "CAST(NULL AS double)", "CAST(NULL AS string)"
    if column.pii is None and column.role == "version":
        as_text = f"CAST({name} AS string)"
    elif column.pii is None:
        match column.type:
            case "string":
                as_number = f"CAST(length({name}) AS double)"
                as_text = f"substring({name}, 1, {personal_data.LOOKED_AT})"
            case "date":
                as_number = f"CAST(unix_date({name}) AS double)"
            case "timestamp":
                # Seconds: a double has no microseconds of the year 9999, and would be the year 10000.
                as_number = f"CAST(unix_seconds({name}) AS double)"
            case nested if nested == REASONS:
                as_number = f"CAST(array_size({name}) AS double)"
            case "double":
                as_number = f"CASE WHEN abs({name}) < double('infinity') THEN {name} END"
            case _:
                as_number = f"CAST({name} AS double)"
    digest = f"CASE WHEN {name} IS NOT NULL THEN xxhash64({name}) END"
    return f"named_struct('column', {number}, 'number', {as_number}, 'text', {as_text}, 'digest', {digest})"


def _column(column: Column, row: Row, *, has_target: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": column.type,
        "nulls": row.rows - row.filled,
        "distinct": min(row.distinct, row.filled),
    }
    if column.pii is not None:
        return found | {"pii": column.pii}
    if column.role == "version":
        return found | {"top": _frequent(row)}
    if column.type == "string":
        return found | _text(column, row)
    if column.type == "boolean":
        found["true"] = round((row.mean or 0) * row.numbers)
    else:
        found |= {"not_finite": row.filled - row.numbers} if row.filled > row.numbers else {}
        if row.numbers:
            whole = column.type in ("date", "timestamp")
            found |= {name: _rounded(row[name], whole) for name in ("min", "max", "mean", "stddev")}
            found["quantiles"] = [_rounded(value, whole) for value in row.quantiles]
    if has_target and (correlation := _correlation(row)) is not None:
        found["correlation"] = correlation
    return found


def _correlation(row: Row) -> float | None:
    """With the target; None of a constant, and where squares are too large or too small for a double."""
    parts = [finite(row[name]) for name in ("covariance", "number_stddev", "target_stddev")]
    if not all(parts[1:]) or parts[0] is None:
        return None
    found = finite(parts[0] / parts[1] / parts[2])  # type: ignore[operator]
    return None if found is None or abs(found) > 1 + ROUNDING else round(found, 3)


def _text(column: Column, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if row.numbers:
        found["length"] = {"min": int(row.min), "mean": round(row.mean, 1), "max": int(row.max)}
    looks_like = {kind: row[f"kind_{kind}"] for kind in personal_data.outcomes() if row[f"kind_{kind}"]}
    if looks_like:
        found["looks_like"] = looks_like
    elif column.name not in _NEVER_SHOWN and row.distinct <= FEW_VALUES:
        # What occurs once tells of one row, and not of the column.
        found["top"] = [pair for pair in _frequent(row) if pair[1] > 1]
    return found


def _frequent(row: Row) -> list[list[Any]]:
    return [[storable(item["item"]), item["count"]] for item in row.top]


def _rounded(value: float | None, whole: bool = False) -> float | int | None:
    """Seven digits, which keep a profile small; whole numbers as they are; None for what could not be computed."""
    if (value := finite(value)) is None:
        return None
    if whole:
        return round(value)
    return int(value) if value.is_integer() and abs(value) < LONG else float(f"{value:.7g}")


def target_of(table: Table) -> str | None:
    """The use case's target, where the table has it as a number or a yes or no."""
    from nightshift.declarations.use_case import UseCase

    name = UseCase.load(table.use_case, table.home).target.column
    # What has landed may have it as text or as a date, which is cast only when it is refined.
    return next((each.name for each in table.columns if each.name == name and each.type in TARGETS), None)


def is_readable(profile: Mapping[str, Any]) -> bool:
    """Whether a kept profile is of the format that this code compares with."""
    return profile.get("format") == FORMAT
