"""Measures of a probability forecast, and how far chance could move them.

Plain numpy: importing scikit-learn costs two seconds of every training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[Any]

CALIBRATION_BINS = 10
BOOTSTRAP_SAMPLES = 1000
# With fewer batch dates than this, random groups of rows are drawn instead of whole days.
MINIMUM_DAYS = 7
RANDOM_GROUPS = 100
_SMALLEST = 1e-15


def log_losses(labels: Floats, probabilities: Floats) -> Floats:
    """Negative log-likelihood of each row, in nats."""
    clipped = np.clip(probabilities.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    return -np.where(labels > 0.5, np.log(clipped), np.log1p(-clipped))


def curve(labels: Floats, probabilities: Floats) -> tuple[Floats, Floats, Floats]:
    """True and false positives at each distinct threshold, highest first, and the thresholds."""
    order = np.argsort(-probabilities, kind="stable")
    ordered = probabilities[order]
    last_of_ties = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    hits = np.cumsum(labels[order], dtype=np.float64)[last_of_ties]
    return hits, last_of_ties + 1 - hits, ordered[last_of_ties]


def auc(labels: Floats, probabilities: Floats) -> float:
    """Area under the ROC curve; ties count half."""
    one_unit = np.zeros(len(labels), dtype=np.intp)
    pairs = concordant_pairs(labels, probabilities, one_unit, 1)[0, 0]
    events = np.count_nonzero(labels > 0.5)
    return _ratio(float(pairs), float(events * (len(labels) - events)))


def concordant_pairs(labels: Floats, probabilities: Floats, unit: NDArray[np.intp], units: int) -> Floats:
    """How many pairs of an event and a non-event the forecast orders rightly, ties counting half.

    ``unit`` is the number of the unit, like a day, to which each row belongs. The result has the shape
    (units, units): events of the unit of the row, non-events of that of the column.
    """
    event = labels > 0.5
    pairs = np.zeros((units, units))
    for other in range(units):
        non_events = np.sort(probabilities[~event & (unit == other)])
        below = np.searchsorted(non_events, probabilities[event], "left")
        not_above = np.searchsorted(non_events, probabilities[event], "right")
        pairs[:, other] = np.bincount(unit[event], weights=(below + not_above) / 2, minlength=units)
    return pairs


def average_precision(labels: Floats, probabilities: Floats) -> float:
    """Precision averaged over the steps of recall, without interpolation."""
    hits, false_alarms, _ = curve(labels, probabilities)
    return _ratio(float(np.diff(hits, prepend=0.0) @ (hits / (hits + false_alarms))), float(hits[-1]))


def reliability(labels: Floats, probabilities: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean forecast, observed rate and rows of bins that hold equally many rows each, ties kept together."""
    edges = np.unique(np.quantile(probabilities, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, probabilities, side="left")
    counts = np.bincount(bins, minlength=len(edges) + 1)
    filled = counts > 0
    forecast = np.bincount(bins, weights=probabilities, minlength=len(counts))[filled] / counts[filled]
    observed = np.bincount(bins, weights=labels, minlength=len(counts))[filled] / counts[filled]
    return forecast, observed, counts[filled]


def calibration_error(labels: Floats, probabilities: Floats) -> float:
    """Expected calibration error: |forecast - observed| averaged over equal-mass bins, weighted by rows."""
    forecast, observed, counts = reliability(labels, probabilities)
    return float(np.abs(forecast - observed) @ counts / counts.sum())


def forecast_metrics(labels: Floats, probabilities: Floats) -> dict[str, float]:
    """All measures of one forecast as a plain dict."""
    return {
        "auc": auc(labels, probabilities),
        "average_precision": average_precision(labels, probabilities),
        "log_loss": float(log_losses(labels, probabilities).mean()),
        "brier": float(np.mean((probabilities - labels) ** 2, dtype=np.float64)),
        "calibration_error": calibration_error(labels, probabilities),
    }


class Bootstrap:
    """Whole batch dates drawn anew with replacement, 1000 times; every statistic sees the same draws.

    Rows of one day share weather and knock-on delays; drawing single rows would make intervals far too
    narrow (cluster bootstrap: Field and Welsh, 2007). Where there are too few days, random groups of rows
    are drawn.
    """

    def __init__(self, days: NDArray[np.datetime64], seed: int) -> None:
        generator = np.random.default_rng(seed)
        names, unit = np.unique(days, return_inverse=True)
        if len(names) < MINIMUM_DAYS:
            unit = generator.permutation(len(days)) % RANDOM_GROUPS
        self.unit = unit
        self.units = int(unit.max()) + 1
        shape = np.full(self.units, 1 / self.units)
        self.draws = generator.multinomial(self.units, shape, size=BOOTSTRAP_SAMPLES).astype(np.float64)

    def means(self, values: Floats) -> Floats:
        """The mean of a quantity of each row, on each draw."""
        return (self.draws @ self._sums(values)) / (self.draws @ self._sums(np.ones(len(values))))

    def aucs(self, labels: Floats, probabilities: Floats) -> Floats:
        """The area under the ROC curve on each draw; not a number where a draw knows one class only."""
        pairs = concordant_pairs(labels, probabilities, self.unit, self.units)
        right = np.einsum("su,uv,sv->s", self.draws, pairs, self.draws, optimize=True)
        every = (self.draws @ self._sums(labels > 0.5)) * (self.draws @ self._sums(labels <= 0.5))
        aucs: Floats = np.divide(right, every, out=np.full(len(right), np.nan), where=every > 0)
        return aucs

    def _sums(self, values: Floats) -> Floats:
        return np.bincount(self.unit, weights=values, minlength=self.units)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
