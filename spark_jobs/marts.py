"""Compute the tables that analysts read of some batch dates with dbt, and publish them.

    python -m spark_jobs.marts --use-case <use case> --dates 2013-10-01

Marts of D also compare the scores of the days before with the outcomes that came with D.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse

import expectations
from nightshift import lake
from nightshift.dbt_project.build_models import DbtProject
from nightshift.dbt_project.publish_models import find_models, publish_models
from nightshift.declarations.tables import Table
from nightshift.job import Job, end, run_job
from nightshift.lake.stage_inputs import refuse_incomplete, with_later_dates
from nightshift.spark_session import session
from nightshift.stages import read_window


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("marts", __doc__ or "", marts, argv=argv)


def marts(job: Job, arguments: argparse.Namespace) -> None:
    """Compute, test and publish the marts.

    Raises:
        NightshiftError: if something that the models read is not there yet, or a dbt test fails; the published tables
            are then as they were.
    """
    job = with_later_dates(job)
    refuse_incomplete(job)
    project = DbtProject.of(job.use_case)
    # Parsing takes its seconds while the JVM starts.
    project.start_parsing()
    spark = session(f"marts {job.use_case.name} {job.dates}", job.home, job.use_case.spark)
    models = find_models(job, project)
    # Marts say nothing that was not audited before: dbt's tests, profile and history are their audit.
    project.refuse_untested([table.identifier for table in models.tables])
    lake.register(spark, models.sources, read_window(job.stage, job.use_case, job.dates), models.versions)
    publish_models(job, models, audit=expectations.audit_of_tested, counted=_summed_up, aggregated=True)


def _summed_up(mart: Table) -> set[str]:
    """The tables whose rows of the same date a mart's sums must agree with."""
    return {agreement.table for agreement in mart.agrees_with if agreement.step.count == 0}


if __name__ == "__main__":
    end(main())
