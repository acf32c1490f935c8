"""Train a model, judge it, and make it champion if it deserves it.

    python -m training.train --use-case flight_delays --dates 2013-01-01..2013-09-30

The range is split by time: its last days are the test period, those before validate, the rest trains. A model
that a gate refuses is kept as an MLflow run, is not registered, and leaves the champion as it was.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightshift import registry
from nightshift.database import database_url
from nightshift.dates import BatchDates
from nightshift.encoding import check_types
from nightshift.errors import NightshiftError
from nightshift.job import Job, end, run_job
from nightshift.ledger import code_version
from nightshift.session import session
from nightshift.use_case import UseCase
from training.dataset import Dataset, Rows, prepare, read
from training.evaluate import Evaluation, evaluate
from training.fit import binned, fit, probabilities_of
from training.gates import Verdict, as_table, judge
from training.register import log_model, log_report, log_training, promote, tracked_run
from training.search import Winner, search
from training.split import Periods

if TYPE_CHECKING:
    import lightgbm as lgb
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger("nightshift")


@dataclass(frozen=True)
class Challenger:
    """A model that was made and judged.

    Attributes:
        study: Optuna study that chose its parameters.
        parameters: those, and what else makes the model what it is.
        booster: the model.
        evaluation: on the test period.
        verdicts: of all gates.
    """

    study: str
    parameters: dict[str, Any]
    booster: lgb.Booster
    evaluation: Evaluation
    verdicts: list[Verdict]

    @property
    def refused(self) -> list[Verdict]:
        """The gates that it failed; none for a model that may become champion."""
        return [verdict for verdict in self.verdicts if not verdict.passed]


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("train", __doc__ or "", body, add_arguments, argv, recorded=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is particular to training; unset, the use case's own values hold."""
    for option in ("validation-days", "test-days", "trials"):
        parser.add_argument(f"--{option}", type=_positive, help="default: `training` in use_case.yaml")


def body(job: Job, arguments: argparse.Namespace) -> None:
    """Read the data set in Spark, then train on it."""
    training = job.use_case.training
    periods = Periods.at_end(
        job.dates, arguments.validation_days or training.validation_days, arguments.test_days or training.test_days
    )
    check_types(job.catalog["gold.features"])
    with ThreadPoolExecutor(1) as background:
        preloading = background.submit(_preload)
        rows = read_rows(job)
        preloading.result()
    train_on(job, rows, periods, arguments.trials or training.trials)


def train_on(job: Job, rows: Rows, periods: Periods, trials: int) -> None:
    """Search, fit, evaluate, judge; promote, or say why not.

    Raises:
        NightshiftError: if the data cannot train a model, or the model is refused and there is no champion.
    """
    dataset = prepare(rows.table, job.catalog["gold.features"], periods)
    say_what_was_read(dataset, periods)
    with tracked_run(job) as run_id:
        champion = registry.champion(job.use_case)
        challenger = challenge(job.use_case, dataset, champion, trials, study=f"{job.use_case.name}/{run_id}")
        log.info("gates on the test period %s\n%s", periods.test, as_table(challenger.verdicts))
        provenance = _provenance(challenger, rows, dataset, periods)
        log_training(challenger.parameters, challenger.evaluation.metrics, provenance)
        log_report(challenger.booster, dataset, challenger.evaluation, challenger.verdicts)
        model = log_model(challenger.booster, dataset)
        if not challenger.refused:
            version = promote(job, model, challenger.evaluation, provenance)
            log.info("%s version %d is champion now; MLflow run %s", job.use_case.model_name, version, run_id)
    if challenger.refused:
        _say_refused(job, challenger.refused, champion, run_id)


def challenge(
    use_case: UseCase, dataset: Dataset, champion: registry.RegisteredModel | None, trials: int, study: str
) -> Challenger:
    """Make a model and judge it beside the champion, on the same rows of the test period."""
    training = use_case.training
    winner, booster = develop(dataset, trials, training.seed, study, database_url("optuna"))
    rival = None if champion is None else _probabilities(champion, dataset)
    evaluation = evaluate(booster, dataset, training.costs, training.seed, rival)
    verdicts = judge(evaluation.metrics, champion_exists=champion is not None)
    parameters = {**winner.parameters, "rounds": winner.rounds, "trials": winner.trials, "seed": training.seed}
    return Challenger(winner.study, parameters, booster, evaluation, verdicts)


