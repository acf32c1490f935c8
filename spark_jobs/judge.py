"""Hold records against their table's declaration: types, required, accepted, pattern, range, rules.

Everything that a record breaks is said in words, so that a person sees at once what to mend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from nightshift import tables
from nightshift.tables import Table
from spark_jobs.records import SEPARATOR

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

SHOWN = 80
PLACE = ("batch_date", "file", "record", "raw")
# Exact forms, as casts are lenient: ' 5 ' would pass for an int, '1d' for a double, '2013-1-1' for a date.
FORMS = {
    "int": r"\A-?[0-9]+\z",
    "bigint": r"\A-?[0-9]+\z",
    "double": r"\A-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\z",
    "boolean": r"\A(true|false)\z",
    "date": r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\z",
    "timestamp": r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z\z",
}
CALLED = {"int": "an int", "timestamp": "a timestamp like 2013-10-01T12:00:00Z"}


def judged(records: DataFrame, table: Table) -> DataFrame:
    """Typed rows, each with what speaks against it.

    Args:
        records: ``batch_date, file, record, raw, faults, fields`` (see ``records.read_records``).
        table: whose declaration counts.

    Returns:
        ``batch_date, file, record, raw, reason`` and the declared columns. ``reason`` is empty for a good row.
        Rules between columns are judged only where each column is sound in itself; one that comes out
        as null has failed.
    """
    is_text = table.source is not None and table.source.format != "parquet"
    columns = table.delivered_columns
    names = [column.name for column in columns]
    wrong = [reason for column in columns for reason in _reasons(column)]
    broken = [_broken(rule) for rule in table.rules]
    reason = (
        F.when(F.col("faults") != "", F.col("faults"))
        .when(F.col("wrong") != "", F.col("wrong"))
        .otherwise(F.concat_ws(SEPARATOR, F.lit(None), *broken))
    )
    return (
        records.select(*PLACE, "faults", "fields", *[_typed(column, is_text).alias(column.name) for column in columns])
        .withColumn("wrong", F.concat_ws(SEPARATOR, F.lit(None), *wrong))
        .select(*PLACE, reason.alias("reason"), *names)
    )


def is_good() -> Column:
    """Whether a judged row has nothing against it."""
    return F.col("reason") == ""


def _typed(column: tables.Column, is_text: bool) -> Column:
    value = F.col(f"fields.{column.name}")
    if not is_text or column.type == "string":
        return value
    return F.when(value.rlike(FORMS[column.type]), value.try_cast(column.type))


def _reasons(column: tables.Column) -> list[Column]:
    """What may be wrong with one column; each is null where it is not."""
    delivered, typed = F.col(f"fields.{column.name}"), F.col(column.name)
    shown = F.concat(F.lit(f"{column.name}: '"), F.substring(delivered.cast("string"), 1, SHOWN), F.lit("' "))
    reasons = []
    if column.required:
        reasons.append(F.when(delivered.isNull(), F.lit(f"{column.name}: is missing")))
    for words, applies in _checks(column, delivered, typed).items():
        reasons.append(F.when(applies, F.concat(shown, F.lit(words))))
    return reasons


def _checks(column: tables.Column, delivered: Column, typed: Column) -> dict[str, Column]:
    """Conditions under which a value is refused, by the words for it."""
    checks: dict[str, Column] = {}
    if column.type != "string":
        checks[f"is not {CALLED.get(column.type, f'a {column.type}')}"] = delivered.isNotNull() & typed.isNull()
    if column.type == "double":
        checks["is not a finite number"] = F.isnan(typed) | (F.abs(typed) == float("inf"))
    if column.accepted is not None:
        checks[f"is not one of {', '.join(column.accepted)}"] = ~typed.isin(*column.accepted)
    if column.pattern is not None:
        checks[f"does not match {column.pattern}"] = ~typed.rlike(rf"\A(?:{column.pattern})\z")
    if column.minimum is not None:
        checks[f"is under {_plain(column.minimum)}"] = typed < column.minimum
    if column.maximum is not None:
        checks[f"is over {_plain(column.maximum)}"] = ~F.isnan(typed) & (typed > column.maximum)
    return checks


def _broken(rule: tables.Rule) -> Column:
    holds = F.coalesce(F.expr(rule.must), F.lit(False))
    return F.when(~holds, F.lit(f"{rule.name}: {rule.why}"))


def _plain(bound: float) -> str:
    return str(int(bound)) if bound.is_integer() else str(bound)
