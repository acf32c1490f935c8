"""What an audit says: a list of checks, each with its consequence. `expectations` evaluates it."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table
from nightshift.errors import AuditFailedError
from nightshift.storage import Location

Consequence = Literal["blocks", "warns"]
EXAMPLES = 5


@dataclass(frozen=True)
class Check:
    """One expectation, evaluated.

    Attributes:
        name: in domain words, like ``keys_are_unique``.
        consequence: what happens when it fails.
        why: the reason that it exists.
        passed: false also when it could not be evaluated.
        failed_rows: how many rows broke it; None where it is not about rows.
        examples: up to five of them.
        observed: what was found, in words.
    """

    name: str
    consequence: Consequence
    why: str
    passed: bool
    failed_rows: int | None = None
    examples: list[Mapping[str, Any]] = field(default_factory=list)
    observed: str = ""


@dataclass(frozen=True)
class AuditReport:
    """All checks of one slice.

    Attributes:
        profiles: the slice in figures, per batch date; kept in the ledger when the slice is published, so that later
            slices are compared with it and not with the lake.
    """

    checks: tuple[Check, ...]
    page: Location | None = None
    profiles: Mapping[dt.date, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def blocking(self) -> list[Check]:
        """Failed checks that block publication."""
        return [check for check in self.checks if not check.passed and check.consequence == "blocks"]

    @property
    def warnings(self) -> list[Check]:
        """Failed checks that only warn."""
        return [check for check in self.checks if not check.passed and check.consequence == "warns"]


class Audit(Protocol):
    """Evaluates the suite of a table on a staged slice."""

    def __call__(self, rows: Any, table: Table, dates: BatchDates, expected_rows: int | None) -> AuditReport:
        """Args: the staged rows, their table and dates, and how many there must be (None: any number).

        Rows are a Spark DataFrame; None in a process without a Spark session.
        """


class AuditError(AuditFailedError):
    """A slice that was refused by its audit."""

    def __init__(self, table: Table, dates: BatchDates, report: AuditReport, next_step: str) -> None:
        """Compose the message that ends a failed task's log."""
        failed = "\n".join(failure_in_words(check) for check in report.blocking)
        page = f"\n  report: {report.page}" if report.page else ""
        super().__init__(
            f"audit of {table.label} {dates} failed, nothing was published: "
            f"{len(report.blocking)} of {len(report.checks)} checks block\n{failed}{page}\n  next: {next_step}"
        )


def without_result(declared: Iterable[str], checks: Iterable[Check]) -> Iterator[Check]:
    """A failed check for each declared one that has no result."""
    lacking = Counter(declared) - Counter(check.name for check in checks)
    for name in lacking.elements():
        yield Check(name, "blocks", "A check that did not run has not passed.", passed=False, observed="no result")


def failure_in_words(check: Check) -> str:
    """A failed check in the words of a log."""
    rows = "" if check.failed_rows is None else f", {check.failed_rows} rows"
    lines = [f"  check: {check.name} ({check.consequence}{rows})", f"    why: {check.why}"]
    if check.observed:
        lines.append(f"    found: {check.observed}")
    examples = [json.dumps(dict(row), default=str, ensure_ascii=False) for row in check.examples[:EXAMPLES]]
    return "\n".join([*lines, *(f"    example: {example}" for example in examples)])
