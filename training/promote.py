r"""Make a registered version champion, or keep that it was declined.

    python -m training.promote --use-case <use case> --dates 2013-01-01..2013-09-30 --version 2 \
        --who maria --why "better on every slice"

The dates are those of its training: it reigns from after them on, and from after what is scored already, unless
`--from` says otherwise. Who decided, when and why stand in the ledger; the alias in MLflow follows.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import datetime as dt
import logging
from functools import partial

from nightshift.dates import parse_date
from nightshift.errors import UsageError
from nightshift.job import Job, end, run_job
from nightshift.job_result import NOTHING_DONE, hand_over
from nightshift.models import champions
from nightshift.models.champions.approvers import refuse_unasked
from nightshift.models.champions.decisions_without_effect import NothingDecidedError
from nightshift.person import person

log = logging.getLogger("nightshift")

PROMOTE, DECLINE = "promote", "decline"


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("promote", __doc__ or "", body, add_arguments, argv, recorded=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is particular to this job."""
    parser.add_argument("--version", type=int, required=True, help="in the registry, like 3")
    parser.add_argument("--from", dest="first", help="first batch date that it is champion of")
    parser.add_argument("--who", required=True, help="the person who decided, or `auto`")
    parser.add_argument(
        "--who-id", default="", help="where it is not --who: what training.approval.by calls the person"
    )
    parser.add_argument("--why", required=True, help="in words, for whoever asks in a year")
    parser.add_argument("--at", help="moment of the decision, ISO 8601 with a zone; unset: now")
    parser.add_argument("--action", choices=(PROMOTE, DECLINE), default=PROMOTE)


def body(job: Job, arguments: argparse.Namespace) -> None:
    """Decide, and say what holds from now on, or why nothing was changed.

    Raises:
        NightshiftError: if the version waits for a person and another one decided, and as :func:`champions.promote`
            and :func:`champions.decline`.
    """
    try:
        _decide(job, arguments)
    except NothingDecidedError as error:
        log.warning("%s", error)
        hand_over({NOTHING_DONE: str(error)})


def _decide(job: Job, arguments: argparse.Namespace) -> None:
    use_case, version = job.use_case, arguments.version
    at = _moment(arguments.at) if arguments.at else None
    who, why = person(arguments.who, arguments.why)
    if arguments.action == DECLINE:
        kept = champions.decline(use_case, version, who, why, job.run_id, at)
        log.info("%s version %d was declined by %s: %s", use_case.model_name, version, kept.who, kept.why)
        return
    refuse_unasked(use_case, version, who, arguments.who_id)
    unsaid = partial(champions.default_first, job.catalog, job.dates.last)
    first = parse_date(arguments.first) if arguments.first else unsaid
    kept = champions.promote(use_case, version, first, who, why, job.run_id, at)
    log.info(
        "%s version %d: champion from %s on, decided by %s: %s",
        use_case.model_name, kept.version, kept.first, kept.who, kept.why,
    )  # fmt: skip


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--at {text!r} is not a moment in ISO 8601, like 2013-10-01T09:30:00+00:00") from None
    if moment.tzinfo is None:
        raise UsageError(f"--at {text!r} has no time zone: add one, like +00:00")
    return moment


if __name__ == "__main__":
    end(main())
