"""What in a predicate Spark can give no result for at some value, and so would end the run instead of judging a row.

Spark is in ANSI mode: numbers overflow, text that is no number or date can't be compared with one, and none of it is
null, unless a function of the name `try_…` is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import Expr, exp

DIALECT = "spark"
# Functions that the parser knows by no class of their own.
FUNCTIONS = frozenset(
    {"pmod", "elt", "make_date", "make_timestamp", "make_interval", "conv", "to_number", "raise_error"}
    | {"assert_true", "tinyint", "smallint", "bigint", "float", "double", "decimal", "boolean", "timestamp", "binary"}
)
REMEDY = (
    "write try_cast(…), try_add(…), try_subtract(…), try_multiply(…), try_divide(…), try_mod(…), try_element_at(…) or "
    "another function that begins with try_, which then give null, and the rule is broken"
)


def raising(tree: Expr, types: Mapping[str, str]) -> Iterator[str]:
    """The SQL of each part that has no result at some value of the columns.

    Args:
        types: of the columns, by their name.
    """
    from sqlglot import exp
    from sqlglot.optimizer.annotate_types import annotate_types

    tree = tree.copy()
    for column in tree.find_all(exp.Column):
        if column.name.lower() in types:
            column.type = exp.DataType.build(types[column.name.lower()], dialect=DIALECT)
    typed = annotate_types(tree, dialect=DIALECT, overwrite_types=False)
    for part in typed.walk():
        if _varies(part) and (_overflows(part) or _has_no_result(part) or _casts_text(part)):
            yield part.sql(dialect=DIALECT)


def _varies(part: Expr) -> bool:
    """Whether it depends on a column, or on what a lambda is given."""
    from sqlglot import exp

    return part.find(exp.Identifier) is not None


def _overflows(part: Expr) -> bool:
    """Arithmetic on whole numbers; that on doubles comes to infinity, and that on dates wraps."""
    from sqlglot import exp

    # What the parser makes of date_sub.
    if isinstance(part.parent, exp.TsOrDsAdd):
        return False
    kinds = (exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Negative, exp.Abs)
    safe = (*exp.DataType.REAL_TYPES, *exp.DataType.TEMPORAL_TYPES, exp.DType.INTERVAL)
    return isinstance(part, kinds) and not any(each.is_type(*safe) for each in part.iter_expressions())


def _has_no_result(part: Expr) -> bool:
    from sqlglot import exp

    if isinstance(part, (exp.Div, exp.Mod, exp.IntDiv)):
        return not isinstance(part.expression, exp.Literal)
    if isinstance(part, exp.Anonymous):
        return part.name.lower() in FUNCTIONS
    return isinstance(part, (exp.Bracket, exp.AddMonths))


def _casts_text(part: Expr) -> bool:
    """Whether it takes text for something else without saying so: in a comparison, or as the value of a function."""
    from sqlglot import exp

    compared = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)
    dated = (exp.TsOrDsToDate, exp.TsOrDsAdd, exp.DateDiff, exp.MonthsBetween, exp.StrToDate, exp.StrToTime)
    timed = (exp.Year, exp.Quarter, exp.Month, exp.Day, exp.DayOfMonth, exp.DayOfWeek, exp.DayOfYear, exp.WeekOfYear)
    if isinstance(part, (*compared, exp.Between, exp.In, exp.Coalesce)):
        sides = list(part.iter_expressions())
        return any(_is_text(side) for side in sides) and any(_is_other(side) for side in sides)
    if isinstance(part, (*dated, *timed, exp.Hour, exp.Minute, exp.Second)):
        return _is_text(part.this)
    # Made by the parser of functions like int(…), to_timestamp(…): one that is written is a try_cast to it.
    return type(part) is exp.Cast and not part.is_type(*exp.DataType.TEXT_TYPES) and not _is_time(part.this)


def _is_text(part: Expr) -> bool:
    from sqlglot import exp

    return part.is_type(*exp.DataType.TEXT_TYPES) and _varies(part)


def _is_time(part: exp.Expression) -> bool:
    from sqlglot import exp

    return part.is_type(*exp.DataType.TEMPORAL_TYPES)


def _is_other(part: Expr) -> bool:
    """Whether it is known to be no text."""
    from sqlglot import exp

    return part.is_type(*exp.DataType.NUMERIC_TYPES, *exp.DataType.TEMPORAL_TYPES, exp.DType.BOOLEAN)
