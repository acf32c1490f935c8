"""Deciding about quarantined rows: which of them a person's word is about, and which it can't be about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.errors import UsageError
from nightshift.ingest.quarantine.quarantined_rows import ERASED, Selection, query_rows, source_table
from nightshift.ingest.quarantine.releasable_rules import releasable
from nightshift.ledger.row_decisions import Action, RowDecision, decisions_of, record_decisions
from nightshift.person import person
from nightshift.stages import LAND, command


@dataclass(frozen=True)
class Decided:
    """What a command did.

    Attributes:
        rows: that it decided about.
        already: that were decided so before.
        left: rows that it was asked about and that stay as they are, by the rules that keep them.
    """

    rows: int
    already: int
    left: Mapping[str, int]


def decide(catalog: Catalog, action: Action, selection: Selection, who: str, why: str) -> Decided:
    """Release or reject the quarantined rows of one table and date.

    Takes effect when the date is landed again. A decision that was made before is not made twice.

    Raises:
        NightshiftError: if there are no such rows, or they break what no release can waive.
    """
    who, why = person(who, why)
    assert selection.table is not None
    table = source_table(catalog, selection.table)
    waivable = releasable(table)
    if action == "release" and selection.rule is not None and selection.rule not in waivable:
        raise UsageError(_final(table, {selection.rule: 0}))
    query = """SELECT file, file_sha256, rules, waived, state, record = 0 AS is_file, count(*) AS rows FROM asked
        GROUP BY ALL ORDER BY file, rules, state"""
    found = query_rows(catalog, selection, query)
    if not found:
        return _decide_about_landed(catalog, action, selection, who, why)
    if all(group["is_file"] for group in found):
        raise UsageError(
            f"{selection} is a whole file that can't be used: only a new delivery helps (docs/landing-contract.md)"
        )
    return _decide_about(table, action, selection, found, who, why)


def land_again(use_case: str, dates: BatchDates) -> str:
    """How a decision, or a rule that was fixed, comes to count."""
    return (
        f"{command(LAND, use_case, dates)}\n"
        f"or in the Airflow UI: Dags → {use_case}_nightly → the run of the date → land → Clear, with Downstream"
    )


def _decide_about(
    table: Table, action: Action, selection: Selection, found: Sequence[Mapping[str, Any]], who: str, why: str
) -> Decided:
    """Make one decision for each file; a record that is named gets its own."""
    target = {"release": "waiting", "reject": "rejected"}[action]
    waivable = releasable(table)
    rules: dict[tuple[str, str], set[str]] = defaultdict(set)
    numbers: dict[tuple[str, str], int] = defaultdict(int)
    left: dict[str, int] = defaultdict(int)
    already = 0
    for group in found:
        broken = set(group["rules"].split(","))
        asked = broken if selection.rule is None else {selection.rule}
        waived = (waivable & asked) | set(group["waived"].split(","))
        kept = broken - waived if action == "release" else broken & {ERASED}
        kept = broken if group["is_file"] else kept
        if group["state"] == target:
            already += group["rows"]
        elif kept:
            left[",".join(sorted(kept))] += group["rows"]
        else:
            rules[group["file"], group["file_sha256"]] |= asked
            numbers[group["file"], group["file_sha256"]] += group["rows"]
    if not rules and not already:
        raise UsageError(_final(table, left))
    record_decisions(
        RowDecision(
            use_case=table.use_case,
            table_name=table.name,
            batch_date=selection.dates.first,
            file=file,
            file_sha256=sha256,
            record=selection.record,
            rules=",".join(sorted(names)),
            action=action,
            who=who,
            why=why,
            rows=numbers[file, sha256],
        )
        for (file, sha256), names in rules.items()
    )
    return Decided(sum(numbers.values()), already, dict(left))


def _decide_about_landed(catalog: Catalog, action: Action, selection: Selection, who: str, why: str) -> Decided:
    """Rows that a release has let pass are in quarantine no longer; the decision about them can still be changed."""
    name = catalog.use_case.name
    newest: dict[tuple[Any, ...], RowDecision] = {}
    for each in decisions_of(name, selection.dates, selection.table):
        if _is_about(each, selection):
            newest[each.file_sha256, each.record, each.rules] = each
    if not newest:
        raise UsageError(
            f"no row of {selection} is in the quarantine of {name}: see what is with "
            f"`nightshift quarantine list --use-case {name} --dates {selection.dates}`"
        )
    changed = [each for each in newest.values() if each.action != action]
    record_decisions(replace(each, action=action, who=who, why=why, rows_in_effect=None, id=0) for each in changed)
    decided = sum(each.rows for each in changed)
    return Decided(decided, sum(each.rows for each in newest.values()) - decided, {})


def _is_about(decision: RowDecision, selection: Selection) -> bool:
    return (
        (selection.rule is None or selection.rule in decision.rules.split(","))
        and (selection.file is None or selection.file == decision.file)
        and (selection.record is None or selection.record == decision.record)
    )


def _final(table: Table, kept: Mapping[str, int]) -> str:
    listed = "; ".join(f"{rules}{f' ({number} rows)' if number else ''}" for rules, number in kept.items())
    return (
        f"rows of {table.label} that break {listed} can't be decided so: a person may waive "
        f"{', '.join(sorted(releasable(table))) or 'none of its rules'}. What can't be read, is missing or has another "
        "type has nothing to publish: fix the rule in tables.yaml, or have the file delivered again"
    )
