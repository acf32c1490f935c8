"""How a model's raw score becomes a probability, and how wide the interval around a predicted value is.

Training fits these, the model's version keeps them, scoring applies them: the same numbers on both sides. Plain
numpy, as every Spark worker imports this module.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np

from nightshift.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Kind = Literal["none", "platt", "isotonic", "identity"]
# Margins are held within this, so that no probability is 0 or 1: in float64, 1 - sigmoid(37) is 0.
LARGEST_MARGIN = 30.0


@dataclass(frozen=True)
class Calibration:
    """A map from raw scores to what is published; it never turns the order of two scores round.

    Attributes:
        kind: ``none``: the raw score is a margin (log-odds), the probability its sigmoid. ``platt``: the sigmoid of
            ``slope`` · margin + ``intercept`` (Platt 1999). ``isotonic``: linear between ``knots`` and their
            ``probabilities``, constant beyond the outermost (Zadrozny and Elkan 2002). ``identity``: regression,
            the raw score is the value.
        slope: of ``platt``, above 0.
        intercept: of ``platt``.
        knots: of ``isotonic``: margins, each above the one before.
        probabilities: of ``isotonic``: at the knots, within (0, 1), never falling.
    """

    kind: Kind
    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would give no probability, or would turn the order round.

        Raises:
            NightshiftError: naming what is wrong.
        """
        if self.kind not in get_args(Kind):
            raise DataError(f"{self.kind!r} is not a calibration; there are {', '.join(get_args(Kind))}")
        if not (math.isfinite(self.slope) and self.slope > 0 and math.isfinite(self.intercept)):
            raise DataError(
                f"a calibration needs a finite slope above 0 and a finite intercept, not {self.slope!r} and "
                f"{self.intercept!r}"
            )
        if self.kind == "isotonic":
            _refuse_unfit_knots(self.knots, self.probabilities)

    def apply(self, raw: Floats) -> Floats:
        """Calibrate raw scores, shape (rows,): binary gives probabilities within (0, 1), regression the values.

        A score has the same bits whatever rows stand beside it. NaN stays NaN.
        """
        raw = np.ascontiguousarray(raw, dtype=np.float64)
        if self.kind == "identity":
            return raw
        if self.kind == "isotonic":
            return np.interp(raw, self.knots, self.probabilities).astype(np.float64, copy=False)
        return sigmoid(self.slope * raw + self.intercept) if self.kind == "platt" else sigmoid(raw)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, which keeps every float to the bit; only what the kind needs."""
        if self.kind == "platt":
            return {"kind": self.kind, "slope": self.slope, "intercept": self.intercept}
        if self.kind == "isotonic":
            return {"kind": self.kind, "knots": list(self.knots), "probabilities": list(self.probabilities)}
        return {"kind": self.kind}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Calibration:
        """Read what :meth:`to_dict` gave.

        Raises:
            NightshiftError: if it is no calibration.
        """
        try:
            return cls(
                kind=cast("Kind", raw["kind"]),
                slope=float(raw.get("slope", 1.0)),
                intercept=float(raw.get("intercept", 0.0)),
                knots=tuple(float(knot) for knot in raw.get("knots", ())),
                probabilities=tuple(float(value) for value in raw.get("probabilities", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"this is no calibration of a model: {dict(raw)!r:.200}") from error


@dataclass(frozen=True)
class Interval:
    """The range that a predicted value is published with: from value + ``lower`` to value + ``upper``.

    Attributes:
        lower: added to the value, in the target's unit.
        upper: likewise.
        coverage: share of outcomes that the range was made to hold.
    """

    lower: float
    upper: float
    coverage: float

    def __post_init__(self) -> None:
        """Refuse what is no interval.

        Raises:
            NightshiftError: naming the bounds.
        """
        if not (math.isfinite(self.lower) and math.isfinite(self.upper) and self.lower <= self.upper):
            raise DataError(f"an interval needs two finite bounds in order, not {self.lower!r} and {self.upper!r}")
        if not 0 < self.coverage < 1:
            raise DataError(f"the coverage of an interval lies between 0 and 1, and is not {self.coverage!r}")

    def around(self, values: Floats) -> tuple[Floats, Floats]:
        """Lower and upper bound of each value, each of shape (rows,)."""
        return values + self.lower, values + self.upper

    def to_dict(self) -> dict[str, float]:
        """Plain values for JSON, which keeps every float to the bit."""
        return {"lower": self.lower, "upper": self.upper, "coverage": self.coverage}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Interval:
        """Read what :meth:`to_dict` gave.

        Raises:
            NightshiftError: if it is no interval.
        """
        try:
            return cls(float(raw["lower"]), float(raw["upper"]), float(raw["coverage"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"this is no interval of a model: {dict(raw)!r:.200}") from error


def sigmoid(margins: Floats) -> Floats:
    """Probability of log-odds, within (0, 1)."""
    probabilities: Floats = 1.0 / (1.0 + np.exp(-np.clip(margins, -LARGEST_MARGIN, LARGEST_MARGIN)))
    return probabilities


def _refuse_unfit_knots(knots: Sequence[float], probabilities: Sequence[float]) -> None:
    """Check the knots of an isotonic calibration against what they must be."""
    x, y = np.asarray(knots, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    if not len(x) or len(x) != len(y):
        raise DataError(f"an isotonic calibration needs a probability per knot, not {len(y)} for {len(x)} knots")
    if not np.isfinite(x).all() or (np.diff(x) <= 0).any():
        raise DataError("the knots of an isotonic calibration must be finite and rise")
    if not ((y > 0) & (y < 1)).all() or (np.diff(y) < 0).any():
        raise DataError("the probabilities of an isotonic calibration must lie within (0, 1) and never fall")
