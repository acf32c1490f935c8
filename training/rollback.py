r"""Put a version of the model back from a batch date on, past or future.

    python -m training.rollback --use-case <use case> --dates 2013-10-03 --version 1 \
        --who maria --why "version 2 warns of everything"

The date is the first that the version is champion of again. Scores that another version made from then on stay until
they are made again; `training.show_affected` says which.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import logging

from nightshift.errors import UsageError
from nightshift.job import Job, end, run_job
from nightshift.job_result import NOTHING_DONE, hand_over
from nightshift.models.champions.decide_champion import roll_back
from nightshift.models.champions.decisions_without_effect import NothingDecidedError

log = logging.getLogger("nightshift")


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("rollback", __doc__ or "", body, add_arguments, argv, recorded=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is particular to this job."""
    parser.add_argument("--version", type=int, required=True, help="to put back, like 1")
    parser.add_argument("--who", required=True, help="the person who decided")
    parser.add_argument("--why", required=True, help="in words, for whoever asks in a year")
    parser.add_argument("--block", choices=("yes", "no"), default="no", help="block the version that is live now")


def body(job: Job, arguments: argparse.Namespace) -> None:
    """Roll back, and say what holds from now on, or why nothing was changed.

    Raises:
        NightshiftError: if it is asked for more than one batch date, and as :func:`decide_champion.roll_back`.
    """
    if len(job.dates) != 1:
        raise UsageError(f"--dates {job.dates}: a rollback has one batch date, the first that it is about")
    asked = (job.use_case, arguments.version, job.dates.first, arguments.who, arguments.why, job.run_id)
    try:
        kept = roll_back(*asked, blocks_live=arguments.block == "yes")
    except NothingDecidedError as error:
        log.warning("%s", error)
        hand_over({NOTHING_DONE: str(error)})
        return
    log.info(
        "%s version %d is back from batch date %s on, decided by %s: %s",
        job.use_case.model_name, kept.version, kept.first, kept.who, kept.why,
    )  # fmt: skip
    hand_over({"decided": True})


if __name__ == "__main__":
    end(main())
