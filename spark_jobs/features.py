"""Compute the features of some batch dates with dbt, and publish them.

    python -m spark_jobs.features --use-case <use case> --dates 2013-10-01

Features look back on the deliveries that the look-back of `nightly` holds, that of the batch date included.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
from functools import partial

import expectations
from nightshift import lake
from nightshift.dbt_project.build_models import DbtProject
from nightshift.dbt_project.publish_models import find_models, publish_models
from nightshift.job import Job, end, run_job
from nightshift.lake.stage_inputs import refuse_incomplete
from nightshift.spark_session import session
from nightshift.stages import read_window


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("features", __doc__ or "", features, argv=argv)


def features(job: Job, arguments: argparse.Namespace) -> None:
    """Compute, test, audit and publish the feature tables.

    Raises:
        NightshiftError: if something that the models read is not there yet, a dbt test fails, or the audit does;
            the published tables are then as they were.
    """
    refuse_incomplete(job)
    project = DbtProject.of(job.use_case)
    # Parsing and imports take their seconds while the JVM starts.
    project.start_parsing()
    expectations.preload()
    spark = session(f"features {job.use_case.name} {job.dates}", job.home, job.use_case.spark)
    models = find_models(job, project)
    lake.register(spark, models.sources, read_window(job.stage, job.use_case, job.dates), models.versions)
    publish_models(
        job,
        models,
        audit=lambda tests: partial(expectations.audit, tests=tests),
        counted=lambda _: [f"silver.{job.use_case.target.cases}"],
    )


if __name__ == "__main__":
    end(main())
