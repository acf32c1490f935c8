"""What people decided about quarantined rows, applied to rows that are landed again.

Rules are applied again each time; then a decision counts for a row if it speaks about every rule that the row breaks.
The slice that holds released rows is audited without the rules that they break, and it is checked that no other
row breaks them.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from nightshift.dates import BatchDates
from nightshift.declarations.tables import PARTITION, Column, Table
from nightshift.ingest.landing.judge_records import RULES_SEPARATOR, is_good, waivable_findings
from nightshift.ingest.quarantine.releasable_rules import releasable
from nightshift.lake.audit_report import EXAMPLES, Audit, AuditReport, Check
from nightshift.ledger.row_decisions import RowDecision

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

DECISIONS = (
    "batch_date date, file_sha256 string, "
    "_known array<struct<id: bigint, record: bigint, rules: array<string>, action: string, who: string, why: string>>"
)
UNDECIDED = {"_status": "string", "_decided_by": "string", "_decided_why": "string", "_decision": "bigint"}
RELEASED_ONLY = "only_released_rows_break_a_waived_rule"


def decided(rows: DataFrame, table: Table, made: Sequence[RowDecision]) -> DataFrame:
    """Judged rows with what people made of them.

    Args:
        rows: with ``batch_date, file_sha256, record, _rules, _reason``.
        table: whose rows they are.
        made: decisions, the oldest first, about any table.

    Returns:
        The rows with ``_status`` (`open`, or `rejected` by a person), ``_decided_by``, ``_decided_why``, and the number
        of the ``_decision`` that counted. A released row is a good one: its ``_rules`` and ``_reason`` are empty.
    """
    mine = [each for each in made if each.table_name == table.name]
    if not mine:
        nothing = {name: F.lit(None).cast(kind) for name, kind in UNDECIDED.items()}
        return rows.withColumns({**nothing, "_status": F.lit("open")})
    known = rows.sparkSession.createDataFrame(_by_file(mine, releasable(table)), DECISIONS)
    verdicts = F.transform(
        F.split("_rules", RULES_SEPARATOR),
        lambda rule: F.try_element_at(
            F.filter(
                "_known",
                lambda each: (
                    F.array_contains(each["rules"], rule)
                    & (each["record"].isNull() | (each["record"] == F.col("record")))
                ),
            ),
            F.lit(-1),
        ),
    )
    rejection = F.try_element_at(F.filter("_verdicts", lambda each: each["action"] == "reject"), F.lit(1))
    is_released = F.forall("_verdicts", lambda each: each["action"].eqNullSafe(F.lit("release")))
    counts = F.coalesce("_rejection", F.when(F.col("_released"), F.try_element_at("_verdicts", F.lit(1))))
    return (
        rows.join(F.broadcast(known), on=[PARTITION, "file_sha256"], how="left")
        .withColumn("_verdicts", F.when(~is_good() & F.col("_known").isNotNull(), verdicts))
        .withColumns({"_rejection": rejection, "_released": F.coalesce(is_released, F.lit(False))})
        .withColumn("_counts", counts)
        .withColumns(
            {
                "_status": F.when(F.col("_rejection").isNotNull(), F.lit("rejected")).otherwise(F.lit("open")),
                "_decided_by": F.col("_counts.who"),
                "_decided_why": F.col("_counts.why"),
                "_decision": F.col("_counts.id"),
                "_rules": F.when(F.col("_released"), F.lit("")).otherwise(F.col("_rules")),
                "_reason": F.when(F.col("_released"), F.lit("")).otherwise(F.col("_reason")),
            }
        )
        .drop("_known", "_verdicts", "_rejection", "_released", "_counts")
    )


def sparing_released(audit: Audit, made: Sequence[RowDecision]) -> Audit:
    """The audit of a slice that holds released rows.

    Rules that a person waived for some rows are taken out of the declaration that the suite is made from; in their
    place it is checked, by the very expressions that judge records, that nothing but released rows breaks them.

    Args:
        audit: the usual one.
        made: the decisions that were applied.
    """

    def audited(rows: DataFrame | None, table: Table, dates: BatchDates, expected_rows: int | None) -> AuditReport:
        assert rows is not None
        waived = _waived(table, made)
        report = audit(rows, _without(table, waived), dates, expected_rows)
        return dataclasses.replace(report, checks=(*report.checks, _only_released(rows, table, waived, made)))

    return audited


def _waived(table: Table, made: Sequence[RowDecision]) -> frozenset[str]:
    names = {
        rule
        for each in made
        if each.table_name == table.name and each.action == "release"
        for rule in each.rules.split(RULES_SEPARATOR)
    }
    return releasable(table) & names


def _without(table: Table, waived: frozenset[str]) -> Table:
    def relaxed(column: Column) -> Column:
        bounds = ("accepted", "pattern", "minimum", "maximum")
        return column.model_copy(update={bound: None for bound in bounds if f"{column.name}.{bound}" in waived})

    rules = tuple(rule for rule in table.rules if rule.name not in waived)
    return table.model_copy(update={"columns": tuple(relaxed(column) for column in table.columns), "rules": rules})


def _only_released(rows: DataFrame, table: Table, waived: frozenset[str], made: Sequence[RowDecision]) -> Check:
    broken = [each.name for each in waivable_findings(table) if each.rule in waived]
    judged = rows.withColumns(
        {"_rules": F.concat_ws(RULES_SEPARATOR, F.lit(None), *broken), "_reason": F.lit(None).cast("string")}
    )
    stray = decided(judged, table, made).where(~is_good()).select(PARTITION, "file", "record", "_rules")
    examples: list[Mapping[str, Any]] = [row.asDict() for row in stray.limit(EXAMPLES).collect()]
    return Check(
        RELEASED_ONLY,
        "blocks",
        f"A person let some rows break {', '.join(sorted(waived))}; every other row must keep to it.",
        passed=not examples,
        failed_rows=stray.count() if examples else 0,
        examples=examples,
    )


def _by_file(mine: Sequence[RowDecision], waivable: frozenset[str]) -> list[tuple[dt.date, str, list[tuple[Any, ...]]]]:
    grouped: dict[tuple[dt.date, str], list[tuple[Any, ...]]] = {}
    for each in mine:
        rules = each.rules.split(RULES_SEPARATOR)
        if each.action == "release":
            # What the declaration made final since then is no longer waived.
            rules = [rule for rule in rules if rule in waivable]
        known = (each.id, each.record, rules, each.action, each.who, each.why)
        grouped.setdefault((each.batch_date, each.file_sha256), []).append(known)
    return [(date, sha256, known) for (date, sha256), known in grouped.items()]
