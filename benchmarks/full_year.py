"""How good a model of a whole year is: January to August train, September tunes, October to December test.

    python -m benchmarks.full_year --use-case flight_delays --dates 2013-01-01..2013-12-31 [--groups]

The year must have been ingested (`nightshift deliver-sample`, then `land`, `refine` and `features`
over the whole range). Nothing is registered; search, fit, calibration and evaluation are the ones of `training.train`.
With ``--groups`` the model is also made without each group of features, and with that group alone: what each one adds.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import logging
import sys
import time
from collections.abc import Iterable

from nightshift.dates import Length
from nightshift.declarations.tables import Table
from nightshift.job import Job, run_job
from training.challenger import Budget, Challenger, challenge
from training.data.dataset import prepare
from training.data.point_in_time_rows import Rows
from training.data.time_split import Periods
from training.judging.gates import as_table, load_gates
from training.train import read_rows, say_what_was_read

log = logging.getLogger("nightshift")

VALIDATION_DAYS, TEST_DAYS = 30, 92
TRIALS = 40
SHOWN_MEASURES = ("auc", "average_precision", "log_loss", "brier", "calibration_error")


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("benchmark", __doc__ or "", body, add_arguments, argv, recorded=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is particular to the benchmark."""
    parser.add_argument("--trials", type=int, default=TRIALS, help="of the search")
    parser.add_argument("--groups", action="store_true", help="also without each group of features, and with it alone")


def body(job: Job, arguments: argparse.Namespace) -> None:
    """Read, search, fit, calibrate and evaluate, and print the measures beside those of the constant rate."""
    periods = Periods.at_end(job.dates, Length(VALIDATION_DAYS), Length(TEST_DAYS))
    rows, _ = read_rows(job)
    features = job.catalog["gold.features"]
    started = time.monotonic()
    whole = _challenge(job, rows, features, periods, arguments.trials, say=True)
    log.info("search of %d trials, fit and evaluation took %.1f s", whole.winner.trials, time.monotonic() - started)
    print(as_table(whole.verdicts))
    metrics = whole.numbers
    print(f"{'test ' + str(periods.test):<32}{'model':>12}{'constant':>12}")
    for name in SHOWN_MEASURES:
        print(f"{name:<32}{metrics[name]:>12.5f}{metrics['constant_' + name]:>12.5f}")
    print(f"AUC between {metrics['auc_lower']:.4f} and {metrics['auc_upper']:.4f} (99 %)")
    if arguments.groups:
        _groups(job, rows, features, periods, whole)


def _groups(job: Job, rows: Rows, features: Table, periods: Periods, whole: Challenger) -> None:
    """What a model loses without a group, and what it has of the group alone; parameters are searched once."""
    print(f"\n{'group of features':<20}{'features':>9}{'AUC alone':>11}{'AUC without':>13}{'log-loss without':>18}")
    print(f"{'all':<20}{len(features.features):>9}{whole.numbers['auc']:>11.4f}{'':>13}{whole.numbers['loss']:>18.5f}")
    for group in dict.fromkeys(column.group for column in features.features):
        named = {column.name for column in features.features if column.group == group}
        others = {column.name for column in features.features} - named
        alone, without = (
            _challenge(job, rows, _only(features, kept), periods, trials=5).numbers for kept in (named, others)
        )
        print(
            f"{group or 'none':<20}{len(named):>9}{alone['auc']:>11.4f}{without['auc']:>13.4f}{without['loss']:>18.5f}",
            flush=True,
        )


def _challenge(job: Job, rows: Rows, features: Table, periods: Periods, trials: int, say: bool = False) -> Challenger:
    dataset = prepare(rows, job.use_case, features, periods)
    if say:
        say_what_was_read(dataset, periods)
    budget = Budget(trials, job.use_case.training.search_seconds, f"{job.use_case.name}/benchmark")
    return challenge(job.use_case, dataset, load_gates(job.use_case), budget)


def _only(features: Table, names: Iterable[str]) -> Table:
    """The feature table as if only some of its features were any."""
    kept = set(names)
    columns = tuple(
        column.model_copy(update={"role": None}) if column.role == "feature" and column.name not in kept else column
        for column in features.columns
    )
    return features.model_copy(update={"columns": columns})


if __name__ == "__main__":
    sys.exit(main())
