"""The conditions under which a model may become champion. This file is meant to be read by a risk officer.

Every gate compares one number of the evaluation with one limit. All of them must pass. A number that is
missing, infinite or not a number fails its gate: what cannot be shown has not been shown.

The numbers are taken on the test period, which is later than all data that the model has learned from and
was not used for any choice. Intervals come from drawing whole days of it anew 1000 times, so that a few
lucky days are not mistaken for skill.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Gate:
    """One condition.

    Attributes:
        name: as it appears in logs, MLflow and reports.
        number: which number of the evaluation is judged.
        must_be: how it must stand to the limit.
        limit: the bound.
        meaning: why the gate exists, and what its failure says.
    """

    name: str
    number: str
    must_be: Literal["at least", "above", "at most"]
    limit: float
    meaning: str


GATES = (
    Gate(
        name="enough_rows",
        number="rows",
        must_be="at least",
        limit=500,
        meaning="Fewer test rows than this say nothing reliable about a model.",
    ),
    Gate(
        name="enough_events",
        number="rows_of_rarer_class",
        must_be="at least",
        limit=50,
        meaning="The test must hold both outcomes often enough to tell good forecasts from bad ones.",
    ),
    Gate(
        name="all_numbers_computed",
        number="numbers_not_finite",
        must_be="at most",
        limit=0,
        meaning="A measure that could not be computed hides what it would have shown.",
    ),
    Gate(
        name="better_than_constant_rate",
        number="gain_over_constant_lower",
        must_be="above",
        limit=0.0,
        meaning="Log-loss saved against always giving the rate known before the test (lower end of 99 %): "
        "a model without that is noise.",
    ),
    Gate(
        name="ranks_better_than_chance",
        number="auc_lower",
        must_be="above",
        limit=0.5,
        meaning="Area under the ROC curve (lower end of 99 %): at 0.5 the order of the scores is a coin toss.",
    ),
)

# Judged as well as soon as there is a champion.
CHAMPION_GATES = (
    Gate(
        name="better_than_champion",
        number="gain_over_champion_lower",
        must_be="above",
        limit=0.0,
        meaning="Log-loss saved against the champion on the same rows (lower end of 95 %): "
        "a change of model that brings nothing is not made.",
    ),
)


@dataclass(frozen=True)
class Verdict:
    """A gate that was judged; ``value`` is None where the number was not there."""

    name: str
    value: float | None
    limit: str
    passed: bool
    meaning: str

    def to_dict(self) -> dict[str, Any]:
        """As it is kept in MLflow; a value that is not finite becomes text, which JSON can hold."""
        finite = self.value is None or math.isfinite(self.value)
        return {**asdict(self), "value": self.value if finite else str(self.value)}


def judge(metrics: Mapping[str, float], *, champion_exists: bool) -> list[Verdict]:
    """Judge every gate.

    Args:
        metrics: numbers of the evaluation.
        champion_exists: whether another model is in force.
    """
    numbers = {**metrics, "numbers_not_finite": sum(not math.isfinite(value) for value in metrics.values())}
    if "events" in metrics and "rows" in metrics:
        numbers["rows_of_rarer_class"] = min(metrics["events"], metrics["rows"] - metrics["events"])
    gates = GATES + (CHAMPION_GATES if champion_exists else ())
    return [_verdict(gate, numbers.get(gate.number)) for gate in gates]


def _verdict(gate: Gate, value: float | None) -> Verdict:
    passed = value is not None and math.isfinite(value) and _holds(value, gate)
    return Verdict(gate.name, value, f"{gate.must_be} {gate.limit:g}", passed, gate.meaning)


def _holds(value: float, gate: Gate) -> bool:
    if gate.must_be == "at least":
        return value >= gate.limit
    return value > gate.limit if gate.must_be == "above" else value <= gate.limit


def as_table(verdicts: Sequence[Verdict]) -> str:
    """The verdicts as lines of text: gate, value, limit, verdict, meaning."""
    rows = [("gate", "value", "limit", "verdict", "meaning")]
    for verdict in verdicts:
        value = "not computed" if verdict.value is None else f"{verdict.value:.6g}"
        rows.append((verdict.name, value, verdict.limit, "passed" if verdict.passed else "FAILED", verdict.meaning))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows
    )
