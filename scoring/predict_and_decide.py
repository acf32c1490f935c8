"""Scores of feature rows: pure, batch by batch, the same bits however the rows are spread."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightshift.declarations.score_names import NONE, WARN
from nightshift.errors import DataError
from nightshift.models.calibrated_predictions import Calibration, Interval
from nightshift.models.encoding import Encoding
from nightshift.models.reason_wording import Wording
from scoring.explain import explain

if TYPE_CHECKING:
    import lightgbm as lgb
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# How far base and contributions may be from the raw score, relative where it is larger than 1.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Recipe:
    """What a task needs to know, apart from the booster.

    Attributes:
        partition: column that holds the batch date.
        model_name: registered model.
        model_version: its version.
        encoding: of the model.
        calibration: makes a probability, or the value, of the raw score.
        threshold: binary: probability from which the decision is `warn`; None for a regression.
        interval: regression: around the value; None where the model is binary.
        wordings: what is said of each feature.
        top: how many reasons a row has at most.
        feature_versions: Delta version of the feature table that the rows of each batch date come from.
        carried: columns that are passed on as they are.
        columns: all columns of a scored row, in order.
    """

    partition: str
    model_name: str
    model_version: int
    encoding: Encoding
    calibration: Calibration
    threshold: float | None
    interval: Interval | None
    wordings: Mapping[str, Wording]
    top: int
    feature_versions: Mapping[dt.date, int]
    carried: tuple[str, ...]
    columns: tuple[str, ...]

    def scored(self, batch: pa.RecordBatch, booster: lgb.Booster) -> pa.RecordBatch:
        """One row per row of ``batch``, in its order.

        Raises:
            NightshiftError: if the contributions do not add up to the raw score.
        """
        matrix = self.encoding.matrix(batch)
        # One thread: Spark already gives every core a task of its own.
        raw = np.asarray(booster.predict(matrix, raw_score=True, num_threads=1))
        contributions = np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=1))
        explanation = explain(contributions, batch, self.encoding.features, self.wordings, self.top)
        _refuse_wrong_sums(raw, explanation.total())
        rows = batch.num_rows
        values = {name: batch.column(name) for name in self.carried} | {
            "raw_score": pa.array(raw),
            **self._judged(raw),
            "base_contribution": pa.array(explanation.base),
            "reasons": explanation.reasons,
            "other_contribution": pa.array(explanation.others),
            "model_name": pa.repeat(self.model_name, rows),
            "model_version": pa.repeat(pa.scalar(self.model_version, pa.int32()), rows),
            "feature_version": self._feature_version(batch.column(self.partition)),
        }
        return pa.RecordBatch.from_pydict({name: values[name] for name in self.columns})

    def _judged(self, raw: Floats) -> dict[str, pa.Array]:
        """What the task makes of raw scores."""
        calibrated = self.calibration.apply(raw)
        if self.interval is not None:
            lower, upper = self.interval.around(calibrated)
            return {"value": pa.array(calibrated), "lower": pa.array(lower), "upper": pa.array(upper)}
        decision = pc.if_else(pc.greater_equal(pa.array(calibrated), self.threshold), WARN, NONE)
        threshold = pa.repeat(pa.scalar(self.threshold, pa.float64()), len(raw))
        return {"probability": pa.array(calibrated), "decision": decision, "threshold": threshold}

    def _feature_version(self, dates: pa.Array) -> pa.Array:
        known = list(self.feature_versions)
        places = pc.index_in(dates, value_set=pa.array(known, pa.date32()))
        return pa.array([self.feature_versions[date] for date in known], pa.int64()).take(places)


def scorer(
    recipe: Recipe, booster_text: Callable[[], str]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function that Spark runs in each partition.

    Args:
        recipe: of the model.
        booster_text: gives LightGBM's text form; called once per partition that has rows.
    """

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        booster = None
        for batch in batches:
            if batch.num_rows:
                booster = booster or load_booster(booster_text())
                yield recipe.scored(batch, booster)

    return score


def load_booster(text: str) -> lgb.Booster:
    """LightGBM's booster from its text form."""
    # LightGBM imports scikit-learn, for estimators that are not used here, wherever it can: two of the three
    # seconds that the import costs each Spark worker.
    hidden = "lightgbm" not in sys.modules and "sklearn" not in sys.modules
    if hidden:
        sys.modules["sklearn"] = None  # type: ignore[assignment]
    try:
        import lightgbm as lgb
    finally:
        if hidden:
            del sys.modules["sklearn"]
    return lgb.Booster(model_str=text)


def _refuse_wrong_sums(raw: Floats, totals: Floats) -> None:
    wrong = np.flatnonzero(~(np.abs(raw - totals) <= TOLERANCE * np.maximum(1.0, np.abs(raw))))
    if len(wrong):
        first: Any = wrong[0]
        raise DataError(
            f"the contributions of {len(wrong)} of {len(raw)} rows do not add up to their raw score, as in "
            f"{totals[first]!r} and {raw[first]!r}: nothing was scored; compare the model's file with the registry's"
        )
