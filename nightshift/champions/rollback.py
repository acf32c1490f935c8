r"""Put a version of the model back from a batch date on, past or future.

    python -m nightshift.champions.rollback --use-case flight_delays --dates 2013-10-03 --version 1 \
        --who maria --why "version 2 warns of everything"

The date is the first that the version is champion of again. Scores that another version made from then on stay until
they are made anew; `nightshift.champions.show_affected` says which.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging

from nightshift.champions.deciding import block, refuse_unfit, roll_back
from nightshift.champions.decisions import Decision, decisions
from nightshift.champions.reigns import coming, reigns_of
from nightshift.errors import NightshiftError
from nightshift.job import Job, end, run_job
from nightshift.use_case import UseCase

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
    """Roll back, and say what holds from now on.

    Raises:
        NightshiftError: if it is asked for more than one batch date, and as :func:`put_back`.
    """
    if len(job.dates) != 1:
        raise NightshiftError(f"--dates {job.dates}: a rollback has one batch date, the first that it is about")
    blocks = arguments.block == "yes"
    kept = put_back(job.use_case, arguments.version, job.dates.first, arguments.who, arguments.why, job.run_id, blocks)
    log.info(
        "%s version %d is back from batch date %s on, decided by %s: %s",
        job.use_case.model_name, kept.version, kept.first, kept.who, kept.why,
    )  # fmt: skip


def put_back(
    use_case: UseCase, version: int, first: dt.date, who: str, why: str, run_id: str, blocks_live: bool
) -> Decision:
    """Roll back, and where wanted block the version that is champion until then.

    Raises:
        NightshiftError: if the version never was champion, does not exist, is not complete, is blocked or cannot score
            what is declared now; then nothing was decided.
    """
    made = decisions(use_case)
    reign = coming(reigns_of(made))
    live = reign.version if reign else None
    if blocks_live and live is not None and live != version:
        # All that could refuse the rollback comes before the block. Killed after it, the nights refuse to score
        # until this runs again; the other way round, it would no longer know whom to block.
        refuse_unfit(use_case, made, version)
        block(use_case, live, who, why, run_id)
        log.info("%s version %d is blocked", use_case.model_name, live)
    return roll_back(use_case, version, first, who, why, run_id)


if __name__ == "__main__":
    end(main())
