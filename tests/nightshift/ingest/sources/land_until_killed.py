"""Lands a batch date of a use case, in a process that is killed as soon as its first extract is written."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import signal
import sys

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.ingest import archive
from nightshift.job import Job
from spark_jobs.land import land


def killed(*_: object) -> None:
    """End as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    archive.keep = killed  # type: ignore[assignment]
    use_case = UseCase.load(sys.argv[1], get_settings())
    dates = BatchDates.of(dt.date.fromisoformat(sys.argv[2]))
    land(Job("land", use_case, Catalog(use_case), dates, run_id="killed"), argparse.Namespace())
