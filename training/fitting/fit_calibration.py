"""Fit what turns raw scores into probabilities that can be believed, on rows that the trees did not learn from.

Which way is best is found by leaving out blocks of their days in turn, or of independent units where days are few: a
calibration that only follows the rows which it was fitted on loses there.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from nightshift.errors import DataError
from nightshift.models.calibrated_predictions import Calibration, Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Fit = Callable[[Floats, Floats, Floats], Calibration]

log = logging.getLogger("nightshift")

FOLDS = 5
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
    event_weight: float = 1.0,
    units: NDArray[np.uint64] | None = None,
    losses: dict[str, float] | None = None,
) -> Calibration:
    """The calibration of a binary model.

    Args:
        method: ``auto``: whichever of the raw sigmoid (where events weighed more, less the shift that this is known
            to make), Platt's map and isotonic regression has the least log-loss on blocks of days that it was not
            fitted on.
        labels: 1 where the event happened, else 0; shape (rows,), as all that follow.
        raw: margins (log-odds) of the model.
        weights: how many rows of the period each row stands for.
        days: batch dates.
        seed: draws groups of rows where there are fewer days than folds, and no units.
        event_weight: how much an event weighed when the trees were grown.
        units: hash of the row's independent unit; None where that is the batch date.
        losses: gets, for ``auto``, the log-loss on rows left out of each way that could be fitted.

    Raises:
        NightshiftError: if raw scores are not finite, or the labels know one class only.
    """
    if not np.isfinite(raw).all():
        raise DataError("the model gave raw scores that are infinite or not a number: look at its features")
    if labels.min() == labels.max():
        raise DataError(f"all labels to calibrate on are {labels[0]:g}: choose a longer validation period")
    if method == "auto":
        found = _left_out_losses(labels, raw, weights, list(_blocks(days, units, seed)), event_weight)
        if losses is not None:
            losses.update(found)
        # Of equal ones the first, which is the simplest.
        return _fits(event_weight)[min(found, key=found.__getitem__, default="none")](labels, raw, weights)
    return _fits(event_weight)[method](labels, raw, weights)


def interval(labels: Floats, predicted: Floats, weights: Floats, coverage: float) -> Interval:
    """The interval around a predicted value, from residuals of rows that the trees did not learn from.

    Split conformal prediction (Lei et al. 2018), each side by itself: as many outcomes above as below it. It holds
    ``coverage`` of later outcomes as long as they vary as those of these rows did.

    Args:
        labels: outcomes, shape (rows,), as all that follow.
        predicted: for them.
        weights: how many rows of the period each row stands for.
        coverage: share of outcomes to hold.

    Raises:
        NightshiftError: if residuals are not finite, or too few for this coverage.
    """
    residuals = np.asarray(labels - predicted, dtype=np.float64)
    if not np.isfinite(residuals).all():
        raise DataError("labels or predictions are infinite or not a number: no interval can be computed")
    level = (1 + coverage) / 2
    return Interval(-_upper_end(-residuals, weights, level), _upper_end(residuals, weights, level), coverage)


def _left_out_losses(
    labels: Floats, raw: Floats, weights: Floats, blocks: Sequence[NDArray[np.bool_]], event_weight: float
) -> dict[str, float]:
    """Log-loss of each method by fits that did not see the row's block; without those that could not be fitted."""
    found = {}
    for name, fit in _fits(event_weight).items():
        losses = np.empty(len(labels))
        for held_out in blocks:
            seen = labels[~held_out]
            if not len(seen) or seen.min() == seen.max():
                break
            probability = fit(seen, raw[~held_out], weights[~held_out]).apply(raw[held_out])
            losses[held_out] = -np.log(np.where(labels[held_out] > 0.5, probability, 1 - probability))
        else:
            found[name] = float(weights @ losses / weights.sum())
            log.info("calibration: log-loss of %s on rows left out: %.5f", name, found[name])
    return found


def _blocks(days: NDArray[np.datetime64], units: NDArray[np.uint64] | None, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Masks of the rows of each fold: neighbouring days, as days that follow each other are alike.

    Of fewer days than folds: all rows of a unit, or rows by lot where batch dates are the units.
    """
    names, unit = np.unique(days, return_inverse=True)
    if len(names) < FOLDS and units is not None:
        names, unit = np.unique(units, return_inverse=True)
    if len(names) < FOLDS:
        fold = np.random.default_rng(seed).permutation(len(days)) % FOLDS
    else:
        fold = (unit * FOLDS) // len(names)
    for number in range(FOLDS):
        held_out = fold == number
        if held_out.any():
            yield held_out


def _fits(event_weight: float) -> dict[str, Fit]:
    """The methods by name, from the simplest on; the simplest fits nothing.

    An event that weighs w moves the log-odds by log w (King and Zeng 2001): a shift that is known, and needs no rows
    to prove it.
    """
    known = Calibration("none") if event_weight == 1 else Calibration("platt", intercept=-math.log(event_weight))
    return {"none": lambda labels, raw, weights: known, "platt": _platt, "isotonic": _isotonic}


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
        raise DataError(
            f"{len(order)} rows are too few for an interval that holds {2 * level - 1:.0%} of outcomes: "
            "choose a longer validation period, or a lower `training.interval`"
        )
    return float(residuals[order[position]])
