"""How far a window or a join reaches, in words."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from nightshift.catalogue.lineage.column_lineage import Window
from nightshift.declarations.raising_predicates import DIALECT
from nightshift.declarations.tables import PARTITION

if TYPE_CHECKING:
    from sqlglot import Expr, exp


def window_frame(window: exp.Window, ordered_by: Collection[str]) -> list[Window]:
    """The frame of a window; none where it takes its whole partition.

    Args:
        window: with its own order and frame.
        ordered_by: the columns of published tables by which it is ordered.
    """
    if window.args.get("order") is None:
        return []
    by = ", ".join(sorted(ordered_by)) or window.args["order"].sql(DIALECT)
    spec = window.args.get("spec")
    if spec is None:
        # What Spark takes where the SQL gives an order and no frame.
        return [Window(by, "all before to its own")]
    first, last = _bound(spec.args.get("start")), _bound(spec.args.get("end"))
    is_range = str(spec.args.get("kind")).upper() == "RANGE"
    ends_here = last == "CURRENT ROW"
    if by == PARTITION and is_range and ends_here and first.isdigit():
        return [Window.trailing(int(first) + 1)]
    unit = "" if is_range else " rows"
    words = [
        _words(bound, unit, str(spec.args.get(f"{end}_side") or "").upper())
        for end, bound in (("start", first), ("end", last))
    ]
    return [Window(by, " to ".join(words))]


def join_windows(condition: Expr) -> frozenset[Window]:
    """The look-back of a join that compares batch dates other than for equality."""
    from sqlglot import exp

    compared = condition.find_all(exp.Between, exp.GT, exp.GTE, exp.LT, exp.LTE)
    dates = (part for part in compared if any(column.name == PARTITION for column in part.find_all(exp.Column)))
    return frozenset(Window(PARTITION, f"joined where {part.sql(DIALECT, identify=False)}") for part in dates)


def _bound(bound: str | Expr | None) -> str:
    """A number of days or rows, or the word that stands for one."""
    from sqlglot import exp
    from sqlglot.optimizer.simplify import simplify

    if bound is None or isinstance(bound, str):
        return "CURRENT ROW" if bound is None else bound.upper()
    is_days = isinstance(bound, exp.Interval) and bound.text("unit").upper().startswith("DAY")
    number: Expr = bound.this if is_days else bound
    return number.name if isinstance(number, exp.Literal) else simplify(number.copy()).sql(DIALECT)


def _words(bound: str, unit: str, side: str) -> str:
    if bound == "CURRENT ROW":
        return "its own"
    where = "before" if side == "PRECEDING" else "after"
    return f"all{unit} {where}" if bound == "UNBOUNDED" else f"{bound}{unit} {where}"
