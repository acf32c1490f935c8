"""Check records against their table's declaration: types, required, accepted, pattern, range, rules.

Everything that a record breaks is named by its rule and said in words, so that a person sees at once what to fix.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from nightshift.declarations import tables
from nightshift.declarations.source import FileSource
from nightshift.declarations.tables import Table
from nightshift.ingest.delivery.column_drift import FORMS, landed_columns
from nightshift.ingest.landing.protect_personal_data import withheld
from nightshift.ingest.landing.record_form import SEPARATOR
from nightshift.ingest.landing.records import PLACE
from nightshift.ingest.privacy.tokens import MASK, personal_columns
from nightshift.ingest.quarantine.releasable_rules import releasable
from nightshift.lake.reading import inherited

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

SHOWN = 80
RULES_SEPARATOR = ","
# A number that only is too small or too large stands where it belongs.
IN_PLACE = (".minimum", ".maximum")
CALLED = {"int": "an int", "timestamp": "a timestamp like 2013-10-01T12:00:00Z"}


@dataclass(frozen=True)
class RecordFinding:
    """Something that may be wrong with a row.

    Attributes:
        rule: name of the broken rule, like ``distance.maximum``.
        applies: whether this row breaks it.
        words: what is wrong, for people.
    """

    rule: str
    applies: Column
    words: Column

    @property
    def name(self) -> Column:
        """The rule's name where it is broken, else null."""
        return F.when(self.applies, F.lit(self.rule))

    @property
    def reason(self) -> Column:
        """The words where it is broken, else null."""
        return F.when(self.applies, self.words)


def judged(records: DataFrame, table: Table) -> DataFrame:
    """Typed rows, each with what speaks against it.

    Args:
        records: ``batch_date, file, file_sha256, record, raw, faults, fields, extra, fault_rules, _version``
            (see ``records.read_records``).
        table: whose declaration counts.

    Returns:
        ``batch_date, file, file_sha256, record, extra, _raw, _reason, _rules`` and the columns that files hold.
        ``_reason`` and ``_rules`` are empty for a good row, and ``_raw`` is null. Rules between columns are judged only
        where each value is there and of its type; one that comes out as null has failed. A column that `was` another
        one has its values in records of before, as in published rows, and null where they can't be cast.
    """
    texts = [name for name, kind in records.select("fields.*").dtypes if kind == "string"]
    # One comma too many, and every value stands under the name of its neighbour.
    may_slip = bool(personal_columns(table)) and isinstance(table.source, FileSource) and table.source.format == "csv"
    columns = landed_columns(table)
    own = [finding for column in columns for finding in _own_findings(table, column, may_slip=may_slip)]
    waivable = releasable(table)
    unreadable = [finding for finding in own if finding.rule not in waivable]
    slipped = [finding for finding in own if may_slip and not finding.rule.endswith(IN_PLACE)]
    between = [_between(rule, table) for rule in table.rules]
    delivered = records.select(
        *(*PLACE, "extra", "_version"),
        *[F.col(name).alias(f"_{name}") for name in ("raw", "faults", "fault_rules", "fields")],
        *[_typed(column, column.name in texts).alias(column.name) for column in columns],
    )
    typed = delivered.withColumns(inherited(table)).withColumn("_own", _names(own))
    # Reasons are put together for bad rows only, of which there are few.
    is_unreadable = (F.col("_own") != "") & (_names(unreadable) != "")
    rules = (
        F.when(F.col("_faults") != "", F.col("_fault_rules"))
        .when(is_unreadable, F.col("_own"))
        .otherwise(F.concat_ws(RULES_SEPARATOR, F.nullif("_own", F.lit("")), *[each.name for each in between]))
    )
    reason = (
        F.when(F.col("_rules") == "", F.lit(""))
        .when(F.col("_faults") != "", F.col("_faults"))
        .when(is_unreadable, _reasons(own))
        .otherwise(_reasons([*own, *between]))
    )
    return typed.withColumn("_rules", rules).select(
        *PLACE,
        F.when(_names(slipped) != "", withheld()).when(~is_good(), F.col("_raw")).alias("_raw"),
        "extra",
        reason.alias("_reason"),
        "_rules",
        *[column.name for column in columns],
    )


def is_good() -> Column:
    """Whether a judged row has nothing against it."""
    return F.col("_rules") == ""


