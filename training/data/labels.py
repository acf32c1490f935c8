"""The label of each case: what the deliveries after its batch date say of it, at its maturity or up to it.

At maturity, the delivery of D + the maturity of `target` alone counts. By maturity, the newest statement of all
deliveries after D up to that one counts, so that a later one corrects an earlier one. What comes after it never counts.
"""

from __future__ import annotations

import datetime as dt
import itertools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.label_deliveries import bringing, due_in_words, is_by_maturity, labels_due, read_for
from nightshift.declarations.score_names import FEATURE_TABLE
from nightshift.declarations.tables import PARTITION, Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DataError, MissingError
from nightshift.figures import amount
from nightshift.lake.missing_dates import unpublished
from training.data.declaration_checks import LABEL

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Observation, SparkSession

log = logging.getLogger("nightshift")

# No declared column can begin with "_".
_LABELS_DUE = "_labels_due"
_DELIVERED = "_delivered"
_PREVIOUS = "_previous"
_CORRECTS = "_corrects"
_DIFFERS = "_differs"
_KNOWN_BEFORE = "_known_before"
_CORRECTED = "_corrected"
# Where `if_unknown` is declared: not null where a label came.
CAME = "_came"


@dataclass(frozen=True)
class LabelDates:
    """When the labels of a range of batch dates come.

    Attributes:
        due: batch date -> the delivery with which the last of its labels comes.
        matured: batch dates of which every delivery that brings labels is there.
    """

    due: Mapping[dt.date, dt.date]
    matured: frozenset[dt.date]

    @classmethod
    def of(cls, catalog: Catalog, dates: BatchDates, version: int) -> LabelDates:
        """Those of some batch dates, as a version of the table that holds the outcome has them.

        Raises:
            NightshiftError: if not one delivery is there that brings a label of them.
        """
        use_case = catalog.use_case
        labels, calendar = catalog[f"silver.{use_case.target.table}"], use_case.calendar
        due = {date: calendar.due(date, use_case.maturity) for date in dates}
        asked = {date: bringing(use_case, date) for date in dates}
        deliveries = set(itertools.chain(*asked.values()))
        there = deliveries - set(unpublished(labels, deliveries, version))
        if not there:
            raise MissingError(_none_came(use_case, labels, dates, version))
        return cls(due, frozenset(date for date, needed in asked.items() if there.issuperset(needed)))


@dataclass(frozen=True)
class LabelFindings:
    """What was found about labels that come by maturity; known once the labelled rows were read."""

    seen: Observation

    @property
    def known_before(self) -> int:
        """Cases whose outcome came with their own delivery, or before it."""
        return int(self.seen.get["known_before"] or 0)

    def say(self, catalog: Catalog) -> None:
        """Log what was left out or corrected.

        Raises:
            NightshiftError: if one delivery says two things of one case.
        """
        target = catalog.use_case.target
        differing, corrected = int(self.seen.get["differing"] or 0), int(self.seen.get["corrected"] or 0)
        if differing:
            raise DataError(
                f"{amount(differing, 'row')} of {catalog[FEATURE_TABLE].label} with two labels that differ in one "
                f"delivery of silver.{target.table}: its keys are not unique; have that delivery corrected at its "
                "source, and run `land` and `refine` for its date again"
            )
        if self.known_before:
            log.warning(
                "left out: %s whose outcome had come with their own delivery or before it, so that there was nothing "
                "to predict; have silver.%s (`target.cases` in use_case.yaml) delivered without such cases",
                amount(self.known_before, "row"), target.cases,
            )  # fmt: skip
        if corrected:
            log.info("the label of %s was corrected by a later delivery, which counts", amount(corrected, "row"))


def labelled(
    spark: SparkSession, rows: DataFrame, catalog: Catalog, dates: LabelDates, version: int
) -> tuple[DataFrame, LabelFindings | None]:
    """Each row with its label as a double, null where none has come; and what will be found on the way.

    Where labels come by maturity, rows whose outcome was known when they were to be scored are left out. Where
    `if_unknown` is declared, `CAME` is null where no label came.

    Args:
        rows: of the feature table, with batch date and keys.
        version: of the table that holds the outcome.
    """
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    use_case, keys = catalog.use_case, [PARTITION, *catalog[FEATURE_TABLE].keys]
    table = catalog[f"silver.{use_case.target.table}"]
    pairs = F.broadcast(spark.createDataFrame(list(dates.due.items()), f"{PARTITION} date, {_LABELS_DUE} date"))
    asked = use_case.between(min(dates.due), max(dates.due))
    outcomes = _stated(lake.read(spark, table, read_for(use_case, asked), version), use_case, keys)
    if not is_by_maturity(use_case):
        outcomes = outcomes.withColumnRenamed(PARTITION, _LABELS_DUE).join(pairs, on=_LABELS_DUE, how="inner")
        return _or_declared(rows.join(outcomes.drop(_LABELS_DUE), on=keys, how="left"), use_case, dates), None
    cases = rows.select(*keys).join(pairs, on=PARTITION, how="inner")
    changes = _changes(_summed_up(outcomes, asked.first, keys[1:]), keys[1:])
    found = rows.join(_newest(cases, changes, keys), on=keys, how="left")
    is_open = ~F.coalesce(_KNOWN_BEFORE, F.lit(False))
    seen = Observation("labels")
    found = found.observe(
        seen,
        F.count_if(_KNOWN_BEFORE).alias("known_before"),
        F.count_if(F.col(_CORRECTED) & is_open).alias("corrected"),
        F.count_if(_DIFFERS).alias("differing"),
    )
    found = _or_declared(found.where(is_open), use_case, dates)
    return found.drop(_KNOWN_BEFORE, _CORRECTED, _DIFFERS), LabelFindings(seen)


