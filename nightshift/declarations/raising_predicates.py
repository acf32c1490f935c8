"""What in a predicate Spark can give no result for at some value, and so would end the run instead of judging a row.

Spark is in ANSI mode: numbers overflow, text that is no number or date can't be compared with one, and none of it is
null, unless a function of the name `try_…` is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

if TYPE_CHECKING:
    from sqlglot import Expr, exp

DIALECT = "spark"
# Functions that have no result at some values of the types that they take, under the parser's names.
FUNCTIONS = frozenset(
    {"pmod", "elt", "conv", "to_number", "to_char", "to_varchar", "to_binary", "from_base64", "raise_error"}
    | {"assert_true", "tinyint", "smallint", "bigint", "float", "double", "decimal", "boolean", "timestamp", "binary"}
    | {"make_date", "timestamp_from_parts", "make_timestamp_ntz", "make_timestamp_ltz", "make_interval"}
    | {"make_dt_interval", "make_ym_interval", "timestamp_seconds", "timestamp_millis", "parse_url", "url_decode"}
    | {"getbit", "generate_series", "array_slice", "array_insert", "map", "var_map", "str_to_map", "format_number"}
)
# Functions that take text as it is; others make a number, a date or a boolean of it, or are not known.
OF_TEXT = frozenset(
    {"upper", "lower", "initcap", "reverse", "trim", "btrim", "concat", "concat_ws", "substring", "substring_index"}
    | {"left", "right", "pad", "replace", "translate", "overlay", "repeat", "length", "octet_length", "bit_length"}
    | {"str_position", "starts_with", "ends_with", "contains", "find_in_set", "ascii", "soundex", "levenshtein"}
    | {"regexp_like", "regexp_split", "regexp_extract", "regexp_extract_all", "regexp_replace", "regexp_count"}
    | {"regexp_substr", "regexp_instr", "json_extract_scalar", "is_valid_utf8", "luhn_check", "md5", "sha", "sha2"}
    | {"hash", "xxhash64", "crc32", "to_base64", "encode", "unhex", "try_cast", "isnull", "isnotnull", "nullif"}
    | {"coalesce", "nvl2", "if", "case", "greatest", "least", "array", "struct", "typeof", "hex", "lower_hex"}
    | {"array_contains", "array_position", "array_append", "array_remove", "split_part", "equal_null"}
)
OFFSET = re.compile(r"[+-](0\d|1[0-7]):[0-5]\d")
REMEDY = (
    "write try_cast(…), try_add(…), try_subtract(…), try_multiply(…), try_divide(…), try_mod(…), try_element_at(…) or "
    "another function that begins with try_, which then give null, and the rule is broken; a time zone, like "
    "'America/New_York', a pattern or a day of the week is written out, as one that there is"
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
    if isinstance(part, exp.Bracket):
        # Of try_element_at, which knows no index 0 either.
        return not part.args.get("safe") or any(map(_varies, part.expressions))
    if isinstance(part, (exp.AtTimeZone, exp.FromTimeZone, exp.ConvertTimezone)):
        return not all(_is_zone(part.args[name]) for name in ("zone", "source_tz", "target_tz") if part.args.get(name))
    patterns = (exp.RegexpLike, exp.RegexpSplit, exp.RegexpExtract, exp.RegexpExtractAll, exp.RegexpReplace)
    if isinstance(part, (*patterns, exp.RegexpCount, exp.RegexpSubstr, exp.RegexpInstr, exp.NextDay, exp.TimestampAdd)):
        return _varies(part.expression)
    if isinstance(part, exp.SplitPart):
        # There is no part 0.
        return _varies(part.args["part_index"]) or part.args["part_index"].name == "0"
    return isinstance(part, exp.AddMonths) or function_name(part) in FUNCTIONS


def _is_zone(part: Expr) -> bool:
    """Whether it is the name of a time zone that there is, or an offset."""
    from sqlglot import exp

    is_literal = isinstance(part, exp.Literal) and part.is_string
    return is_literal and (part.name in available_timezones() or OFFSET.fullmatch(part.name) is not None)


def _casts_text(part: Expr) -> bool:
    """Whether it takes text for something else without saying so: in a comparison, or as the value of a function."""
    from sqlglot import exp

    compared = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.EqualNull)
    if isinstance(part, (*compared, exp.Between, exp.In, exp.Coalesce, exp.Nullif)):
        sides = list(part.iter_expressions())
        return any(_is_text(side) for side in sides) and any(_is_other(side) for side in sides)
    # Made by the parser of functions like int(…), to_timestamp(…): one that is written is a try_cast to it.
    if type(part) is exp.Cast:
        return not part.is_type(*exp.DataType.TEXT_TYPES) and not _is_time(part.this)
    takes_text = function_name(part) in OF_TEXT or function_name(part).startswith("try_")
    return isinstance(part, (exp.Func, exp.Not)) and not takes_text and any(map(_is_text, part.iter_expressions()))


def function_name(part: Expr) -> str:
    """The name of a function, as the parser has it; nothing where it is none."""
    from sqlglot import exp

    if not isinstance(part, exp.Func):
        return ""
    return (part.name if isinstance(part, exp.Anonymous) else part.sql_name()).lower()


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
