"""Fit what turns raw scores into probabilities that can be believed, on the validation period.

Which way is best is found by leaving out blocks of days of that period in turn: a calibration that only follows the
days which it was fitted on loses there. What does not surely win stays as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nightshift.calibration import Calibration, Interval
from nightshift.errors import NightshiftError
from training.metrics.bootstrap import Bootstrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Fit = Callable[[Floats, Floats, Floats], Calibration]

log = logging.getLogger("nightshift")

FOLDS = 5
# A more complicated calibration must save log-loss at this quantile of draws of whole days. The level of one month is
# not that of the next: on flights of 2013, Platt's map of a month made the month after it worse in five of eight cases.
CHANCE = 0.025
# Isotonic regression is fitted on means of this many groups of neighbouring scores, or of fewer with this many rows
# each: it stays small, and no probability near 0 or 1 rests on a handful of rows.
MOST_GROUPS = 200
SMALLEST_GROUP = 50
# Platt's map for scores that rank events no better than chance, or turned round: as good as constant, yet in order.
FLATTEST_SLOPE = 1e-6


def calibrate(
    method: Literal["auto", "isotonic", "platt", "none"],
    labels: Floats,
    raw: Floats,
    weights: Floats,
    days: NDArray[np.datetime64],
    seed: int,
) -> Calibration:
    """The calibration of a binary model.

    Args:
        method: ``auto``: the raw sigmoid, unless Platt's map or isotonic regression surely has less log-loss on days
            that it was not fitted on; of two that can't be told apart the simpler.
        labels: 1 where the event happened, else 0; validation rows, shape (rows,), as all that follow.
        raw: margins (log-odds) of the model.
        weights: how many rows of the period each row stands for.
        days: batch dates.
        seed: draws groups of rows where there are fewer days than folds.

    Raises:
        NightshiftError: if raw scores are not finite, or the labels know one class only.
    """
    if not np.isfinite(raw).all():
        raise NightshiftError("the model gave raw scores that are infinite or not a number: look at its features")
    if labels.min() == labels.max():
        raise NightshiftError(f"all labels of the validation period are {labels[0]:g}: choose a longer one")
    if method == "auto":
        method = _best(labels, raw, weights, days, seed)
    return _FITS[method](labels, raw, weights)


def interval(labels: Floats, predicted: Floats, weights: Floats, coverage: float) -> Interval:
    """The interval around a predicted value, from the residuals of the validation period.

    Split conformal prediction (Lei et al. 2018), each side by itself: as many outcomes above as below it. It holds
    ``coverage`` of later outcomes as long as they vary as those of the validation period did.

    Args:
        labels: outcomes of validation rows, shape (rows,), as all that follow.
        predicted: for them.
        weights: how many rows of the period each row stands for.
        coverage: share of outcomes to hold.

    Raises:
        NightshiftError: if residuals are not finite, or too few for this coverage.
    """
    residuals = np.asarray(labels - predicted, dtype=np.float64)
    if not np.isfinite(residuals).all():
        raise NightshiftError("labels or predictions are infinite or not a number: no interval can be computed")
    level = (1 + coverage) / 2
    return Interval(-_upper_end(-residuals, weights, level), _upper_end(residuals, weights, level), coverage)


def _best(labels: Floats, raw: Floats, weights: Floats, days: NDArray[np.datetime64], seed: int) -> Any:
    """Name of the method that surely loses less on rows that were left out than each simpler one."""
    bootstrap = Bootstrap(days, seed, weights)
    best, losses = "none", _left_out_losses(_none, labels, raw, days, weights, seed)
    for name in ("platt", "isotonic"):
        challenged = _left_out_losses(_FITS[name], labels, raw, days, weights, seed)
        if challenged is None or losses is None:
            continue
        gains = losses - challenged
        surely = float(np.quantile(bootstrap.means(gains), CHANCE))
        log.info("calibration: %s saves %.5f of log-loss on days left out against %s, surely %.5f",
                 name, float(weights @ gains / weights.sum()), best, surely)  # fmt: skip
        if surely > 0:
            best, losses = name, challenged
    return best


def _left_out_losses(
    fit: Fit, labels: Floats, raw: Floats, days: NDArray[np.datetime64], weights: Floats, seed: int
) -> Floats | None:
    """Log-loss of each row by a fit that did not see its block of days; None where a fit was not possible."""
    losses = np.empty(len(labels))
    for held_out in _blocks(days, seed):
        seen = labels[~held_out]
        if not len(seen) or seen.min() == seen.max():
            return None
        probability = fit(seen, raw[~held_out], weights[~held_out]).apply(raw[held_out])
        losses[held_out] = -np.log(np.where(labels[held_out] > 0.5, probability, 1 - probability))
    return losses


def _blocks(days: NDArray[np.datetime64], seed: int) -> Iterator[NDArray[np.bool_]]:
    """Masks of the rows of each fold: neighbouring days, as days that follow each other are alike."""
    names, unit = np.unique(days, return_inverse=True)
    if len(names) < FOLDS:
        fold = np.random.default_rng(seed).permutation(len(days)) % FOLDS
    else:
        fold = (unit * FOLDS) // len(names)
    for number in range(FOLDS):
        held_out = fold == number
        if held_out.any():
            yield held_out


def _none(labels: Floats, raw: Floats, weights: Floats) -> Calibration:
    return Calibration("none")


def _platt(labels: Floats, raw: Floats, weights: Floats) -> Calibration:
    """Logistic regression of the label on the margin."""
    from sklearn.linear_model import LogisticRegression

    scale = float(raw.std())
    if scale > 0:
        # As good as unpenalised, and still finite where the scores separate the classes.
        model = LogisticRegression(C=100, solver="newton-cholesky", tol=1e-8, max_iter=200)
        model.fit((raw / scale).reshape(-1, 1), labels > 0.5, sample_weight=weights)
        slope, intercept = float(model.coef_[0, 0]) / scale, float(model.intercept_[0])
        if slope > FLATTEST_SLOPE:
            return Calibration("platt", slope=slope, intercept=intercept)
    rate = float(weights @ labels / weights.sum())
    return Calibration("platt", slope=FLATTEST_SLOPE, intercept=float(np.log(rate / (1 - rate))))


def _isotonic(labels: Floats, raw: Floats, weights: Floats) -> Calibration:
    """Isotonic regression of the label on the margin, in groups of neighbouring scores."""
    from sklearn.isotonic import IsotonicRegression

    group = _groups(raw)
    mass = np.bincount(group, weights=weights)
    mean_raw = np.bincount(group, weights=weights * raw) / mass
    rate = np.bincount(group, weights=weights * labels) / mass
    # Rows and not weights say how sure a rate of a group can be: none of 50 is no proof of never.
    surest = 1 / (float(np.bincount(group).max()) + 2)
    model = IsotonicRegression(y_min=surest, y_max=1 - surest).fit(mean_raw, rate, sample_weight=mass)
    # scikit-learn has left out the knots between two of the same probability already.
    knots, probabilities = model.X_thresholds_, np.maximum.accumulate(model.y_thresholds_)
    return Calibration("isotonic", knots=tuple(knots.tolist()), probabilities=tuple(probabilities.tolist()))


def _groups(raw: Floats) -> NDArray[np.intp]:
    """Number of each row's group of neighbouring scores, from 0 without gaps; equal scores are never parted."""
    groups = min(MOST_GROUPS, max(len(raw) // SMALLEST_GROUP, 1))
    edges = np.quantile(raw, np.linspace(0, 1, groups + 1)[1:-1], method="lower")
    return np.unique(np.searchsorted(np.unique(edges), raw, side="left"), return_inverse=True)[1]


def _upper_end(residuals: Floats, weights: Floats, level: float) -> float:
    """The smallest residual that reaches ``level`` of the weight, one row of mean weight lying beyond them all.

    Raises:
        NightshiftError: if that is beyond the largest residual.
    """
    order = np.argsort(residuals, kind="stable")
    reached = np.cumsum(weights[order])
    needed = level * (reached[-1] + reached[-1] / len(order))
    position = int(np.searchsorted(reached, needed * (1 - 1e-12), side="left"))
    if position == len(order):
        raise NightshiftError(
            f"{len(order)} validation rows are too few for an interval that holds {2 * level - 1:.0%} of outcomes: "
            "choose a longer validation period, or a lower `training.interval`"
        )
    return float(residuals[order[position]])


# From the simplest on.
_FITS: dict[str, Fit] = {"none": _none, "platt": _platt, "isotonic": _isotonic}
