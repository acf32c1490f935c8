"""The point-in-time rows: features of each batch date beside the label that matured later, at pinned versions.

Features of D were computed from deliveries up to D alone. The label of D is what the delivery of D + maturity says,
for every case: one that resolves early is not taken before the horizon of all, or early cases would be
over-represented. Where there are more rows than `training.sampling` allows, they are drawn in Spark, and weights say
how many rows each one stands for.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.score_names import FEATURE_TABLE
from nightshift.declarations.tables import PARTITION
from nightshift.declarations.training_section import Sampling
from nightshift.errors import DataError, DeclarationError, MissingError
from training.data.declaration_checks import LABEL, WEIGHT, carried_columns, check_declarations

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger("nightshift")

# Resolution of the sampled share: keys fall into this many buckets by their hash.
HASH_BUCKETS = 1 << 40
# With all events kept, the others must still be this part of the sample, or it would hardly tell the two apart.
LEAST_OTHERS = 0.1


@dataclass(frozen=True)
class Rows:
    """What was read from the lake.

    Attributes:
        table: batch date, keys, features, columns to judge by, label (double) and weight of rows whose label has
            matured, in no order.
        versions: Delta version of each table that was read, by the table's label.
        share: part of the rows (with `keep_events`: of those without event) that was taken; 1.0 where all were.
        coverage: batch date -> (feature rows, rows with a matured label), of all rows, taken or not.
    """

    table: pa.Table
    versions: Mapping[str, int]
    share: float
    coverage: Mapping[dt.date, tuple[int, int]]

    @classmethod
    def complete(cls, table: pa.Table, versions: Mapping[str, int] | None = None) -> Rows:
        """All rows of a range, each standing for itself; their label is null where it has not matured."""
        counts = table.group_by(PARTITION).aggregate([([], "count_all"), (LABEL, "count")]).to_pylist()
        coverage = {row[PARTITION]: (row["count_all"], row[f"{LABEL}_count"]) for row in counts}
        matured = table.filter(pc.is_valid(table[LABEL]))
        labels = matured[LABEL].cast(pa.uint8()) if pa.types.is_boolean(matured[LABEL].type) else matured[LABEL]
        matured = matured.set_column(matured.column_names.index(LABEL), LABEL, labels.cast(pa.float64()))
        matured = matured.append_column(WEIGHT, pa.array(np.ones(matured.num_rows)))
        return cls(matured, versions or {}, 1.0, dict(sorted(coverage.items())))


@dataclass(frozen=True)
class Draw:
    """Which rows a sample takes: those whose hash of the keys is under ``buckets``, and all events if they are kept."""

    buckets: int
    keeps_events: bool

    @property
    def share(self) -> float:
        """Part of the sampled rows that is taken; one over it is their weight."""
        return self.buckets / HASH_BUCKETS


def plan_draw(sampling: Sampling, rows: int, events: int) -> Draw:
    """The share of ``rows`` that makes about `max_rows` of them.

    Raises:
        NightshiftError: if all events are to be kept and leave no room for others.
    """
    kept = events if sampling.keep_events else 0
    room = sampling.max_rows - kept
    if rows > sampling.max_rows and room < LEAST_OTHERS * sampling.max_rows:
        raise DeclarationError(
            f"training.sampling in use_case.yaml keeps all events, and {events} of them leave no room for others "
            f"within max_rows {sampling.max_rows}: raise max_rows, or unset keep_events (it is for rare events)"
        )
    share = min(room / (rows - kept), 1.0) if rows > kept else 1.0
    return Draw(max(int(HASH_BUCKETS * share), 1), sampling.keep_events)


def read(spark: SparkSession, catalog: Catalog, dates: BatchDates) -> Rows:
    """Read features and labels of a range at pinned Delta versions, as one Arrow table on the driver.

    The driver gets at most about `training.sampling.max_rows` rows, whatever the tables hold.

    Raises:
        NightshiftError: if what use_case.yaml names does not exist, a table was never published, or the range has no
            rows or several labels for one.
    """
    check_declarations(catalog)
    use_case = catalog.use_case
    features, labels = catalog[FEATURE_TABLE], catalog[f"silver.{use_case.target.table}"]
    versions = {table.label: lake.newest_version(table) for table in (features, labels)}
    counts = lake.rows_by_date(features, dates, versions[features.label])
    if not any(counts.values()):
        raise MissingError(f"{features.label} has no rows in {dates}: run the features stage for it first")
    inputs = lake.read(spark, features, dates, versions[features.label])
    labels_come = {date: use_case.calendar.due(date, use_case.maturity) for date in dates}
    asked = BatchDates(min(labels_come.values()), max(labels_come.values()))
    outcomes = lake.read(spark, labels, asked, versions[labels.label])
    labelled = _labelled(inputs, _on_feature_dates(outcomes, labels_come), catalog)
    if sum(counts.values()) <= use_case.training.sampling.max_rows:
        return Rows.complete(labelled.toArrow(), versions)
    return _sampled(labelled, catalog, versions, counts)


def _on_feature_dates(outcomes: DataFrame, labels_come: Mapping[dt.date, dt.date]) -> DataFrame:
    """Outcomes with the batch date of the features that they are labels of, in place of that with which they came.

    Args:
        labels_come: with which delivery the labels of each batch date come.
    """
    from pyspark.sql import functions as F

    pairs = outcomes.sparkSession.createDataFrame(list(labels_come.items()), f"feature_date date, {PARTITION} date")
    return outcomes.join(F.broadcast(pairs), on=PARTITION).drop(PARTITION).withColumnRenamed("feature_date", PARTITION)


def _labelled(inputs: DataFrame, outcomes: DataFrame, catalog: Catalog) -> DataFrame:
    """Each feature row with the label that came with the delivery of its maturity, null where it has not come."""
    from pyspark.sql import functions as F

    target, features = catalog.use_case.target, catalog[FEATURE_TABLE]
    keys, carried = [PARTITION, *features.keys], carried_columns(catalog.use_case)
    labels = outcomes.select(*keys, F.col(target.column).cast("double").alias(LABEL))
    # A float is what the matrix holds; as doubles, the rows would take twice the driver's memory.
    columns = [
        F.col(column.name).cast("float").alias(column.name)
        if column.type in ("double", "bigint") and not column.categorical and column.name not in carried
        else F.col(column.name)
        for column in features.columns
        if column.name not in keys and (column.role == "feature" or column.name in carried)
    ]
    return inputs.select(*keys, *columns).join(labels, on=keys, how="left")


def _sampled(labelled: DataFrame, catalog: Catalog, versions: Mapping[str, int], counts: Mapping[dt.date, int]) -> Rows:
    """About as many rows as allowed, chosen by a hash of their keys: the same ones in every run."""
    from pyspark.sql import functions as F

    features, sampling = catalog[FEATURE_TABLE], catalog.use_case.training.sampling
    coverage, events = _counted(labelled)
    if surplus := sum(rows for rows, _ in coverage.values()) - sum(counts.values()):
        raise DataError(
            f"{surplus} rows of {features.label} have more than one label in silver.{catalog.use_case.target.table}: "
            "its keys are not unique; run `refine` for these dates again"
        )
    matured = sum(rows for _, rows in coverage.values())
    draw = plan_draw(sampling, matured, events)
    bucket = F.pmod(F.xxhash64(PARTITION, *features.keys), F.lit(HASH_BUCKETS))
    taken, weight = bucket < F.lit(draw.buckets), F.lit(1 / draw.share)
    if draw.keeps_events:
        is_event = F.col(LABEL) == 1
        taken, weight = is_event | taken, F.when(is_event, 1.0).otherwise(weight)
    log.warning(
        "%d rows with a matured label, and max_rows is %d: %.4g%% %s are taken, by key hash",
        matured, sampling.max_rows, 100 * draw.share, "of those without event" if draw.keeps_events else "of them",
    )  # fmt: skip
    table = labelled.where(F.col(LABEL).isNotNull() & taken).withColumn(WEIGHT, weight).toArrow()
    return Rows(table, versions, draw.share, coverage)


def _counted(labelled: DataFrame) -> tuple[dict[dt.date, tuple[int, int]], int]:
    """Per batch date all rows and those with a label, in one pass; and the events of all dates."""
    from pyspark.sql import functions as F

    counts = (
        labelled.groupBy(PARTITION)
        .agg(F.count("*").alias("rows"), F.count(LABEL).alias("matured"), F.count_if(F.col(LABEL) == 1).alias("events"))
        .collect()
    )
    coverage = {row[PARTITION]: (row["rows"], row["matured"]) for row in sorted(counts)}
    return coverage, sum(row["events"] for row in counts)
