"""The data set of a training: rows split by time and encoded, after everything that is wrong with them was said.

Whatever would make a search pointless is refused here, before minutes are spent on one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightshift.dates import BatchDates
from nightshift.declarations.tables import PARTITION, Column, Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DataError
from nightshift.models.encoding import Encoding
from training.data.declaration_checks import LABEL, WEIGHT
from training.data.independent_units import units_of
from training.data.point_in_time_rows import Rows, read
from training.data.refusals import (
    refuse_duplicates,
    refuse_empty_features,
    refuse_infinite,
    refuse_unfit_labels,
    refuse_unmatured,
)
from training.data.time_split import Periods

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Dataset", "Part", "Rows", "prepare", "read"]

log = logging.getLogger("nightshift")


@dataclass(frozen=True)
class Part:
    """The rows of one period.

    Attributes:
        matrix: encoded features, shape (rows, features).
        labels: binary: 1 where the event happened, else 0; regression: the value. Shape (rows,).
        weights: how many rows of the feature table each one stands for, shape (rows,); measures are weighted with it.
        days: batch date of each row, shape (rows,).
        units: hash of the row's value of `training.independent_unit`, shape (rows,); None where that is the batch date.
    """

    matrix: NDArray[np.float32]
    labels: NDArray[np.float64]
    weights: NDArray[np.float64]
    days: NDArray[np.datetime64]
    units: NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def rate(self) -> float:
        """Weighted mean of the labels; binary: the share of rows with the event."""
        return float(np.average(self.labels, weights=self.weights))

    def of(self, rows: NDArray[np.bool_]) -> Self:
        """Some of the rows, by their mask."""
        units = None if self.units is None else self.units[rows]
        return type(self)(self.matrix[rows], self.labels[rows], self.weights[rows], self.days[rows], units)


@dataclass(frozen=True)
class Dataset:
    """Three parts in one encoding, and what became of the rest.

    Attributes:
        tables: by the name of the part its rows before they were encoded, in the order of the part: batch date, keys,
            features, and the columns of `training` by whose values a model is judged.
        coverage: batch date -> (feature rows, rows with a matured label).
        left_out: features that say nothing in the train period.
        periods: the split, with all batch dates of each period, whether a label has come or not.
    """

    encoding: Encoding
    train: Part
    validation: Part
    test: Part
    tables: Mapping[str, pa.Table]
    coverage: Mapping[dt.date, tuple[int, int]]
    left_out: tuple[str, ...]
    periods: Periods

    @property
    def embargo(self) -> int:
        """Batch dates that were left out between train and validation."""
        train, validation = self.periods.train, self.periods.validation
        return train.calendar.distance(train.last, validation.first) - 1

    @property
    def constant(self) -> float:
        """Mean label of train and validation: the best constant that was known before the test."""
        parts = (self.train, self.validation)
        total = sum(float(part.labels @ part.weights) for part in parts)
        return total / sum(float(part.weights.sum()) for part in parts)

    def digest(self) -> str:
        """SHA-256 of the rows of all periods as they were read, with labels, weights and coverage.

        It is equal where the data are, whatever Delta version and files they were read from: other dates may have been
        published since, or the same ones once more. Equal data have equal digests within one version of pyarrow.
        """
        found = hashlib.sha256(json.dumps({str(date): both for date, both in self.coverage.items()}).encode())
        for name, _ in self.periods.items():
            part: Part = getattr(self, name)
            rows = self.tables[name].append_column(LABEL, pa.array(part.labels))
            rows = rows.append_column(WEIGHT, pa.array(part.weights))
            for column in rows.column_names:
                found.update(_as_parquet(rows.select([column])))
        return found.hexdigest()


def prepare(rows: Rows, use_case: UseCase, features: Table, periods: Periods) -> Dataset:
    """Check the rows, split them by time and encode them.

    Args:
        rows: as :func:`training.data.point_in_time_rows.read` gave them, in any order.
        use_case: whose task says what a label is.
        features: declaration of the feature table.
        periods: the split; rows of the days between its periods are not used.

    Raises:
        NightshiftError: if rows hold duplicate keys, infinite values or features without any value, if no label has
            matured, or if a period is empty or all its labels are equal, or if rows lack their independent unit.
    """
    keys = [PARTITION, *features.keys]
    refuse_unmatured(rows, use_case)
    refuse_duplicates(rows.table, keys)
    # One order whatever the partitions were: the same data gives the same trees.
    matured = rows.table.sort_by([(key, "ascending") for key in keys])
    tables = {name: _of_period(matured, period) for name, period in periods.items()}
    refuse_unfit_labels({name: table[LABEL] for name, table in tables.items()}, periods, use_case)
    refuse_infinite(matured, features.features)
    refuse_empty_features(matured, features)
    kept, left_out = _informative(tables["train"], features.features)
    encoding = Encoding.learned(tables["train"], kept)
    unit = use_case.training.independent_unit
    parts = {name: _part(table, encoding, unit, name) for name, table in tables.items()}
    bare = {name: table.drop_columns([LABEL, WEIGHT]) for name, table in tables.items()}
    for name in ("validation", "test"):
        _say_unseen(name, bare[name], parts[name], encoding)
    return Dataset(encoding=encoding, tables=bare, coverage=rows.coverage, left_out=left_out, periods=periods, **parts)


def _of_period(rows: pa.Table, period: BatchDates) -> pa.Table:
    return rows.filter((pc.field(PARTITION) >= period.first) & (pc.field(PARTITION) <= period.last))


def _informative(train: pa.Table, columns: Sequence[Column]) -> tuple[list[Column], tuple[str, ...]]:
    """The features that vary in training; the others are named and left out of the model.

    A warning and not an error: a feature may well be constant in a short range, like a holiday that has not been.
    """
    kept = [column for column in columns if _varies(train[column.name])]
    left_out = tuple(column.name for column in columns if column not in kept)
    if left_out:
        log.warning(
            "constant or always missing in the train period, so left out: %s; look at their SQL, or train on a longer "
            "range, if they should vary",
            ", ".join(left_out),
        )
    if not kept:
        raise DataError("every feature is constant in the train period: choose a longer range")
    return kept, left_out


def _varies(values: pa.ChunkedArray) -> bool:
    """Whether there are two values, a missing one counting as a value, and one that is not missing."""
    present = pc.drop_null(values)
    if pa.types.is_floating(present.type):
        present = present.filter(pc.invert(pc.is_nan(present)))
    distinct = len(pc.unique(present))
    return distinct > 1 or (distinct == 1 and len(present) < len(values))


def _say_unseen(name: str, table: pa.Table, part: Part, encoding: Encoding) -> None:
    """Warn of categories that training never saw: the model takes them for missing, as it will every night."""
    for position, feature in enumerate(encoding.features):
        if feature not in encoding.categories:
            continue
        unseen = int(np.isnan(part.matrix[:, position]).sum()) - table[feature].null_count
        if unseen:
            log.warning(
                "%s: %.1f%% of the %s rows have categories that the train period does not know; they count as missing",
                feature, 100 * unseen / len(part), name,
            )  # fmt: skip


def _as_parquet(column: pa.Table) -> pa.Buffer:
    """The values and the name of a column; Arrow's own buffers also hold what stands where a value is missing."""
    sink = pa.BufferOutputStream()
    # In one chunk, as pages end where chunks do.
    pq.write_table(column.combine_chunks(), sink, use_dictionary=False, compression="none")
    return sink.getvalue()


def _part(rows: pa.Table, encoding: Encoding, unit: str, period: str) -> Part:
    return Part(
        matrix=encoding.matrix(rows),
        labels=rows[LABEL].to_numpy().astype(np.float64),
        weights=rows[WEIGHT].to_numpy().astype(np.float64),
        days=rows[PARTITION].to_numpy().astype("datetime64[D]"),
        units=units_of(rows, unit, period),
    )
