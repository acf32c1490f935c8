"""Whether test rows and scores still look like those that the model was made from.

A common reading of the population stability index (PSI): under 0.1 the same, over 0.25 another population. Features of
the season, like the month, move with every training; see docs/gates.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from nightshift.distributions import population_stability_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.data.dataset import Dataset, Part

    Floats = NDArray[np.float64]
    Vector = NDArray[np.float32] | NDArray[np.float64]

BINS = 10
# An empty bin would make the index infinite; it counts as this share.
SMALLEST_SHARE = 1e-4
# Categories that are rarer than this in the expected rows share a bin: hundreds of bins of a few rows differ by chance.
RARE = 0.005
# Edges of bins come from about this many rows at most: more would cost seconds and move them by less than they matter.
ROWS_FOR_EDGES = 200_000


def psi(
    expected: Vector,
    actual: Vector,
    expected_weights: Floats | None = None,
    actual_weights: Floats | None = None,
    *,
    categorical: bool = False,
) -> float:
    """Population stability index of two samples, both of shape (rows,); at least 0.

    Quantities fall into bins of equal weight of ``expected``, categories (whole numbers) into one each; missing
    values (NaN) have a bin of their own.
    """
    expected_weights = np.ones(len(expected)) if expected_weights is None else expected_weights
    actual_weights = np.ones(len(actual)) if actual_weights is None else actual_weights
    numbers = _categories if categorical else _quantiles
    expected_bins, actual_bins = numbers(expected, actual, expected_weights)
    bins = int(max(expected_bins.max(initial=0), actual_bins.max(initial=0))) + 1
    counted = ((expected_bins, expected_weights), (actual_bins, actual_weights))
    before, now = (np.bincount(found, weights=weights, minlength=bins) for found, weights in counted)
    return psi_of(before.astype(np.float64), now.astype(np.float64))


def psi_of(expected: Floats, actual: Floats) -> float:
    """Population stability index of the weights of bins; not a number where either has none."""
    if not (expected.sum() > 0 and actual.sum() > 0):
        return float("nan")
    before, now = ((each / each.sum()).tolist() for each in (expected, actual))
    return population_stability_index(before, now, SMALLEST_SHARE)


def feature_drift(dataset: Dataset) -> dict[str, float]:
    """PSI of each feature of the model from train to test."""
    train, test, encoding = dataset.train, dataset.test, dataset.encoding
    return {
        name: psi(
            train.matrix[:, position], test.matrix[:, position], train.weights, test.weights,
            categorical=name in encoding.categories,
        )
        for position, name in enumerate(encoding.features)
    }  # fmt: skip


def missing_rises(dataset: Dataset) -> dict[str, float]:
    """By how much the share of missing values of each feature rose from train to test; below 0 where it fell.

    Values of categories that train never saw count as missing, as they do for the model.
    """
    return {
        name: _missing_share(dataset.test, position) - _missing_share(dataset.train, position)
        for position, name in enumerate(dataset.encoding.features)
    }


def _missing_share(part: Part, position: int) -> float:
    # Column by column: a mask of the whole matrix in float64 is twice as large as the matrix.
    return float(part.weights[np.isnan(part.matrix[:, position])].sum() / part.weights.sum())


def label_coverage(dataset: Dataset) -> float:
    """Share of the feature rows of all batch dates of the test period whose label has matured."""
    counts = [both for date, both in dataset.coverage.items() if date in dataset.periods.test]
    rows = sum(count for count, _ in counts)
    return sum(matured for _, matured in counts) / rows if rows else float("nan")


def numbers(
    dataset: Dataset,
    predicted: Mapping[str, Floats],
    champion: Floats | None,
    drift: Mapping[str, float],
    missing_rise: Mapping[str, float],
) -> dict[str, float]:
    """What gates judge of drift.

    Args:
        dataset: that the model was made from.
        predicted: the model's predictions of "validation" and "test".
        champion: the champion's predictions of the same test rows; None where there is no champion.
        drift: of each feature, from :func:`feature_drift`.
        missing_rise: of each feature, from :func:`missing_rises`.
    """
    validation, test = dataset.validation, dataset.test
    found = {
        "largest_feature_drift": max(drift.values()),
        "largest_missing_rise": max(missing_rise.values()),
        "score_shift": psi(predicted["validation"], predicted["test"], validation.weights, test.weights),
        "label_coverage": label_coverage(dataset),
    }
    if champion is not None:
        found["score_shift_from_champion"] = psi(champion, predicted["test"], test.weights, test.weights)
    return found


def _quantiles(expected: Vector, actual: Vector, weights: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Number of each row's bin, 0 for missing ones."""
    step = max(len(expected) // ROWS_FOR_EDGES, 1)
    values, some = expected[::step], weights[::step]
    present = ~np.isnan(values) & (some > 0)
    edges = np.empty(0, dtype=expected.dtype)
    if present.any():
        order = np.argsort(values[present], kind="stable")
        reached = np.cumsum(some[present][order])
        at = np.searchsorted(reached, reached[-1] * np.linspace(0, 1, BINS + 1)[1:-1], side="left")
        edges = np.unique(values[present][order][at])
        smallest = values[present][order][0]
        if edges[0] == smallest:
            # Else what falls below a value that many rows share would be in its bin.
            edges = np.concatenate([[np.nextafter(smallest, np.array(-np.inf, dtype=edges.dtype))], edges])
    return _binned(expected, edges), _binned(actual, edges)


def _binned(values: Vector, edges: Vector) -> NDArray[np.intp]:
    return np.where(np.isnan(values), 0, 1 + np.searchsorted(edges, values, side="left"))


def _categories(expected: Vector, actual: Vector, weights: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Number of each row's bin: 0 for missing ones, 1 for rare categories, then one for each."""
    known = np.unique(np.concatenate([expected[~np.isnan(expected)], actual[~np.isnan(actual)]]))
    where = [np.where(np.isnan(values), -1, np.searchsorted(known, values)) for values in (expected, actual)]
    mass = np.bincount(where[0][where[0] >= 0], weights=weights[where[0] >= 0], minlength=len(known))
    common = mass >= RARE * weights.sum()
    bin_of = np.concatenate([np.where(common, 1 + np.cumsum(common), 1), [0]])
    return bin_of[where[0]], bin_of[where[1]]
