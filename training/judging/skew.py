"""Whether training sees the features that scoring saw: skew between the two.

A date was scored from the feature table as it then was; training reads it as it is now. Where late deliveries, another
definition or a fault changed a feature in between, the model learns from values that no score was made from. So rows
of dates that were scored are compared with those that training reads, key by key.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from nightshift.dates import BatchDates
from nightshift.declarations.score_names import FEATURE_TABLE
from nightshift.declarations.tables import PARTITION
from nightshift.lake.reading import parquet
from training.judging.skew_files import differing_files, scored_from

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame, SparkSession

    from nightshift.declarations.catalog import Catalog
    from nightshift.declarations.tables import Column

log = logging.getLogger("nightshift")


@dataclass(frozen=True)
class Distribution:
    """One feature in the rows that were compared value by value, at scoring and at training.

    Attributes:
        scoring_mean: of a quantity, missing values apart; None for a category, or where all are missing.
        training_mean: likewise.
        scoring_missing: share of rows.
        training_missing: likewise.
    """

    scoring_mean: float | None
    training_mean: float | None
    scoring_missing: float
    training_missing: float


class Difference(NamedTuple):
    """How one feature differs between scoring and training.

    Attributes:
        rows: whose value differs, those that training lacks among them.
        lost: rows that training lacks.
        distribution: on both sides.
    """

    rows: int
    lost: int
    distribution: Distribution


@dataclass(frozen=True)
class Skew:
    """What a comparison found.

    Attributes:
        rows: feature rows of scored dates that were compared.
        shares: for each feature the share of rows whose value at training differs from that at scoring.
        distributions: of the features in dates whose files differ; empty where the files are the same ones.
        dates: that were compared.
        lost: scored dates whose rows, as scoring saw them, are no longer there.
        rewritten: for each feature the share of the rows that training still has whose value differs.
    """

    rows: int
    shares: Mapping[str, float]
    distributions: Mapping[str, Distribution]
    dates: tuple[dt.date, ...]
    lost: tuple[dt.date, ...]
    rewritten: Mapping[str, float] = field(default_factory=dict)

    @property
    def scored_before(self) -> bool:
        """Whether any date of the range was scored."""
        return bool(self.dates or self.lost)

    def numbers(self) -> dict[str, float]:
        """What gates judge; nothing where nothing could be compared."""
        if not (self.rows and self.shares):
            return {}
        return {"skew_share": max(self.shares.values()), "skew_rows_compared": float(self.rows)}

    def to_dict(self) -> dict[str, Any]:
        """As it is kept in MLflow, the features that differ most first."""
        return {
            "rows": self.rows,
            "dates": [str(date) for date in self.dates],
            "lost": [str(date) for date in self.lost],
            "shares": dict(sorted(self.shares.items(), key=lambda item: (-item[1], item[0]))),
            "distributions": {name: vars(each) for name, each in self.distributions.items()},
        }


def compare(spark: SparkSession, catalog: Catalog, dates: BatchDates, features_version: int) -> Skew:
    """Check the newest scored dates of a range against what training reads of them.

    Dates whose files are still the ones that were scored from are equal without a look at their rows; the others
    are joined by key and counted in one Spark job. A key that training lacks differs in every feature. A feature
    that the table did not have yet when a date was scored is not compared on it.

    Args:
        spark: the session that reads the training data.
        catalog: of the use case.
        dates: the range that is trained on.
        features_version: Delta version of ``gold.features`` that training reads.
    """
    table = catalog[FEATURE_TABLE]
    files = differing_files(table, scored_from(catalog, dates), features_version)
    changed: dict[str, Difference] = {}
    if files.scoring:
        before = parquet(spark, table, files.scoring)
        now = parquet(spark, table, files.training)
        changed = differences(before, now, table.keys, table.features, files.without)
    compared = {column.name: files.rows - files.rows_without.get(column.name, 0) for column in table.features}
    shares = {name: changed[name].rows / rows if name in changed else 0.0 for name, rows in compared.items() if rows}
    rewritten = {
        name: (each.rows - each.lost) / (compared[name] - each.lost)
        for name, each in changed.items()
        if compared[name] > each.lost
    }
    if files.lost:
        log.warning(
            "skew is not known of %d of %d scored dates, within %s: the rows that they were scored from are gone",
            *(len(files.lost), len(files.lost) + len(files.dates), BatchDates(min(files.lost), max(files.lost))),
        )
    distributions = {name: each.distribution for name, each in changed.items()}
    skew = Skew(files.rows, shares, distributions, tuple(files.dates), tuple(files.lost), rewritten)
    if shares:
        worst = max(shares, key=lambda name: shares[name])
        log.info("skew: %d rows of %d scored dates, most in %s: %.4f", skew.rows, len(skew.dates), worst, shares[worst])
    return skew


def differences(
    before: DataFrame,
    now: DataFrame,
    keys: Sequence[str],
    features: Sequence[Column],
    without: Mapping[str, Sequence[dt.date]],
) -> dict[str, Difference]:
    """For each feature the number of rows of ``before`` that differ in ``now``, and both distributions; one job.

    Null equals null, and NaN equals NaN.

    Args:
        before: feature rows as scoring saw them.
        now: the same batch dates as training reads them.
        keys: of the feature table, beside the batch date.
        features: that are compared.
        without: batch dates on which a feature was not there at scoring.
    """
    from pyspark.sql import functions as F

    on = [PARTITION, *keys]
    scoring = before.select(*on, F.struct(*[column.name for column in features]).alias("scoring"))
    training = now.select(*on, F.struct(*[column.name for column in features]).alias("training"))
    joined = scoring.join(training, on=on, how="left")
    # One record per feature keeps the plan at a handful of aggregates, however many features there are.
    records = [_record(number, column, without.get(column.name, ())) for number, column in enumerate(features)]
    rows = joined.select(F.inline(F.array(*records)))
    found = rows.where("compared").groupBy("feature").agg(
        F.count("*").alias("rows"),
        F.count_if("differs").alias("different"),
        F.count_if("lost").alias("lost"),
        F.avg("scoring_number").alias("scoring_mean"),
        F.avg("training_number").alias("training_mean"),
        F.count_if("scoring_missing").alias("scoring_missing"),
        F.count_if("training_missing").alias("training_missing"),
    )  # fmt: skip
    return {
        features[row.feature].name: Difference(row.different, row.lost, _distribution(row)) for row in found.collect()
    }


def _record(number: int, column: Column, without: Iterable[dt.date]) -> SparkColumn:
    """One feature of one row: whether it differs, its numbers, and whether they are missing."""
    from pyspark.sql import functions as F

    before, now = F.col(f"scoring.`{column.name}`"), F.col(f"training.`{column.name}`")
    sides = {"scoring": before, "training": now}
    lacking = [F.lit(date) for date in without]
    compared = ~F.col(PARTITION).isin(*lacking) if lacking else F.lit(True)
    return F.struct(
        F.lit(number).alias("feature"),
        compared.alias("compared"),
        (F.col("training").isNull() | ~before.eqNullSafe(now)).alias("differs"),
        F.col("training").isNull().alias("lost"),
        *(_number(column, value).alias(f"{side}_number") for side, value in sides.items()),
        *(_is_missing(column, value).alias(f"{side}_missing") for side, value in sides.items()),
    )


def _number(column: Column, value: SparkColumn) -> SparkColumn:
    from pyspark.sql import functions as F

    if column.categorical or column.type == "string":
        return F.lit(None).cast("double")
    return F.nanvl(value.cast("double"), F.lit(None).cast("double"))


def _is_missing(column: Column, value: SparkColumn) -> SparkColumn:
    from pyspark.sql import functions as F

    return value.isNull() | F.isnan(value) if column.type == "double" else value.isNull()


def _distribution(row: Any) -> Distribution:
    return Distribution(
        row.scoring_mean, row.training_mean, row.scoring_missing / row.rows, row.training_missing / row.rows
    )
