"""Why each row has its score: the strongest contributions of its features, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightshift.models.reason_wording import Wording, exact_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

REASON = pa.struct(
    [("feature", pa.string()), ("value", pa.string()), ("contribution", pa.float64()), ("phrase", pa.string())]
)


@dataclass(frozen=True)
class Explanation:
    """What each row's raw score is the sum of.

    Attributes:
        base: shape (rows,): the raw score where nothing is known.
        reasons: a list of `REASON` per row.
        others: shape (rows,): contributions of the features that are not among the reasons.
    """

    base: Floats
    reasons: pa.ListArray
    others: Floats

    def total(self) -> Floats:
        """Base, reasons and others added up, shape (rows,)."""
        counts = np.diff(self.reasons.offsets.to_numpy())
        row_of = np.repeat(np.arange(len(counts)), counts)
        contributions = self.reasons.flatten().field("contribution").to_numpy()
        return self.base + np.bincount(row_of, contributions, len(counts)) + self.others


def explain(
    contributions: Floats,
    rows: pa.RecordBatch,
    features: Sequence[str],
    wordings: Mapping[str, Wording],
    top: int,
) -> Explanation:
    """The explanation of each row's raw score.

    Args:
        contributions: shape (rows, features + 1), the base in the last column; exact TreeSHAP (Lundberg et al. 2020)
            as LightGBM's ``pred_contrib`` gives it.
        rows: with the features' values, taken by name.
        features: names of the columns of ``contributions``.
        wordings: of each feature.
        top: how many reasons a row has at most; what contributed nothing is no reason.
    """
    each = contributions[:, :-1]
    # Of equal strength, the first feature: an order that does not depend on the rows beside it.
    order = np.argsort(-np.abs(each), axis=1, kind="stable")[:, :top]
    strongest = np.take_along_axis(each, order, axis=1)
    rest = each.copy()
    np.put_along_axis(rest, order, 0.0, axis=1)
    others = np.zeros(len(each))
    # One after the other, so that the bits of a sum are the same however many rows are summed at once.
    for column in rest.T:
        others += column
    is_reason = strongest != 0
    row_of = np.nonzero(is_reason)[0]
    offsets = np.concatenate([[0], np.cumsum(is_reason.sum(axis=1))]).astype(np.int32)
    reasons = _reasons(order[is_reason], strongest[is_reason], row_of, rows, features, wordings)
    return Explanation(contributions[:, -1].copy(), pa.ListArray.from_arrays(pa.array(offsets), reasons), others)


def _reasons(
    feature_of: NDArray[np.int64],
    strengths: Floats,
    row_of: NDArray[np.int64],
    rows: pa.RecordBatch,
    features: Sequence[str],
    wordings: Mapping[str, Wording],
) -> pa.StructArray:
    """All rows' reasons, one after the other; computed feature by feature."""
    values = np.full(len(feature_of), None, dtype=object)
    phrases = np.full(len(feature_of), None, dtype=object)
    for code in np.unique(feature_of):
        places = np.nonzero(feature_of == code)[0]
        given = rows.column(features[code]).take(pa.array(row_of[places]))
        if pa.types.is_floating(given.type):
            given = pc.if_else(pc.is_nan(given), None, given)
        wording = wordings[features[code]]
        found = given.to_pylist()
        values[places] = [None if value is None else exact_text(value) for value in found]
        phrases[places] = [
            wording.phrase(value, raises=raises)
            for value, raises in zip(found, (strengths[places] > 0).tolist(), strict=True)
        ]
    names = np.asarray(features, dtype=object)[feature_of]
    return pa.StructArray.from_arrays(
        [
            pa.array(names, pa.string()),
            pa.array(values, pa.string()),
            pa.array(strengths),
            pa.array(phrases, pa.string()),
        ],
        fields=list(REASON),
    )