def waivable_findings(table: Table) -> list[RecordFinding]:
    """What a person may waive, as found on typed rows; nothing about personal data, of which those have tokens."""
    names = releasable(table)
    personal = [column.name for column in personal_columns(table)]
    open_columns = [column for column in landed_columns(table) if column.name not in personal]
    found = [finding for column in open_columns for finding in _own_findings(table, column, is_typed=True)]
    rules = [rule for rule in table.rules if not any(_mentions(rule, name) for name in personal)]
    between = [_between(rule, table, is_typed=True) for rule in rules]
    return [each for each in (*found, *between) if each.rule in names]


def _names(findings: Sequence[RecordFinding]) -> Column:
    return F.concat_ws(RULES_SEPARATOR, F.lit(None), *[finding.name for finding in findings])


def _reasons(findings: Sequence[RecordFinding]) -> Column:
    return F.concat_ws(SEPARATOR, F.lit(None), *[finding.reason for finding in findings])


def _typed(column: tables.Column, is_text: bool) -> Column:
    value = F.col(f"_fields.{column.name}")
    if not is_text or column.type == "string":
        return value
    return F.when(value.rlike(rf"\A(?:{FORMS[column.type]})\z"), value.try_cast(column.type))


def _own_findings(
    table: Table, column: tables.Column, is_typed: bool = False, may_slip: bool = False
) -> list[RecordFinding]:
    """What may be wrong with one column in itself."""
    forms = table.forms_of(column)
    typed = F.col(column.name)
    delivered, *older = [F.col(form.name if is_typed else f"_fields.{form.name}") for form in forms]
    value = F.substring(F.coalesce(*[each.cast("string") for each in (delivered, *older)]), 1, SHOWN)
    findings = []
    if column.required:
        missing = F.lit(f"{column.name}: is missing")
        is_missing = delivered.isNull() & typed.isNull() if older else delivered.isNull()
        if (since := forms[-1].since) > 1:
            is_missing = is_missing & (F.col("_version") >= since)
        findings.append(RecordFinding(f"{column.name}.required", is_missing, missing))
    for (kind, words), applies in _checks(column, delivered, typed).items():
        rule = f"{column.name}.{kind}"
        is_hidden = column.pii is not None or (may_slip and not rule.endswith(IN_PLACE))
        shown = F.lit(MASK) if is_hidden else value
        findings.append(RecordFinding(rule, applies, F.concat(F.lit(f"{column.name}: '"), shown, F.lit(f"' {words}"))))
    return findings


def _checks(column: tables.Column, delivered: Column, typed: Column) -> dict[tuple[str, str], Column]:
    """Conditions under which a value is refused, by the kind of rule and the words for it."""
    checks: dict[tuple[str, str], Column] = {}
    if column.type != "string":
        words = f"is not {CALLED.get(column.type, f'a {column.type}')}"
        checks["type", words] = delivered.isNotNull() & typed.isNull()
    if column.type == "double":
        checks["finite", "is not a finite number"] = F.isnan(typed) | (F.abs(typed) == float("inf"))
    if column.accepted is not None:
        checks["accepted", f"is not one of {', '.join(column.accepted)}"] = ~typed.isin(*column.accepted)
    if column.pattern is not None:
        checks["pattern", f"does not match {column.pattern}"] = ~typed.rlike(rf"\A(?:{column.pattern})\z")
    if column.minimum is not None:
        checks["minimum", f"is under {column.minimum:.15g}"] = typed < column.minimum
    if column.maximum is not None:
        checks["maximum", f"is over {column.maximum:.15g}"] = ~F.isnan(typed) & (typed > column.maximum)
    return checks


def _between(rule: tables.Rule, table: Table, is_typed: bool = False) -> RecordFinding:
    """A rule between columns; it spares records of versions that lack one, and older values that can't be cast."""
    broken = ~F.coalesce(F.expr(rule.must), F.lit(False))
    for column in table.data_columns:
        if not _mentions(rule, column.name):
            continue
        forms = table.forms_of(column)
        has_value = F.col(column.name).isNotNull()
        if (since := forms[-1].since) > 1:
            # Published rows do not tell their version; where it lacks the column, they have null.
            broken = broken & (has_value if is_typed else F.col("_version") >= since)
        for older in forms[1:]:
            broken = broken & (has_value | F.col(older.name).isNull())
    return RecordFinding(rule.name, broken, F.lit(f"{rule.name}: {rule.why}"))


def _mentions(rule: tables.Rule, name: str) -> bool:
    return re.search(rf"\b{name}\b", rule.must, re.IGNORECASE) is not None