def _stated(outcomes: DataFrame, use_case: UseCase, keys: list[str]) -> DataFrame:
    """What each delivery says of each case: the label, null where it is not known yet."""
    from pyspark.sql import functions as F

    target = use_case.target
    label = F.col(target.column).cast("double")
    if target.known_when is not None:
        label = F.when(F.expr(target.known_when), label)
    return outcomes.select(*keys, label.alias(LABEL))


def _summed_up(outcomes: DataFrame, first: dt.date, keys: list[str]) -> DataFrame:
    """Of deliveries before the first batch date only the newest statement of each case, however many they are."""
    from pyspark.sql import functions as F

    is_earlier = F.col(PARTITION) < F.lit(first)
    newest = F.max_by(LABEL, F.struct(PARTITION, LABEL)).alias(LABEL)
    earlier = outcomes.where(is_earlier).groupBy(*keys).agg(F.max(PARTITION).alias(PARTITION), newest)
    return outcomes.where(~is_earlier).unionByName(earlier)


def _changes(outcomes: DataFrame, keys: list[str]) -> DataFrame:
    """Those statements of each case that differ from the one before.

    A snapshot says the same of a case for years: joined as it is, each day would meet each later day.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    stated = outcomes.withColumnRenamed(PARTITION, _DELIVERED)
    in_order = Window.partitionBy(*keys).orderBy(_DELIVERED, LABEL)
    before = F.col(_PREVIOUS)
    return (
        stated.withColumn(_PREVIOUS, F.lag(F.struct(_DELIVERED, LABEL)).over(in_order))
        .where(~F.col(LABEL).eqNullSafe(before[LABEL]))
        .withColumn(_CORRECTS, before[LABEL].isNotNull())
        .withColumn(_DIFFERS, F.coalesce(before[_DELIVERED] == F.col(_DELIVERED), F.lit(False)))
        .drop(_PREVIOUS)
    )


def _newest(cases: DataFrame, changes: DataFrame, keys: list[str]) -> DataFrame:
    """What was last said of each case up to its maturity, and whether it was known before or corrected since."""
    from pyspark.sql import functions as F

    is_early = F.col(_DELIVERED) <= F.col(PARTITION)
    said_early = F.max_by(LABEL, F.when(is_early, F.col(_DELIVERED)))
    return (
        cases.join(changes, on=keys[1:], how="inner")
        .where(F.col(_DELIVERED) <= F.col(_LABELS_DUE))
        .groupBy(*keys)
        .agg(
            F.max_by(LABEL, _DELIVERED).alias(LABEL),
            said_early.isNotNull().alias(_KNOWN_BEFORE),
            F.bool_or(F.col(_CORRECTS) & ~is_early).alias(_CORRECTED),
            F.bool_or(_DIFFERS).alias(_DIFFERS),
        )
    )


def _or_declared(rows: DataFrame, use_case: UseCase, dates: LabelDates) -> DataFrame:
    """The rows with the label that `if_unknown` declares where none is known at maturity."""
    from pyspark.sql import functions as F

    declared = use_case.target.if_unknown
    if declared is None:
        return rows
    has_matured = F.col(PARTITION).isin(sorted(dates.matured))
    came = F.when(F.col(LABEL).isNotNull(), True)
    label = F.when(F.col(LABEL).isNull() & has_matured, float(declared)).otherwise(F.col(LABEL))
    return rows.withColumn(CAME, came).withColumn(LABEL, label)


def _none_came(use_case: UseCase, labels: Table, dates: BatchDates, version: int) -> str:
    """Why no label of a range can be there, and which batch dates could be trained on."""
    calendar, first = use_case.calendar, use_case.dates.first
    first_due, asked_due = (due_in_words(labels_due(use_case, date)) for date in (first, dates.first))
    newest = max(lake.published_dates(labels, version), default=None)
    trainable = None if newest is None else calendar.last_due(newest, use_case.maturity)
    if trainable is None or trainable < first:
        can = f"no batch date can be trained on before a delivery {first_due}"
    else:
        can = f"batch dates from {first} to {trainable} can be trained on"
    return (
        f"no label of {dates} has come: those of {dates.first} come with a delivery {asked_due} "
        f"(`target` in use_case.yaml), and the newest of {labels.label} "
        f"is of {newest or 'no date'}; {can}: ask for these, or ingest what is missing"
    )
