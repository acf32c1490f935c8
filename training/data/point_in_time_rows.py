"""The point-in-time rows: features of each batch date beside the label that matured later, at pinned versions.

Features of D were computed from deliveries up to D alone; `training.data.labels` says which label is whose. Cases that
end early are unlike the others: before the maturity of D has passed, D counts only if every label of it is known. Where
there are more rows than `training.sampling` allows, they are drawn in Spark, and weights say how many rows each one
stands for.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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
from nightshift.figures import amount, first_of
from training.data.declaration_checks import LABEL, WEIGHT, carried_columns, check_declarations
from training.data.labels import CAME, LabelDates, labelled

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger("nightshift")

# Resolution of the sampled share: keys fall into this many buckets by their hash.
HASH_BUCKETS = 1 << 40
# Of more batch dates than this, only the number of the others is named.
NAMED_DATES = 5
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
        coverage: batch date -> (feature rows, rows with a matured label), of all rows, taken or not, whose outcome was
            open when they were to be scored.
        came: batch date -> labels that had come; what `if_unknown` declares is none.
        left_out: batch dates that are left out until all their labels are known.
        known_before: rows whose outcome was known when they were to be scored; they are left out.
    """

    table: pa.Table
    versions: Mapping[str, int]
    share: float
    coverage: Mapping[dt.date, tuple[int, int]]
    came: Mapping[dt.date, int] = field(default_factory=dict)
    left_out: tuple[dt.date, ...] = ()
    known_before: int = 0

    @classmethod
    def complete(
        cls, table: pa.Table, versions: Mapping[str, int] | None = None, maturing: Iterable[dt.date] = ()
    ) -> Rows:
        """All rows of a range, each standing for itself; their label is null where it is not known.

        Args:
            maturing: batch dates of which labels may still come.
        """
        came = CAME if CAME in table.column_names else LABEL
        counts = table.group_by(PARTITION).aggregate([([], "count_all"), (LABEL, "count"), (came, "count")]).to_pylist()
        table = table.drop_columns([CAME]) if came == CAME else table
        known = {row[PARTITION]: (row["count_all"], row[f"{LABEL}_count"]) for row in counts}
        coverage, left_out = _coverage(known, maturing)
        matured = table.filter(pc.is_valid(table[LABEL]))
        if left_out:
            dates = pa.array(left_out, matured[PARTITION].type)
            matured = matured.filter(pc.invert(pc.is_in(matured[PARTITION], value_set=dates)))
        labels = matured[LABEL].cast(pa.uint8()) if pa.types.is_boolean(matured[LABEL].type) else matured[LABEL]
        matured = matured.set_column(matured.column_names.index(LABEL), LABEL, labels.cast(pa.float64()))
        matured = matured.append_column(WEIGHT, pa.array(np.ones(matured.num_rows)))
        return cls(
            *(matured, versions or {}, 1.0, coverage, {row[PARTITION]: row[f"{came}_count"] for row in counts}),
            left_out,
        )


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
    label_dates = LabelDates.of(catalog, dates, versions[labels.label])
    inputs = _inputs(lake.read(spark, features, dates, versions[features.label]), catalog)
    found, findings = labelled(spark, inputs, catalog, label_dates, versions[labels.label])
    maturing = set(dates) - label_dates.matured
    if sum(counts.values()) <= use_case.training.sampling.max_rows:
        rows = Rows.complete(found.toArrow(), versions, maturing)
    else:
        rows = _sampled(found, catalog, versions, counts, maturing)
    if findings is not None:
        findings.say(catalog)
        rows = replace(rows, known_before=findings.known_before)
    _say_left_out(rows)
    return rows


def _inputs(rows: DataFrame, catalog: Catalog) -> DataFrame:
    """Batch date, keys, features and columns to judge by."""
    from pyspark.sql import functions as F

    features = catalog[FEATURE_TABLE]
    keys, carried = [PARTITION, *features.keys], carried_columns(catalog.use_case)
    # A float is what the matrix holds; as doubles, the rows would take twice the driver's memory.
    columns = [
        F.col(column.name).cast("float").alias(column.name)
        if column.type in ("double", "bigint") and not column.categorical and column.name not in carried
        else F.col(column.name)
        for column in features.columns
        if column.name not in keys and (column.role == "feature" or column.name in carried)
    ]
    return rows.select(*keys, *columns)