def read_rows(job: Job, dates: BatchDates | None = None) -> Rows:
    """Read the data set in Spark, and end Spark: the search needs its cores and memory."""
    spark = session(f"train {job.use_case.name} {job.dates}")
    try:
        return read(spark, job.catalog, dates or job.dates)
    finally:
        spark.stop()


def develop(
    dataset: Dataset, trials: int, seed: int, study: str, storage: str | None = None
) -> tuple[Winner, lgb.Booster]:
    """Search, and fit once with the winner."""
    parts = binned(dataset, seed)
    winner = search(parts, trials=trials, seed=seed, study=study, storage=storage)
    log.info("best: log-loss %.5f after %d rounds with %s", winner.log_loss, winner.rounds, winner.parameters)
    return winner, fit(parts, winner.parameters, seed)


def say_what_was_read(dataset: Dataset, periods: Periods) -> None:
    """One line per period, and how many labels have not matured."""
    for name, period in periods.items():
        part = getattr(dataset, name)
        log.info("%s %s: %d rows, rate %.4f", name, period, len(part), part.rate)
    if dataset.unmatured:
        last = max(dataset.unmatured)
        log.warning(
            "%d rows on %d batch dates up to %s have no matured label and are left out",
            sum(dataset.unmatured.values()), len(dataset.unmatured), last,
        )  # fmt: skip


def _preload() -> None:
    """Heavy imports and the first database connection, while Spark starts and reads in another process."""
    import lightgbm  # noqa: F401
    import optuna  # noqa: F401

    registry.client()
    import mlflow.lightgbm  # noqa: F401


def _probabilities(champion: registry.RegisteredModel, dataset: Dataset) -> NDArray[np.float64] | None:
    """The champion's scores of the very rows that the challenger is tested on; None where it cannot give them."""
    import lightgbm as lgb

    missing = [name for name in champion.encoding.features if name not in dataset.test_rows.column_names]
    if missing:
        log.warning(
            "champion version %d cannot be compared, the feature table no longer has: %s",
            champion.version, ", ".join(missing),
        )  # fmt: skip
        return None
    return probabilities_of(lgb.Booster(model_str=champion.booster), champion.encoding.matrix(dataset.test_rows))


def _provenance(challenger: Challenger, rows: Rows, dataset: Dataset, periods: Periods) -> dict[str, str]:
    """What a run, and a version, must name so that a person can tell where it came from."""
    return {
        **{f"period.{name}": str(period) for name, period in periods.items()},
        **{f"delta_version.{label}": str(version) for label, version in rows.versions.items()},
        **{f"rows.{name}": str(len(getattr(dataset, name))) for name, _ in periods.items()},
        "rows.unmatured": str(sum(dataset.unmatured.values())),
        "sampled_share": repr(rows.share),
        "optuna_study": challenger.study,
        "gates": "refused" if challenger.refused else "passed",
        "code_version": code_version(),
    }


def _say_refused(job: Job, refused: Sequence[Verdict], champion: registry.RegisteredModel | None, run_id: str) -> None:
    """A refused challenger is a normal outcome; that nothing can score tonight is not.

    Raises:
        NightshiftError: if there is no champion.
    """
    reasons = "\n".join(
        f"  {verdict.name}: {verdict.value if verdict.value is not None else 'not computed'}, "
        f"must be {verdict.limit}. {verdict.meaning}"
        for verdict in refused
    )
    if champion is not None:
        log.warning("not promoted, version %d stays champion; MLflow run %s\n%s", champion.version, run_id, reasons)
        return
    raise NightshiftError(
        f"the model of {job.use_case.model_name} was refused by its gates, and there is NO CHAMPION: nothing can be "
        f"scored until a model passes\n{reasons}\n"
        f"  next: read the report of MLflow run {run_id}; give more batch dates (--dates), or mend the features"
    )


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


if __name__ == "__main__":
    end(main())
