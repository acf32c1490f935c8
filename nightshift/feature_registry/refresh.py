"""Describe the features anew: the registry as a page and as a table, and dbt's documentation of its models.

    python -m nightshift.feature_registry.refresh --use-case flight_delays --dates 2013-10-01

Runs after a training, when features are put to use or fall out of it. The registry is filed under the newest batch date
that has features; the dates only name the run.
"""

from __future__ import annotations

import argparse
import logging

from nightshift.feature_registry.live import registry_of
from nightshift.feature_registry.page import write_page
from nightshift.feature_registry.table import publish_registry
from nightshift.job import Job, end, run_job
from nightshift.reference.dbt_models import write_docs

log = logging.getLogger("nightshift")


def main() -> int:
    """Run the job from the command line."""
    return run_job("feature_registry", __doc__ or "", refresh, recorded=False)


def refresh(job: Job, arguments: argparse.Namespace) -> None:
    """Write the pages and publish the table.

    Raises:
        NightshiftError: if no features were ever published, or their SQL can't be followed.
    """
    registry = registry_of(job.use_case)
    log.info("dbt docs: %s", write_docs())
    log.info("page: %s", write_page(job.use_case, registry))
    publish_registry(job.use_case, registry, job.run_id)


if __name__ == "__main__":
    end(main())
