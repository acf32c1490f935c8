"""Judge a model: apply the gates to the numbers of its evaluation of the use case.

The gates stand in ``training/judging/default_gates`` and, where a use case sets limits of its own, in
``use_cases/<name>/gates.yaml``; both are written to be read by a risk officer. All of them must pass. A number that is
missing, infinite or not a number fails its gate: what cannot be shown has not been shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from nightshift import figures
from nightshift.declarations.yaml_form import faults, line_of, read_yaml
from nightshift.errors import DeclarationError
from training.judging.gate_file import GROUPS, DefaultGate, Gate, fault_of_gate, lacking

if TYPE_CHECKING:
    from nightshift.declarations.training_section import Task
    from nightshift.declarations.use_case import UseCase

__all__ = ["Facts", "Gate", "Verdict", "as_table", "defaults_of", "judge", "load_gates"]


@dataclass(frozen=True)
class Facts:
    """What decides which gates are asked; named as `when` in gates.yaml.

    Attributes:
        champion_exists: another model is in force.
        champion_fits: it is, and still beats a constant on the test period, days that it has seen included; one that
            no longer does is no measure.
        scored_before: batch dates of the training range were scored, so that skew can be seen.
        has_slices: `training.slices` of the use case names columns.
        has_fairness: `training.fairness` does.
    """

    champion_exists: bool
    champion_fits: bool
    scored_before: bool
    has_slices: bool
    has_fairness: bool

    @classmethod
    def of(
        cls, use_case: UseCase, *, champion_exists: bool, scored_before: bool, champion_fits: bool | None = None
    ) -> Facts:
        """The facts about a training, those that are declared taken from the use case."""
        declared = use_case.training
        fits = champion_exists if champion_fits is None else champion_exists and champion_fits
        return cls(champion_exists, fits, scored_before, bool(declared.slices), bool(declared.fairness))


_WITHOUT = {
    "": "",
    "champion_exists": "no champion",
    "champion_fits": "no champion that beats a constant",
    "scored_before": "no date scored",
    "has_slices": "no slices declared",
    "has_fairness": "no groups declared",
}


@dataclass(frozen=True)
class Verdict:
    """What became of one gate.

    Attributes:
        name: of the gate.
        value: the number; None where it was not there.
        limit: how the number must stand to what, in words, like ``at most 0.06``.
        passed: whether the gate stands in nobody's way; also true where it was not asked.
        meaning: why the gate exists, and what its failure says.
        group: of the gate, like ``calibration``.
        asked: false where its `when` does not hold.
        when: the gate's condition; None where it is always asked.
    """

    name: str
    value: float | None
    limit: str
    passed: bool
    meaning: str
    group: str
    asked: bool = True
    when: str | None = None

    @property
    def word(self) -> str:
        """``passed``, ``FAILED``, or ``not asked`` and why."""
        if not self.asked:
            return f"not asked: {_WITHOUT[self.when or '']}"
        return "passed" if self.passed else "FAILED"

    def to_dict(self) -> dict[str, Any]:
        """As it is kept in MLflow; a value that is not finite becomes text, which JSON can hold."""
        finite = self.value is None or math.isfinite(self.value)
        return {**asdict(self), "value": self.value if finite else str(self.value), "verdict": self.word}


def load_gates(use_case: UseCase) -> tuple[Gate, ...]:
    """The gates of a use case: those of its file, then each default gate that none of these stands in for.

    Raises:
        DeclarationError: if the file is empty or wrong, names a number that the use case's task does not have, or
            sets a limit by which noise or a worse model could become champion; naming file and gate.
    """
    path = use_case.folder / "gates.yaml"
    own = _read(path, Gate) if path.is_file() else []
    defaults = [
        gate for gate in _read(defaults_of(use_case.task), DefaultGate) if not any(each.replaces(gate) for each in own)
    ]
    names = {gate.name: gate.number for gate in defaults}
    for number, gate in enumerate(own):
        place = [gate.group, sum(other.group == gate.group for other in own[:number])]
        where = f"{line_of(path, place)}: "
        if gate.name in {other.name for other in own[:number]}:
            raise DeclarationError(f"{where}two gates are called {gate.name}: rename one of them")
        if gate.name in names:
            raise DeclarationError(
                f"{where}{gate.name} is the name of the default gate on {names[gate.name]}, which holds beside it: "
                "call this one otherwise"
            )
        if fault := fault_of_gate(gate, use_case.task):
            raise DeclarationError(f"{where}{gate.group}, gate {gate.name}: {fault}")
    if missing := lacking([*own, *defaults], use_case.task):
        raise DeclarationError(
            f"{path} judges a number by a limit that is not enough. It must have, or leave to the default gate:\n  "
            + "\n  ".join(missing)
        )
    return (*own, *defaults)


def defaults_of(task: Task) -> Path:
    """The file of the default gates of a task."""
    return Path(__file__).parent / "default_gates" / f"{task}.yaml"


def judge(
    gates: Sequence[Gate], numbers: Mapping[str, float], facts: Facts, details: Mapping[str, str] | None = None
) -> list[Verdict]:
    """A verdict for every gate, in order.

    Args:
        gates: of the use case.
        numbers: all that was measured, by name.
        facts: which gates are asked.
        details: by the name of a number a sentence that is added to the meaning of its gate, like the feature at fault.
    """
    judged = {**numbers, **_derived(numbers)}
    said = dict(details or {})
    if missing := _not_finite(numbers):
        said["numbers_not_finite"] = f"Not computed: {', '.join(missing)}."
    return [_verdict(gate, judged.get(gate.number), facts, said.get(gate.number, "")) for gate in gates]


def as_table(verdicts: Sequence[Verdict]) -> str:
    """The verdicts as lines of text: gate, value, limit, verdict, meaning."""
    rows = [("gate", "value", "limit", "verdict", "meaning")]
    for verdict in verdicts:
        value = "not computed" if verdict.value is None else figures.number(verdict.value, 6)
        rows.append((verdict.name, value if verdict.asked else "", verdict.limit, verdict.word, verdict.meaning))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows
    )


def _read(path: Path, kind: type[Gate]) -> list[Gate]:
    raw = read_yaml(path)
    if not isinstance(raw, dict) or not any(raw.values()):
        raise DeclarationError(f"{path} holds no gates: write one (docs/gates.md), or delete it, and the defaults hold")
    gates: list[Gate] = []
    for group, entries in raw.items():
        if group not in GROUPS:
            raise DeclarationError(
                f"{line_of(path, [group])}: {group!r} is not a group of gates; there are: {', '.join(GROUPS)}"
            )
        if not isinstance(entries, list):
            raise DeclarationError(
                f"{line_of(path, [group])}: {group}: must be a list of gates, each beginning with `- name:`"
            )
        gates.extend(_gate(path, group, position, entry, kind) for position, entry in enumerate(entries, start=1))
    return gates


def _gate(path: Path, group: str, position: int, raw: Any, kind: type[Gate]) -> Gate:
    if not isinstance(raw, dict):
        raise DeclarationError(
            f"{line_of(path, [group, position - 1])}: {group}, entry {position}: a gate is a mapping with a name, and "
            f"this is {raw!r:.80}"
        )
    try:
        return kind.model_validate({**raw, "group": group})
    except ValidationError as error:
        name = raw.get("name") or f"number {position}"
        lines = [
            f"{where}: {group}, gate {name}: {': '.join([*map(str, field), said])}"
            for where, field, said in faults(error, path, Gate, lambda field: (group, position - 1, *field))
        ]
        raise DeclarationError("\n".join(lines)) from error


def _not_finite(numbers: Mapping[str, float]) -> list[str]:
    """The model's own numbers that could not be computed.

    What the champion or a constant leaves uncomputed, like the precision of never warning, says nothing of the model.
    Nor need all slices, groups, features and intervals be known: that a few days hold all warnings leaves the ends
    of its precision unknown, and not what it is worth; and few days are left where the champion has seen the others. A
    gate on one of these fails by itself.
    """
    uncounted = ("champion_", "constant_", "worst_slice_", "smallest_", "strongest_feature_")
    own = {
        name: value
        for name, value in numbers.items()
        if not name.startswith(uncounted) and not name.endswith("_gain_over_champion")
    }
    return sorted(name for name, value in own.items() if not (math.isfinite(value) or _is_end(name, numbers)))


def _is_end(name: str, numbers: Mapping[str, float]) -> bool:
    """Whether it is an end of another number's interval, and no measure of its own like ``pinball_lower``."""
    return any(name.endswith(end) and name.removesuffix(end) in numbers for end in ("_lower", "_upper"))


def _derived(numbers: Mapping[str, float]) -> dict[str, float]:
    """Numbers that follow from others; one that cannot be computed is not there."""
    derived = {"numbers_not_finite": float(len(_not_finite(numbers)))}
    costs = ("cost_per_row", "cost_per_row_never_warning", "cost_per_row_always_warning")
    if numbers.keys() >= set(costs):
        model, never, always = (numbers[name] for name in costs)
        # The smaller one of a number and of no number would be the number.
        known = math.isfinite(never) and math.isfinite(always)
        derived["cost_saved_per_row"] = min(never, always) - model if known else math.nan
    return derived


def _verdict(gate: Gate, value: float | None, facts: Facts, detail: str) -> Verdict:
    asked = gate.when is None or bool(getattr(facts, gate.when))
    passed = not asked or (value is not None and math.isfinite(value) and gate.holds(value))
    meaning = f"{gate.meaning} {detail}" if detail else gate.meaning
    return Verdict(gate.name, value, gate.limit, passed, meaning, gate.group, asked, gate.when)
