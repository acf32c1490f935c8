"""Score the feature rows of some batch dates with registered models.

    python -m scoring.score --use-case <use case> --dates 2013-10-01

The models are resolved once, before anything is read: by default each batch date has the one that is, or was, its
champion. Rows are scored where they are, and publishing replaces the batch dates, all of them together or none.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import datetime as dt
import functools
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import expectations
from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.score_names import FEATURE_TABLE, SCORES
from nightshift.declarations.tables import PARTITION, Table
from nightshift.job import Job, end, run_job
from nightshift.lake.audit_report import Audit, AuditReport
from nightshift.lake.publication import publish
from nightshift.ledger import Input
from nightshift.ledger.row_accounting import Accounting
from nightshift.models import resolve_version
from nightshift.models.model_version import RegisteredModel
from nightshift.models.usable_version import check_features, check_task
from nightshift.spark_session import session
from scoring.feature_versions import slice_versions
from scoring.predict_and_decide import Recipe
from scoring.reasons_dictionary_at_scoring import DictionaryOfThen
from scoring.schema_checks import carried_to_scores, refuse_missing_cases
from scoring.score_on_executors import scored

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger("nightshift")

Assigned = Sequence[tuple[BatchDates, RegisteredModel]]


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("score", __doc__ or "", body, add_arguments, argv)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is particular to scoring."""
    parser.add_argument(
        "--model",
        default=resolve_version.AS_OF,
        help=f"`{resolve_version.AS_OF}` (default): of each batch date its own champion; `{resolve_version.NEWEST}`: "
        f"that of the dates to come; or a version, like `{resolve_version.VERSION}3` or `3`",
    )


def body(job: Job, arguments: argparse.Namespace) -> None:
    """Resolve the models, read the slice, score it in Spark's tasks, publish it."""
    features, scores = job.catalog[FEATURE_TABLE], job.catalog[SCORES]
    cases = job.catalog[f"silver.{job.use_case.target.cases}"]
    dictionary = DictionaryOfThen.declared(job.use_case, features)
    carried_to_scores(features, scores)
    with ThreadPoolExecutor(1) as background:
        # The imports of MLflow and of Great Expectations take seconds each; they pass while Spark starts and the logs
        # are read, one after the other, because the model is needed first.
        resolving = background.submit(resolve_version.resolve, job.use_case, arguments.model, job.dates)
        background.submit(expectations.preload)
        spark = session(f"score {job.use_case.name} {job.dates}", job.home, job.use_case.spark)
        version = lake.newest_version(features)
        rows_in = lake.rows_by_date(features, job.dates, version)
        refuse_missing_cases(rows_in, lake.rows_by_date(cases, job.dates), features)
        versions = slice_versions(features, job.dates, version)
        models = resolving.result()
    for dates, model in models:
        check_task(model, job.use_case)
        check_features(model, features)
        log.info("scoring %s with %s version %d", dates, model.name, model.version)
    words = dictionary.keep(job.use_case)
    publish(
        job,
        scores,
        all_scored(spark, features, scores, models, dictionary, versions, version, rows_in),
        audit=audit_of(job, arguments.model, models),
        accounting=Accounting(
            {
                date: [Input("table", features.short_name, str(versions[date]), count), words]
                for date, count in rows_in.items()
            }
        ),
        models={date: (model.name, model.version) for dates, model in models for date in dates},
    )


def audit_of(job: Job, wanted: str, models: Assigned) -> Audit:
    """The audit of scores; it refuses those of models that are no longer the ones that were asked for.

    An audit runs after the attempt was opened and before its commit, as `resolve_version.refuse_outdated` must.
    """

    def audit(rows: DataFrame, table: Table, dates: BatchDates, expected_rows: int | None) -> AuditReport:
        resolve_version.refuse_outdated(job.use_case, wanted, models)
        return expectations.audit(rows, table, dates, expected_rows)

    return audit


def all_scored(
    spark: SparkSession,
    features: Table,
    scores: Table,
    models: Assigned,
    dictionary: DictionaryOfThen,
    versions: Mapping[dt.date, int],
    pinned: int,
    rows_in: Mapping[dt.date, int],
) -> DataFrame:
    """The scores of all batch dates, each by its own model.

    Args:
        versions: of the feature table, that the rows of each batch date name.
        pinned: version of the feature table that is read.
        rows_in: rows of each batch date.
    """
    parts = [
        scored(
            lake.read(spark, features, dates, pinned),
            recipe(model, features, scores, dictionary, {date: versions[date] for date in dates}),
            model.booster,
            scores,
            sum(rows_in[date] for date in dates),
        )
        for dates, model in models
    ]
    return functools.reduce(lambda one, other: one.unionAll(other), parts)


def recipe(
    model: RegisteredModel,
    features: Table,
    scores: Table,
    dictionary: DictionaryOfThen,
    versions: Mapping[dt.date, int],
) -> Recipe:
    """How a model scores the rows of some batch dates."""
    return Recipe(
        partition=PARTITION,
        model_name=model.name,
        model_version=model.version,
        encoding=model.encoding,
        calibration=model.calibration,
        threshold=model.threshold,
        interval=model.interval,
        wordings={name: dictionary.of(name) for name in model.encoding.features},
        top=dictionary.top,
        feature_versions=versions,
        carried=carried_to_scores(features, scores),
        columns=tuple(scores.column_names),
    )


if __name__ == "__main__":
    end(main())
