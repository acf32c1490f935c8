"""The point-in-time data set: features of each batch date beside the label that matured later.

Features of D were computed from deliveries up to D alone; the label of D comes with the delivery of
D + maturity. All labels are taken at exactly that distance, so that cases which resolve early are not
over-represented. What is wrong with the data is said here, before minutes are spent on a search.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightshift import lake
from nightshift.catalog import Catalog
from nightshift.dates import BatchDates
from nightshift.encoding import Encoding
from nightshift.errors import NightshiftError
from nightshift.tables import PARTITION, Column, Table
from training.split import Periods

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger("nightshift")

LABEL = "label"
# Resolution of the sampled share: keys fall into this many buckets by their hash.
HASH_BUCKETS = 1 << 20


@dataclass(frozen=True)
class Part:
    """The rows of one period.

    Attributes:
        matrix: encoded features, shape (rows, features).
        labels: 1 where the event happened, else 0.
        days: batch date of each row.
    """

    matrix: NDArray[np.float32]
    labels: NDArray[np.float32]
    days: NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def rate(self) -> float:
        """Share of rows with the event."""
        return float(self.labels.mean(dtype=np.float64))


@dataclass(frozen=True)
class Rows:
    """What was read from the lake.

    Attributes:
        table: batch date, keys, features and label; the label is null where it has not matured.
        versions: Delta version of each table that was read.
        share: part of the rows that was taken; 1.0 unless there were more than `max_rows`.
    """

    table: pa.Table
    versions: Mapping[str, int]
    share: float


@dataclass(frozen=True)
class Dataset:
    """Three parts in one encoding, and what became of the rest.

    Attributes:
        test_rows: the rows of ``test`` before they were encoded, for a champion with an encoding of its own.
        unmatured: rows without a label per batch date.
        left_out: features that say nothing in the train period.
    """

    encoding: Encoding
    train: Part
    validation: Part
    test: Part
    test_rows: pa.Table
    unmatured: Mapping[dt.date, int]
    left_out: tuple[str, ...]

    @property
    def known_rate(self) -> float:
        """Rate of the event over train and validation: the best constant that was known before the test."""
        events = float(self.train.labels.sum(dtype=np.float64) + self.validation.labels.sum(dtype=np.float64))
        return events / (len(self.train) + len(self.validation))


def read(spark: SparkSession, catalog: Catalog, dates: BatchDates) -> Rows:
    """Read features and labels of a range at pinned Delta versions, as one Arrow table on the driver.

    Raises:
        NightshiftError: if a table was never published, or lacks the keys or the label.
    """
    use_case = catalog.use_case
    features, labels = catalog["gold.features"], catalog[f"silver.{use_case.target.table}"]
    _check_label(features, labels, use_case.target.column)
    versions = {table.label: lake.newest_version(table) for table in (features, labels)}
    inputs = lake.read(spark, features, dates, versions[features.label])
    inputs, share = _sampled(inputs, features, use_case.training.sampling.max_rows)
    outcomes = lake.read(spark, labels, dates.shifted(use_case.target.maturity_days), versions[labels.label])
    return Rows(_labelled(inputs, outcomes, features, catalog).toArrow(), versions, share)


def prepare(rows: pa.Table, features: Table, periods: Periods) -> Dataset:
    """Check the rows, split them by time and encode them.

    Args:
        rows: as :func:`read` gave them, in any order.
        features: declaration of the feature table.
        periods: the split.

    Raises:
        NightshiftError: if they hold duplicate keys or infinite values, if no label has matured, or if a
            period is empty or knows one class only.
    """
    keys = [PARTITION, *features.keys]
    _refuse_duplicates(rows, keys)
    unmatured = _unmatured(rows)
    # One order whatever the partitions were: the same data gives the same trees.
    matured = rows.filter(pc.is_valid(rows[LABEL])).sort_by([(key, "ascending") for key in keys])
    if not matured.num_rows:
        raise NightshiftError(
            f"none of the {rows.num_rows} rows has a matured label: labels of D come with a later delivery; "
            "ingest it, or ask for an earlier range"
        )
    tables = {name: _of_period(matured, period) for name, period in periods.items()}
    _refuse_unfit(tables, periods)
    _refuse_infinite(matured, features.features)
    kept, left_out = _informative(tables["train"], features.features)
    encoding = Encoding.learned(tables["train"], kept)
    parts = {name: _part(table, encoding) for name, table in tables.items()}
    return Dataset(encoding=encoding, test_rows=tables["test"], unmatured=unmatured, left_out=left_out, **parts)


def _check_label(features: Table, labels: Table, column: str) -> None:
    missing = [name for name in (*features.keys, column) if name not in labels.column_names]
    if missing:
        raise NightshiftError(
            f"{labels.label} lacks {', '.join(missing)}: it must hold the keys of {features.label} and the "
            "column of `target` in use_case.yaml"
        )


def _sampled(inputs: DataFrame, table: Table, max_rows: int) -> tuple[DataFrame, float]:
    """At most about ``max_rows`` rows, chosen by a hash of the keys: the same ones in every run."""
    from pyspark.sql import functions as F

    total = inputs.count()
    if total == 0:
        raise NightshiftError(f"{table.label} has no rows in this range: run the features stage for it first")
    if total <= max_rows:
        return inputs, 1.0
    buckets = max(int(HASH_BUCKETS * max_rows / total), 1)
    log.warning(
        "%s rows are more than max_rows %s: %.1f%% are taken, by key hash", total, max_rows, 100 * max_rows / total
    )
    bucket = F.pmod(F.xxhash64(PARTITION, *table.keys), F.lit(HASH_BUCKETS))
    return inputs.where(bucket < buckets), buckets / HASH_BUCKETS


def _labelled(inputs: DataFrame, outcomes: DataFrame, features: Table, catalog: Catalog) -> DataFrame:
    """Each feature row with the label that came exactly the maturity later, null where it has not come."""
    from pyspark.sql import functions as F

    target = catalog.use_case.target
    keys = [PARTITION, *features.keys]
    feature_date = F.date_sub(F.col(PARTITION), target.maturity_days).alias(PARTITION)
    labels = outcomes.select(feature_date, *features.keys, F.col(target.column).cast("boolean").alias(LABEL))
    # A float is what the matrix holds; as doubles, the rows would take twice the driver's memory.
    quantities = [
        column.name if column.categorical else F.col(column.name).cast("float").alias(column.name)
        for column in features.features
        if column.name not in keys
    ]
    return inputs.select(*keys, *quantities).join(labels, on=keys, how="left")


def _refuse_duplicates(rows: pa.Table, keys: Sequence[str]) -> None:
    repeated = rows.group_by(list(keys)).aggregate([([], "count_all")]).filter(pc.field("count_all") > 1)
    if repeated.num_rows:
        raise NightshiftError(
            f"{repeated.num_rows} keys ({', '.join(keys)}) occur more than once, the first: "
            f"{repeated.slice(0, 1).to_pylist()[0]}: features or labels are not unique; their audits should have "
            "seen it: run `refine` and `build --layer features` for that date again"
        )


def _unmatured(rows: pa.Table) -> dict[dt.date, int]:
    lacking = rows.filter(pc.is_null(rows[LABEL]))[PARTITION].value_counts().to_pylist()
    return {entry["values"]: entry["counts"] for entry in sorted(lacking, key=lambda entry: entry["values"])}


def _of_period(rows: pa.Table, period: BatchDates) -> pa.Table:
    return rows.filter((pc.field(PARTITION) >= period.first) & (pc.field(PARTITION) <= period.last))


def _refuse_unfit(tables: Mapping[str, pa.Table], periods: Periods) -> None:
    for name, period in periods.items():
        labels = tables[name][LABEL]
        if not len(labels):
            raise NightshiftError(
                f"the {name} period {period} has no row with a matured label: ingest its deliveries and those that "
                "bring its labels, or choose other periods"
            )
        found = pc.unique(labels).to_pylist()
        if len(found) == 1:
            raise NightshiftError(
                f"all {len(labels)} labels of the {name} period {period} are {found[0]}: nothing can be learned or "
                "measured there; choose longer periods, or look at the column of `target` in use_case.yaml"
            )


def _refuse_infinite(rows: pa.Table, columns: Sequence[Column]) -> None:
    counts = {
        column.name: pc.sum(pc.is_inf(rows[column.name])).as_py()
        for column in columns
        if pa.types.is_floating(rows[column.name].type)
    }
    found = [f"  {name}: {count} rows" for name, count in counts.items() if count]
    if found:
        raise NightshiftError("these features hold infinite values: mend their SQL (`try_divide`)\n" + "\n".join(found))


def _informative(train: pa.Table, columns: Sequence[Column]) -> tuple[list[Column], tuple[str, ...]]:
    """The features that vary in training; the others are named and left out of the model.

    A warning and not an error: a feature may well be constant in a short range, like a holiday that has not been.
    """
    kept = [column for column in columns if _varies(train[column.name])]
    left_out = tuple(column.name for column in columns if column not in kept)
    if left_out:
        log.warning("constant or always missing in the train period, so left out: %s", ", ".join(left_out))
    if not kept:
        raise NightshiftError("every feature is constant in the train period: choose a longer range")
    return kept, left_out


def _varies(values: pa.ChunkedArray) -> bool:
    """Whether there are two values, a missing one counting as a value, and one that is not missing."""
    present = pc.drop_null(values)
    if pa.types.is_floating(present.type):
        present = present.filter(pc.invert(pc.is_nan(present)))
    distinct = len(pc.unique(present))
    return distinct > 1 or (distinct == 1 and len(present) < len(values))


def _part(rows: pa.Table, encoding: Encoding) -> Part:
    return Part(
        matrix=encoding.matrix(rows),
        labels=rows[LABEL].cast(pa.uint8()).to_numpy().astype(np.float32),
        days=rows[PARTITION].to_numpy().astype("datetime64[D]"),
    )
