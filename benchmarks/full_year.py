"""How good a model of a whole year is: January to August train, September tunes, October to December test.

    python -m benchmarks.full_year --use-case flight_delays --dates 2013-01-01..2013-12-31

The year must have been ingested (`nightshift deliver-sample`, then `land`, `refine` and `build --layer features`
over the whole range). Nothing is registered; search, fit and evaluation are the ones of `training.train`.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time

from nightshift.job import Job, run_job
from training.dataset import prepare
from training.evaluate import evaluate
from training.split import Periods
from training.train import develop, read_rows, say_what_was_read

log = logging.getLogger("nightshift")

VALIDATION_DAYS, TEST_DAYS = 30, 92
SHOWN = ("auc", "average_precision", "log_loss", "brier", "calibration_error")


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("benchmark", __doc__ or "", body, add_arguments, argv, recorded=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is particular to the benchmark."""
    parser.add_argument("--trials", type=int, help="default: `training` in use_case.yaml")


def body(job: Job, arguments: argparse.Namespace) -> None:
    """Read, search, fit and evaluate, and print the measures beside those of the constant rate."""
    training = job.use_case.training
    periods = Periods.at_end(job.dates, VALIDATION_DAYS, TEST_DAYS)
    dataset = prepare(read_rows(job).table, job.catalog["gold.features"], periods)
    say_what_was_read(dataset, periods)
    started = time.monotonic()
    winner, booster = develop(dataset, arguments.trials or training.trials, training.seed, "full_year")
    metrics = evaluate(booster, dataset, training.costs, training.seed).metrics
    log.info("search of %d trials, fit and evaluation took %.1f s", winner.trials, time.monotonic() - started)
    print(f"{'test ' + str(periods.test):<32}{'model':>12}{'constant':>12}")
    for name in SHOWN:
        print(f"{name:<32}{metrics[name]:>12.5f}{metrics['constant_' + name]:>12.5f}")
    print(f"AUC between {metrics['auc_lower']:.4f} and {metrics['auc_upper']:.4f} (99 %, days drawn anew)")


if __name__ == "__main__":
    sys.exit(main())
