"""On which rows is a calibration best fitted? Six origins of the sample year, each tested on the months after.

    python -m benchmarks.calibration_methods --use-case flight_delays --dates 2013-01-01..2013-12-31

The year must have been ingested, as for `benchmarks.full_year`. For each month from May to October that month
validates, all before it trains, and the two months after it test. Trees have fixed parameters. Prints the expected
calibration error and the log-loss on test without a calibration, with each kind fitted on validation alone, and with
each fitted on train days left out in turn and validation (`training.fitting.cross_fit`), which is what trainings do.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import datetime as dt
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from nightshift.dates import BatchDates, Length
from nightshift.declarations.tables import PARTITION
from nightshift.job import Job, run_job
from training.data.dataset import prepare
from training.data.point_in_time_rows import Rows
from training.data.time_split import Periods
from training.fitting.cross_fit import left_out_scores
from training.fitting.fit import binned, fit, raw_scores
from training.fitting.fit_calibration import calibrate
from training.judging.metrics import calibration_error, log_loss
from training.train import read_rows

if TYPE_CHECKING:
    from nightshift.models.calibrated_predictions import Calibration

MONTHS = range(5, 11)
TEST_MONTHS = 2
PARAMETERS: dict[str, Any] = {
    "num_leaves": 16,
    "min_data_in_leaf": 5000,
    "feature_fraction": 0.2,
    "bagging_fraction": 0.6,
    "lambda_l2": 50.0,
    "cat_smooth": 100.0,
}
METHODS = ("platt", "isotonic", "auto")
ErrorsByMethod = dict[str, tuple[float, float]]


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("benchmark", __doc__ or "", body, None, argv, recorded=False)


def body(job: Job, _: argparse.Namespace) -> None:
    """Measure each origin, and print the means of all."""
    rows, _skew = read_rows(job)
    every: list[ErrorsByMethod] = []
    for month in MONTHS:
        found = _origin(job, rows, month)
        every.append(found)
        print(f"validation {month:>2}: " + ", ".join(f"{name} {error:.3f}" for name, (error, _) in found.items()))
        sys.stdout.flush()
    print(f"\n{'fitted on':<34}{'calibration error':>18}{'log-loss':>10}   mean of {len(every)} origins")
    for name in every[0]:
        error, loss = np.mean([found[name] for found in every], axis=0)
        print(f"{name:<34}{error:>18.4f}{loss:>10.4f}")


def _origin(job: Job, rows: Rows, month: int) -> ErrorsByMethod:
    """Error and loss on test of each way to calibrate, with one month of validation."""
    first, validation, test = job.dates.first, dt.date(2013, month, 1), dt.date(2013, month + 1, 1)
    after = month + 1 + TEST_MONTHS
    last = dt.date(2013 + after // 13, (after - 1) % 12 + 1, 1) - dt.timedelta(days=1)
    within = (pc.field(PARTITION) >= first) & (pc.field(PARTITION) <= last)
    part = Rows(rows.table.filter(within), rows.versions, rows.share, rows.coverage)
    periods = Periods.at_end(BatchDates(first, last), Length((test - validation).days), Length((last - test).days + 1))
    dataset = prepare(part, job.use_case, job.catalog["gold.features"], periods)
    parts = binned(dataset, job.use_case)
    booster = fit(parts, PARAMETERS)
    tuned, tested = (raw_scores(booster, each.matrix) for each in (dataset.validation, dataset.test))
    left_out, there = left_out_scores(parts, dataset.train, PARAMETERS, booster.num_trees())
    train, seed = dataset.train, job.use_case.training.seed
    samples = {
        "validation alone": (dataset.validation.labels, tuned, dataset.validation.days),
        "train left out and validation": (
            np.append(train.labels[there], dataset.validation.labels),
            np.append(left_out[there], tuned),
            np.append(train.days[there], dataset.validation.days),
        ),
    }
    maps: dict[str, Calibration] = {"nothing": calibrate("none", *_weighted(*samples["validation alone"]), seed)}
    for name, sample in samples.items():
        maps |= {f"{name}, {kind}": calibrate(kind, *_weighted(*sample), seed) for kind in METHODS}  # type: ignore[arg-type]
    labels = dataset.test.labels
    return {
        name: (calibration_error(labels, each.apply(tested)), log_loss(labels, each.apply(tested)))
        for name, each in maps.items()
    }


def _weighted(labels: Any, raw: Any, days: Any) -> tuple[Any, Any, Any, Any]:
    return labels, raw, np.ones(len(labels)), days


if __name__ == "__main__":
    sys.exit(main())
