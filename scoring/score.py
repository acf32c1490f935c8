"""Score the feature rows of some batch dates with a registered model.

    python -m scoring.score --use-case flight_delays --dates 2013-10-01

The model is resolved once, before anything is read; rows are scored where they are, and publishing replaces
the batch dates.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import expectations
from nightshift import lake, registry
from nightshift.accounting import Accounting
from nightshift.errors import NightshiftError
from nightshift.job import Job, end, run_job
from nightshift.publish import publish
from nightshift.session import session
from nightshift.tables import Table
from scoring.predict import Recipe, scorer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = logging.getLogger("nightshift")

COMPUTED = ("probability", "decision", "model_name", "model_version")


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("score", __doc__ or "", body, add_arguments, argv)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is particular to scoring."""
    parser.add_argument("--model", default=registry.CHAMPION, help="`champion` (default) or a version like 3")


def body(job: Job, arguments: argparse.Namespace) -> None:
    """Resolve the model, read the slice, score it in Spark's tasks, publish it."""
    features, scores = job.catalog["gold.features"], job.catalog["gold.scores"]
    cases = job.catalog[f"silver.{job.use_case.target.cases}"]
    carried = carried_columns(features, scores)
    with ThreadPoolExecutor(1) as background:
        # The imports of MLflow and of Great Expectations take seconds each; they pass while Spark starts and
        # reads, one after the other, because the model is needed first.
        resolving = background.submit(registry.resolve, job.use_case, arguments.model)
        background.submit(expectations.preload)
        spark = session(f"score {job.use_case.name} {job.dates}")
        model = resolving.result()
    check_features(model, features)
    log.info("scoring %s with %s version %d", job.dates, model.name, model.version)
    recipe = Recipe(model.encoding, model.threshold, carried, tuple(scores.column_names), model.name, model.version)
    version = lake.newest_version(features)
    rows_in = lake.rows_by_date(features, job.dates, version)
    refuse_missing_cases(rows_in, lake.rows_by_date(cases, job.dates), features)
    publish(
        job,
        scores,
        scored(lake.read(spark, features, job.dates, version), recipe, model.booster, scores),
        audit=expectations.audit,
        accounting=Accounting.of_table(features, version, rows_in),
        model=(model.name, model.version),
    )


def refuse_missing_cases(rows_in: Mapping[dt.date, int], cases: Mapping[dt.date, int], features: Table) -> None:
    """Hold the feature rows against what the night decided is to be scored.

    Raises:
        NightshiftError: naming the batch dates on which the numbers differ.
    """
    wrong = [
        f"{date}: {count} cases, {rows_in[date]} feature rows"
        for date, count in cases.items()
        if count != rows_in[date]
    ]
    if wrong:
        raise NightshiftError(
            f"{features.label} does not have a row for each case, nothing was scored; build the features again:\n  "
            + "\n  ".join(wrong)
        )


def carried_columns(features: Table, scores: Table) -> tuple[str, ...]:
    """The columns of the score table that come from the feature table as they are.

    Raises:
        NightshiftError: if the feature table lacks one.
    """
    carried = tuple(name for name in scores.column_names if name not in COMPUTED)
    missing = [name for name in carried if name not in features.column_names]
    if missing:
        raise NightshiftError(
            f"{scores.label} declares {', '.join(missing)}, which scoring does not compute and {features.label} lacks: "
            "add the columns to the feature model, or take them out of the declaration of the scores"
        )
    return carried


def check_features(model: registry.RegisteredModel, features: Table) -> None:
    """Hold the model's signature against the feature table's declaration, by name.

    Raises:
        NightshiftError: if an input of the model is not a declared feature.
    """
    declared = {column.name: column for column in features.features}
    missing = sorted({*model.signature, *model.encoding.features} - declared.keys())
    if missing:
        raise NightshiftError(
            f"{model.name} version {model.version} needs {', '.join(missing)}, and {features.label} declares no such "
            "features: bring them back, or train a model on the features that there are"
        )
    encoding = model.encoding
    changed = [name for name in encoding.features if declared[name].categorical != (name in encoding.categories)]
    if changed:
        raise NightshiftError(
            f"{model.name} version {model.version} was trained when `categorical` of {', '.join(changed)} was declared "
            f"otherwise in {features.label}: undo that, or train a new model"
        )


def scored(rows: DataFrame, recipe: Recipe, booster: str, scores: Table) -> DataFrame:
    """The feature rows' scores, in the columns of the score table; nothing reaches the driver."""
    broadcast = rows.sparkSession.sparkContext.broadcast(booster)
    inputs = dict.fromkeys([*recipe.carried, *recipe.encoding.features])
    score = scorer(recipe, lambda: str(broadcast.value))
    return rows.select(*inputs).mapInArrow(score, scores.ddl)


if __name__ == "__main__":
    end(main())
