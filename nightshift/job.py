"""The frame of every job: parse the arguments, set up logging, report errors as people read them."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import NoReturn

from nightshift import terminal
from nightshift.dates import ALLOWED, BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError, UsageError
from nightshift.home.home_folder import named_user, refuse_transfer
from nightshift.home.outside_errors import explaining
from nightshift.home.settings import Settings, get_settings
from nightshift.job_result import hand_over_failure

log = logging.getLogger("nightshift")

EXIT_STATUSES = "Exit status: 0 done; 1 a bug; 2 wrong usage; 65 a person must act; 75 try again later."
_RUN_ID = re.compile(r"[A-Za-z0-9_.:+~-]{1,250}")


@dataclass(frozen=True)
class Job:
    """One run of one stage over a range of batch dates.

    Attributes:
        began: number that orders jobs by their beginning, where the ledger has an entry for the stage as a whole.
    """

    stage: str
    use_case: UseCase
    catalog: Catalog
    dates: BatchDates
    run_id: str
    began: int | None = None

    @property
    def home(self) -> Settings:
        """Where things are for it."""
        return self.use_case.home

    @property
    def entry(self) -> dict[str, str | int | None]:
        """What the ledger's entries of this job share."""
        return {"use_case": self.use_case.name, "stage": self.stage, "run_id": self.run_id, "began": self.began}


def run_job(
    stage: str,
    description: str,
    body: Callable[[Job, argparse.Namespace], None],
    add_arguments: Callable[[argparse.ArgumentParser], None] | None = None,
    argv: Sequence[str] | None = None,
    recorded: bool = True,
) -> int:
    """Parse the command line and run ``body``.

    Args:
        stage: name of the stage in logs and ledger.
        description: first lines of ``--help``.
        add_arguments: adds what is particular to this job.
        recorded: whether the ledger gets an entry per batch date for the stage as a whole, so that it also knows of
            runs that end before any table is published.

    Returns:
        The exit status: 0, or that of the `NightshiftError` which ended it, 65 or 75; its message then goes to whoever
        started the job, or is the last thing in the log. Any other exception is a bug and propagates.
    """
    arguments = _parser(stage, description, add_arguments).parse_args(argv)

    def work() -> None:
        from nightshift.ledger.landed_calendar import refuse_other_calendar

        started = time.monotonic()
        use_case = UseCase.load(arguments.use_case, get_settings())
        refuse_other_calendar(use_case)
        job = Job(
            stage=stage,
            use_case=use_case,
            catalog=Catalog(use_case),
            dates=use_case.batch_dates(arguments.dates),
            run_id=_run_id(arguments.run_id),
        )
        log.info("%s %s %s, run %s", stage, use_case.name, job.dates, job.run_id)
        with _recorded(job) if recorded else nullcontext(job) as begun:
            body(begun, arguments)
        log.info("%s %s %s done in %.1f s", stage, use_case.name, job.dates, time.monotonic() - started)

    return framed(stage, work)


def framed(name: str, work: Callable[[], None]) -> int:
    """The exit status of a program's work, done with logging set up and errors said as people read them.

    Args:
        name: of the program in logs.
        work: raises a `NightshiftError` where it can't be done; any other exception is a bug and propagates.
    """
    said = logging.StreamHandler()
    said.setFormatter(terminal.PlainFormatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[said])
    # Libraries that narrate every call drown the lines that people look for.
    for noisy in ("py4j", "great_expectations", "alembic", "mlflow", "dbt", "urllib3", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    started = time.monotonic()
    try:
        with explaining():
            named_user()
            refuse_transfer(get_settings())
            work()
    except NightshiftError as error:
        log.error("%s failed after %.1f s (%s)", name, time.monotonic() - started, error.kind)
        if not hand_over_failure(error):
            terminal.echo(error, err=True)
        return error.exit_status
    return 0


@contextmanager
def _recorded(job: Job) -> Iterator[Job]:
    from nightshift import ledger
    from nightshift.ledger.attempts import reconcile

    reconcile(lambda _: None, use_case=job.use_case.name, table_name=job.stage)
    with ledger.attempt({**job.entry, "table_name": job.stage}, {date: {} for date in job.dates}) as record:
        yield replace(job, began=record.first_entry)


def end(status: int) -> NoReturn:
    """Leave the process at once, with everything said.

    Taking down Spark's and Great Expectations' objects one by one costs a second or two of every task, and changes
    nothing: what a job did is committed, and the JVM ends when the pipe from this process closes.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _parser(
    stage: str, description: str, add_arguments: Callable[[argparse.ArgumentParser], None] | None
) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description, epilog=EXIT_STATUSES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--use-case", required=True, help="name of a folder below use_cases/")
    parser.add_argument("--dates", required=True, help=f"batch dates; {ALLOWED}")
    parser.add_argument("--run-id", default="manual", help="names this run in the ledger and in commits")
    if add_arguments:
        add_arguments(parser)
    return parser


def _run_id(text: str) -> str:
    if not _RUN_ID.fullmatch(text):
        raise UsageError(f"{text!r} is not a run id: letters, digits and _.:+~- only, at most 250 of them")
    return text