def _coverage(
    known: Mapping[dt.date, tuple[int, int]], maturing: Iterable[dt.date]
) -> tuple[dict[dt.date, tuple[int, int]], tuple[dt.date, ...]]:
    """Rows and matured labels of each batch date; and those that are left out whole.

    Args:
        known: batch date -> (rows, rows whose label is known).
        maturing: batch dates of which labels may still come.
    """
    open_dates = set(maturing)
    left_out = tuple(date for date, (rows, some) in sorted(known.items()) if date in open_dates and 0 < some < rows)
    return {date: (rows, 0 if date in left_out else some) for date, (rows, some) in sorted(known.items())}, left_out


def _say_left_out(rows: Rows) -> None:
    if not rows.left_out:
        return
    named = [f"{date} ({rows.came[date]} of {rows.coverage[date][0]} known)" for date in rows.left_out]
    log.warning(
        "left out until their maturity has passed, as cases whose label is known early are unlike the others: %s",
        first_of(named, NAMED_DATES),
    )  # fmt: skip


def _sampled(
    found: DataFrame,
    catalog: Catalog,
    versions: Mapping[str, int],
    counts: Mapping[dt.date, int],
    maturing: Iterable[dt.date],
) -> Rows:
    """About as many rows as allowed, chosen by a hash of their keys: the same ones in every run."""
    from pyspark.sql import functions as F

    features, sampling = catalog[FEATURE_TABLE], catalog.use_case.training.sampling
    known, came, events = _counted(found)
    coverage, left_out = _coverage(known, maturing)
    if (surplus := sum(rows for rows, _ in coverage.values()) - sum(counts.values())) > 0:
        raise DataError(
            f"{amount(surplus, 'row')} of {features.label} with more than one label in "
            f"silver.{catalog.use_case.target.table}: its keys are not unique; run `refine` for these dates again"
        )
    matured = sum(rows for _, rows in coverage.values())
    draw = plan_draw(sampling, matured, sum(count for date, count in events.items() if date not in left_out))
    bucket = F.pmod(F.xxhash64(PARTITION, *features.keys), F.lit(HASH_BUCKETS))
    taken, weight = bucket < F.lit(draw.buckets), F.lit(1 / draw.share)
    if draw.keeps_events:
        is_event = F.col(LABEL) == 1
        taken, weight = is_event | taken, F.when(is_event, 1.0).otherwise(weight)
    log.warning(
        "%d rows with a matured label, and max_rows is %d: %.4g%% %s are taken, by key hash",
        matured, sampling.max_rows, 100 * draw.share, "of those without event" if draw.keeps_events else "of them",
    )  # fmt: skip
    usable = F.col(LABEL).isNotNull() & ~F.col(PARTITION).isin(list(left_out))
    table = found.where(usable & taken).withColumn(WEIGHT, weight).drop(CAME).toArrow()
    return Rows(table, versions, draw.share, coverage, came, left_out)


def _counted(found: DataFrame) -> tuple[dict[dt.date, tuple[int, int]], dict[dt.date, int], dict[dt.date, int]]:
    """Per batch date all rows and those with a label; the labels that came; and the events, in one pass."""
    from pyspark.sql import functions as F

    came, events = F.count(CAME if CAME in found.columns else LABEL), F.count_if(F.col(LABEL) == 1)
    counts = (
        found.groupBy(PARTITION)
        .agg(F.count("*").alias("rows"), F.count(LABEL).alias("known"), came.alias("came"), events.alias("events"))
        .collect()
    )
    known = {row[PARTITION]: (row["rows"], row["known"]) for row in counts}
    return known, {row[PARTITION]: row["came"] for row in counts}, {row[PARTITION]: row["events"] for row in counts}
