"""What published scores were made from: their rows say it, and of a batch date without rows the ledger does."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightshift.dates import BatchDates
from nightshift.declarations.tables import PARTITION, Table
from nightshift.errors import DataError, MissingError
from scoring.publications import Publication

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Basis:
    """What the published rows of a batch date were made from."""

    date: dt.date
    model_version: int
    feature_version: int
    rows: int


def sources_without_rows(publications: Iterable[Publication]) -> list[Basis]:
    """What the ledger says that batch dates were made from which were scored and have no rows to say it."""
    return [
        Basis(each.date, each.entry.model_version, each.feature_version, 0)
        for each in publications
        if each.entry is not None and each.entry.rows_published == 0
        if each.entry.model_version is not None and each.feature_version is not None
    ]


def sources_of(
    published: DataFrame,
    scores: Table,
    dates: BatchDates,
    keys: dict[str, str],
    version: int,
    empty: Sequence[Basis] = (),
) -> list[Basis]:
    """What the rows say that they were made from.

    Args:
        version: of the scores, that ``published`` are of.
        empty: stand for the batch dates that have no rows.

    Raises:
        NightshiftError: if there are none, or they do not say it.
    """
    from pyspark.sql import functions as F

    names = [PARTITION, "model_version", "feature_version"]
    rows = published.groupBy(*names).agg(F.count("*").alias("rows")).orderBy(*names).collect()
    seen = {row[PARTITION] for row in rows}
    without = [each for each in empty if each.date not in seen]
    missing = sorted(set(dates) - seen - {each.date for each in without})
    if missing:
        of = f" with {', '.join(f'{name}={value}' for name, value in keys.items())}" if keys else ""
        raise MissingError(
            f"{scores.label} has no rows{of} of {', '.join(map(str, missing[:5]))} at version {version}: "
            f"`nightshift replay --use-case {scores.use_case} --date {missing[0]} --list` lists what was published"
        )
    if silent := [row[PARTITION] for row in rows if row.feature_version is None or row.model_version is None]:
        raise MissingError(
            f"{scores.label} of {silent[0]} at version {version} was published before scores named their features' "
            "version: score the date again, then it can be replayed"
        )
    sources = [Basis(row[PARTITION], row.model_version, row.feature_version, row.rows) for row in rows]
    for one, other in itertools.pairwise(sources):
        if one.date == other.date:
            raise DataError(
                f"{scores.label} of {one.date} at version {version} names several versions, as {one.model_version} and "
                f"{other.model_version} of the model, {one.feature_version} and {other.feature_version} of the "
                "features: scoring never publishes that, so the rows were changed since; score the date again"
            )
    return sorted([*sources, *without], key=lambda each: each.date)
