"""Say which scores another version made than the one that is champion of their batch date by now.

    python -m training.show_affected --use-case <use case> --dates 2013-10-03

It looks at all batch dates from the named one on, and hands their ranges over to the DAG that started it.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import logging

from nightshift.job import Job, end, run_job
from nightshift.job_result import hand_over
from nightshift.models.champions.affected import affected
from nightshift.stages import typed

log = logging.getLogger("nightshift")


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("show_affected", __doc__ or "", body, None, argv, recorded=False)


def body(job: Job, arguments: argparse.Namespace) -> None:
    """Look into the ledger, and print the dates and what makes their scores again."""
    found = affected(job.catalog, job.dates.first)
    if found.scored_by:
        log.info("these scores are not the champion's:\n%s", "\n".join(found.lines()))
        log.info("by hand:\n%s", "\n".join(f"  {typed(command)}" for command in found.commands()))
    else:
        log.info("no score from %s on was made by another version than the champion", job.dates.first)
    hand_over({"dates": " ".join(map(str, found.ranges)), "found": "\n".join(found.lines())})


if __name__ == "__main__":
    end(main())
