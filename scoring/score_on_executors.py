"""Scoring over Spark: the rows of a model, spread over its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightshift.declarations.tables import Table
from scoring.predict_and_decide import Recipe, scorer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Exact contributions cost up to a millisecond per row, a further worker a second for its imports.
ROWS_WORTH_A_TASK = 2_000
# So that a slow core does not hold up the others.
TASKS_PER_CORE = 3


def scored(rows: DataFrame, recipe: Recipe, booster: str, scores: Table, count: int) -> DataFrame:
    """The feature rows' scores, in the columns of the score table; nothing reaches the driver.

    Args:
        count: of ``rows``, by which they are spread.
    """
    broadcast = rows.sparkSession.sparkContext.broadcast(booster)
    inputs = dict.fromkeys([*recipe.carried, *recipe.encoding.features])
    score = scorer(recipe, lambda: str(broadcast.value))
    return _spread(rows.select(*inputs), count).mapInArrow(score, scores.ddl)


def _spread(rows: DataFrame, count: int) -> DataFrame:
    """Rows over more tasks than their files give, where each has enough to do.

    Files are cut by bytes, and what takes time here is rows: a file of a million would keep one core busy.
    """
    cores = rows.sparkSession.sparkContext.defaultParallelism
    wanted = min(cores * TASKS_PER_CORE, count // ROWS_WORTH_A_TASK)
    if wanted < 2 or rows.rdd.getNumPartitions() >= min(wanted, cores):
        return rows
    return rows.repartition(wanted)
