"""What a gate may say, and what no use case may do without."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from nightshift.declarations.training_section import BINARY
from nightshift.declarations.yaml_form import Declared, Name
from training.judging.feature_strength import GATED_NUMBERS
from training.judging.leak_suspects import UNANSWERED
from training.judging.relative_measures import RELATIVE_MEASURES

Limit = Annotated[float, Field(strict=True, allow_inf_nan=False)]

GROUPS: Final = ("absolute", "relative", "calibration", "cost", "slices", "fairness", "stability", "skew", "effort")

# Measures of a forecast; with a prefix those of other rows, or of another forecast of the test.
_MEASURES: Final = {
    "binary": (
        *("loss", "rows", "events", "rows_of_rarer_class", "event_rate"),
        *("auc", "average_precision", "log_loss", "brier", "calibration_error", "lift_at_10"),
        *("precision", "recall", "warned_share", "threshold"),
        *("cost_per_row", "cost_per_row_never_warning", "cost_per_row_always_warning"),
    ),
    "regression": (
        *("loss", "rows", "label_mean"),
        *("mae", "rmse", "mse", "pinball_lower", "pinball_upper", "coverage", "r2", "bias"),
    ),
}
_PREFIXES: Final = ("train", "validation", "constant", "champion")
# Of the test alone, with ends of an interval or without.
_OF_TEST: Final = {
    "binary": (
        *("gain_over_constant", "gain_over_champion", "auc_gain_over_champion", "average_precision_gain_over_champion"),
        *("smallest_selection_ratio", "smallest_true_positive_ratio", "smallest_false_positive_ratio"),
        *("worst_slice_auc", "worst_slice_calibration_error", "cost_saved_per_row"),
    ),
    "regression": ("gain_over_constant", "gain_over_champion", "worst_slice_mae"),
}
_OF_TRAINING: Final = (
    *("numbers_not_finite", "label_coverage", "training_seconds"),
    *("largest_feature_drift", "largest_missing_rise", "score_shift", "score_shift_from_champion"),
    *("skew_share", "skew_rows_compared", UNANSWERED),
)


class Gate(Declared):
    """One condition on one number."""

    name: Name = Field(description="As it appears in logs, MLflow and reports.")
    group: Literal[GROUPS] = Field(description="The heading that it stands under.")  # type: ignore[valid-type]
    number: str = Field(description="Which number of the evaluation is judged.")
    at_least: Limit | None = None
    above: Limit | None = None
    at_most: Limit | None = None
    below: Limit | None = None
    when: Literal["champion_exists", "champion_fits", "scored_before", "has_slices", "has_fairness"] | None = Field(
        None, description="The gate is asked only where this holds; unset: always."
    )
    meaning: Annotated[str, StringConstraints(strip_whitespace=True, min_length=20)] = Field(
        description="Why the gate exists, and what its failure says."
    )

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        given = [name for name in ("at_least", "above", "at_most", "below") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of at_least, above, at_most and below, and has {len(given)}")
        return self

    @property
    def limit(self) -> str:
        """Like ``at most 0.06``."""
        found = next(name for name in ("at_least", "above", "at_most", "below") if getattr(self, name) is not None)
        return f"{found.replace('_', ' ')} {getattr(self, found):g}"

    def replaces(self, default: Gate) -> bool:
        """Whether it limits the same number on the same side, and is asked whenever the default would be."""
        return (
            self.number == default.number
            and self._is_lower_bound == default._is_lower_bound
            and self.when in (None, default.when)
        )

    @property
    def _is_lower_bound(self) -> bool:
        return self.at_least is not None or self.above is not None

    def holds(self, value: float) -> bool:
        """Whether a finite number is on the right side of the limit."""
        if self.at_least is not None:
            return value >= self.at_least
        if self.above is not None:
            return value > self.above
        if self.at_most is not None:
            return value <= self.at_most
        return self.below is not None and value < self.below


class DefaultGate(Gate):
    """A gate of every use case of a task whose own file has none that stands in for it."""

    @property
    def limit(self) -> str:
        """Like ``at most 2 (default)``."""
        return f"{super().limit} (default)"


def numbers_of(task: str) -> frozenset[str]:
    """Every number that a training of this task can have.

    Measures of the model on test stand as they are; those on other rows and of others have a prefix, and ends of
    intervals a suffix.
    """
    measures = _MEASURES[task]
    of_test = (*measures, *_OF_TEST[task])
    return frozenset(
        [
            *(*of_test, *_OF_TRAINING, GATED_NUMBERS[task], *RELATIVE_MEASURES[task]),
            *(f"{prefix}_{name}" for prefix in _PREFIXES for name in measures),
            *(f"{name}_{end}" for end in ("lower", "upper") for name in of_test),
        ]
    )


def fault_of_gate(gate: Gate, task: str) -> str | None:
    """What is wrong with a gate in a use case of this task; None if nothing is."""
    known = numbers_of(task)
    if gate.number not in known:
        other = "regression" if task == BINARY else BINARY
        if gate.number in numbers_of(other):
            return f"the number {gate.number} is one of {other} tasks, and this one is {task}"
        near = difflib.get_close_matches(gate.number, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return f"no training gives a number {gate.number}{hint} docs/gates.md lists them"
    needed = _needed_fact(gate.number)
    if needed is not None and gate.when != needed and (needed, gate.when) != ("champion_exists", "champion_fits"):
        return f"the number {gate.number} is there only where {needed} holds: add `when: {needed}`"
    return None


def lacking(gates: Sequence[Gate], task: str) -> list[str]:
    """A sentence for each gate that must be there and is not."""
    needed = (*_INDISPENSABLE, _OF_SIGNAL[task])
    return [sentence for sentence, fits in needed if not any(fits(gate) for gate in gates)]


def _needed_fact(number: str) -> str | None:
    """The fact without which a number is never there, so that its gate would always fail."""
    if number.startswith("champion_") or "_over_champion" in number or number == "score_shift_from_champion":
        return "champion_exists"
    if number.startswith("worst_slice_"):
        return "has_slices"
    if number.startswith("smallest_"):
        return "has_fairness"
    return "scored_before" if number.startswith("skew_") else None


def _least(gate: Gate) -> float:
    """What a number must surely exceed to pass; minus infinity where nothing."""
    if gate.above is not None:
        return gate.above
    return -math.inf if gate.at_least is None else math.nextafter(gate.at_least, -math.inf)


def _is_gain(gate: Gate, number: str) -> bool:
    """Whether a gate asks for a gain that is surely above nothing."""
    return gate.number == number and _least(gate) >= 0


_INDISPENSABLE: tuple[tuple[str, Callable[[Gate], bool]], ...] = (
    (
        "a gate on gain_over_constant_lower, `above: 0` or more, without `when`: noise would pass",
        lambda gate: _is_gain(gate, "gain_over_constant_lower") and gate.when is None,
    ),
    (
        "a gate on gain_over_champion_lower, `above: 0` or more, `when: champion_exists`: a worse model would pass",
        lambda gate: _is_gain(gate, "gain_over_champion_lower") and gate.when == "champion_exists",
    ),
    (
        "a gate on numbers_not_finite, `at_most: 0`, without `when`: what could not be computed would pass",
        lambda gate: gate.number == "numbers_not_finite" and gate.at_most == 0 and gate.when is None,
    ),
    (
        f"a gate on {UNANSWERED}, `at_most: 0`, without `when`: a feature that knows the outcome would pass",
        lambda gate: gate.number == UNANSWERED and gate.at_most == 0 and gate.when is None,
    ),
)
# Beating a constant is not enough: noise that was calibrated in a month whose rate is nearer to the test's than the
# constant's does so surely. These two see the order and the spread alone.
_OF_SIGNAL: dict[str, tuple[str, Callable[[Gate], bool]]] = {
    "binary": (
        "a gate on auc_lower, `above: 0.5` or more, without `when`: noise at the right level would pass",
        lambda gate: gate.number == "auc_lower" and gate.when is None and _least(gate) >= 0.5,
    ),
    "regression": (
        "a gate on r2_lower, `above: 0` or more, without `when`: noise at the right level would pass",
        lambda gate: gate.number == "r2_lower" and gate.when is None and _least(gate) >= 0,
    ),
}
