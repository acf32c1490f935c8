"""Compute the tables that analysts read of some batch dates with dbt, and publish them.

    python -m spark_jobs.marts --use-case flight_delays --dates 2013-10-01

Marts of D also compare the scores of the days before with the outcomes that came with D.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import datetime as dt
from dataclasses import replace

import expectations
from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.dbt_project.build_models import DbtProject
from nightshift.dbt_project.publish_models import find_models, publish_models
from nightshift.declarations.score_names import SCORES
from nightshift.declarations.tables import Table
from nightshift.home.settings import get_settings
from nightshift.job import Job, end, run_job
from nightshift.lake.published_dates import unpublished
from nightshift.lake.stage_inputs import refuse_missing
from nightshift.spark_session import session


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("marts", __doc__ or "", marts, argv=argv)


def marts(job: Job, arguments: argparse.Namespace) -> None:
    """Compute, test and publish the marts.

    Raises:
        NightshiftError: if something that the models read is not there yet, or a dbt test fails; the published tables
            are then as they were.
    """
    job = with_dependent_dates(job)
    refuse_incomplete(job)
    project = DbtProject(get_settings().dbt_dir)
    # Parsing takes its seconds while the JVM starts.
    project.start_parsing()
    spark = session(f"marts {job.use_case.name} {job.dates}", job.use_case.spark)
    models = find_models(job, project)
    # Marts say nothing that was not audited before: dbt's tests, profile and history are their audit.
    project.refuse_untested([table.identifier for table in models.tables])
    lake.register(spark, models.sources, read_window(job), models.versions)
    publish_models(job, models, audit=expectations.audit_of_tested, counted=_summed_up, aggregated=True)


def with_dependent_dates(job: Job) -> Job:
    """The job, with the dates whose marts also tell of its scores.

    Marts of D compare the scores of the days before with the outcomes that came with D. Where D + 1 is scored already,
    because nights ran out of order or D was scored again, its marts are made again as well.
    """
    later = job.dates.last + dt.timedelta(days=job.use_case.target.maturity_days)
    if any(unpublished(table, BatchDates(job.dates.last, later)) for table in _needed(job)):
        return job
    return replace(job, dates=BatchDates(job.dates.first, later))


def refuse_incomplete(job: Job) -> None:
    """Ask for the scores and the outcomes of the marts' own dates.

    Raises:
        MissingError: naming the missing dates and how to get them.
    """
    for table in _needed(job):
        refuse_missing(job, table, job.dates)


def read_window(job: Job) -> BatchDates:
    """All that models may read: their own dates, and those before them whose outcomes come only now."""
    back = max(job.use_case.nightly.lookback_days, job.use_case.target.maturity_days)
    return BatchDates(job.dates.first - dt.timedelta(days=back), job.dates.last)


def _needed(job: Job) -> tuple[Table, Table]:
    return job.catalog[SCORES], job.catalog[f"silver.{job.use_case.target.table}"]


def _summed_up(mart: Table) -> set[str]:
    """The tables whose rows of the same date a mart's sums must agree with."""
    return {agreement.table for agreement in mart.agrees_with if agreement.days_before == 0}


if __name__ == "__main__":
    end(main())
