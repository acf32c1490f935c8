"""Describe the features again: the registry as a page and as a published table, and dbt's documentation of its models.

    python -m spark_jobs.describe_features --use-case <use case> --dates 2013-10-01

Runs after a training and after a rollback, when features are put to use or fall out of it. The registry is filed under
the newest batch date that has features; the dates only name the run.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import logging
from dataclasses import replace

import expectations
from nightshift.catalogue.feature_registry.features_in_use import Registry, registry_of
from nightshift.catalogue.feature_registry.registry_page import write_registry
from nightshift.catalogue.feature_registry.registry_rows import newest_date, rows_of
from nightshift.dates import BatchDates
from nightshift.dbt_project.models_and_docs import write_docs
from nightshift.declarations.feature_registry_table import REGISTRY_TABLE
from nightshift.declarations.tables import PARTITION
from nightshift.job import Job, end, run_job
from nightshift.lake.publication import Published, publish
from nightshift.spark_session import session

log = logging.getLogger("nightshift")


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("describe_features", __doc__ or "", describe_features, argv=argv, recorded=False)


def describe_features(job: Job, arguments: argparse.Namespace) -> None:
    """Write the pages and publish the table.

    Raises:
        NightshiftError: if no features were ever published, or their SQL can't be followed.
    """
    expectations.preload()
    log.info("dbt docs: %s", write_docs(job.use_case))
    session(f"describe_features {job.use_case.name}", job.home, job.use_case.spark)
    # Read last: whoever reads and publishes in between is not to be replaced by what was known before.
    registry = registry_of(job.use_case)
    log.info("page: %s", write_registry(job.use_case, registry))
    publish_registry(job, registry)


def publish_registry(job: Job, registry: Registry) -> Published:
    """Publish a registry as the slice of the newest batch date that has features.

    Raises:
        AuditError: if a row breaks the table's declaration.
        NightshiftError: if no features were ever published.
    """
    date = newest_date(registry)
    table = job.catalog[f"gold.{REGISTRY_TABLE}"]
    spark = session(f"describe_features {job.use_case.name} {date}", job.home, job.use_case.spark)
    rows = spark.createDataFrame([{PARTITION: date, **row} for row in rows_of(registry)], table.ddl)
    return publish(replace(job, dates=BatchDates.of(date)), table, rows, audit=expectations.audit)


if __name__ == "__main__":
    end(main())
