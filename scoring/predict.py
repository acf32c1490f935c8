"""Scores of feature rows: pure, batch by batch, the same bits however the rows are spread."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from nightshift.encoding import Encoding

if TYPE_CHECKING:
    import lightgbm as lgb

WARN, NONE = "warn", "none"


@dataclass(frozen=True)
class Recipe:
    """What a task needs to know, apart from the booster.

    Attributes:
        encoding: of the model.
        threshold: probability from which the decision is `warn`.
        carried: columns that are passed on as they are.
        columns: all columns of a scored row, in order.
        model_name: registered model.
        model_version: its version.
    """

    encoding: Encoding
    threshold: float
    carried: tuple[str, ...]
    columns: tuple[str, ...]
    model_name: str
    model_version: int

    def scored(self, batch: pa.RecordBatch, booster: lgb.Booster) -> pa.RecordBatch:
        """One row per row of ``batch``, in its order."""
        # One thread: Spark already gives every core a task of its own.
        probability = pa.array(booster.predict(self.encoding.matrix(batch), num_threads=1), pa.float64())
        decision = pc.if_else(pc.greater_equal(probability, self.threshold), WARN, NONE)
        rows = batch.num_rows
        values = {name: batch.column(name) for name in self.carried} | {
            "probability": probability,
            "decision": decision,
            "model_name": pa.repeat(self.model_name, rows),
            "model_version": pa.repeat(pa.scalar(self.model_version, pa.int32()), rows),
        }
        return pa.RecordBatch.from_pydict({name: values[name] for name in self.columns})


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
