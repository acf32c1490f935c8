"""Train a model, judge it, and register it if it deserves it.

    python -m training.train --use-case <use case> --dates 2013-01-01..2013-09-30

The range is split by time: its last days are the test period, those before validate, the rest trains. A model
that a gate refuses is kept as an MLflow run, is not registered, and leaves the champion as it was. One that passes is
registered; it becomes champion at once where `training.approval` says `auto`, else when a person approves.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from nightshift.dates import BatchDates
from nightshift.declarations.label_deliveries import labels_due
from nightshift.declarations.score_names import FEATURE_TABLE
from nightshift.declarations.training_section import Training
from nightshift.errors import UsageError
from nightshift.home.postgres_server import database_url
from nightshift.home.settings import Settings
from nightshift.job import Job, end, run_job
from nightshift.ledger import label_maturity
from nightshift.ledger.label_maturity import LabelMaturity
from nightshift.ledger.run_environment import described
from nightshift.models import champions, resolve_version
from nightshift.models.champions.approvers import APPROVAL_TAG, AUTO, PERSON, SUSPECTS_TAG, Who, suspects_tag
from nightshift.models.champions.compared_before import COMPARED_TAG, NO_CHAMPION, NeverComparedError
from nightshift.models.champions.mlflow_mirror import AWAITING_APPROVAL, CANDIDATE
from nightshift.models.mlflow_connection import client
from nightshift.models.reasons_dictionary import wordings
from nightshift.spark_session import session
from training.challenger import Budget, Challenger, challenge
from training.data.dataset import Dataset, Rows, prepare
from training.data.declaration_checks import check_declarations
from training.data.point_in_time_rows import read
from training.data.time_split import Periods
from training.judging.comparable_days import BY_NOTHING, FLATTERED_TAG
from training.judging.gates import as_table
from training.judging.interval_basis import IntervalBasis
from training.judging.metrics import GroupedJackknife
from training.judging.skew import Skew, compare
from training.pinned_declarations import Pinned
from training.register import (
    decided_by,
    leave_unfinished,
    log_files,
    log_model,
    log_training,
    register,
    tracked_run,
)
from training.report import write_report
from training.tell_training_outcome import say_what_follows, tell
from training.training_outcome import Outcome, registered_before

log = logging.getLogger("nightshift")


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("train", __doc__ or "", body, add_arguments, argv, recorded=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is particular to training; unset, the use case's own values hold."""
    for option in ("validation-days", "test-days", "trials", "search-seconds"):
        parser.add_argument(f"--{option}", type=_positive, help="default: `training` in use_case.yaml")


def body(job: Job, arguments: argparse.Namespace) -> None:
    """Read the data set in Spark, then train on it."""
    started = time.monotonic()
    training = job.use_case.training
    periods = Periods.of(job.use_case, job.dates, arguments.validation_days, arguments.test_days)
    # Whatever is declared wrong is said before anything is started.
    pinned = Pinned.of(job.use_case)
    check_declarations(job.catalog)
    wordings(job.use_case, job.catalog[FEATURE_TABLE])
    with ThreadPoolExecutor(1) as background:
        preloading = background.submit(_preload, job.home)
        rows, skew = read_rows(job)
        record_maturity(job, rows)
        preloading.result()
    trials, seconds = arguments.trials or training.trials, arguments.search_seconds or training.search_seconds
    train_on(job, pinned, rows, periods, trials, skew, seconds, started)


def train_on(
    job: Job,
    pinned: Pinned,
    rows: Rows,
    periods: Periods,
    trials: int,
    skew: Skew | None = None,
    seconds: float | None = None,
    started: float | None = None,
) -> None:
    """Search, fit, evaluate, judge; register and, where no person is asked, promote; or say why not.

    What a resumed run had registered before it was killed is taken as it is.

    Raises:
        NightshiftError: if the data cannot train a model, MLflow does not answer, the model is refused and there is
            no champion, or another one became champion meanwhile and no person is asked.
    """
    use_case = job.use_case
    dataset = prepare(rows, use_case, job.catalog[FEATURE_TABLE], periods)
    say_what_was_read(dataset, periods)
    refuse_few_units(dataset, use_case.training)
    made_of = pinned.tags(job, dataset.digest(), periods, trials)
    with tracked_run(job, made_of) as run_id:
        outcome = registered_before(use_case, run_id)
        if outcome is None:
            budget = Budget(
                trials,
                seconds or use_case.training.search_seconds,
                f"{use_case.name}/{run_id}",
                database_url(job.home, "optuna"),
                time.monotonic() if started is None else started,
            )
            outcome = _made_and_judged(job, pinned, rows, dataset, periods, made_of, budget, skew)
        # Within the run: killed before this is decided, it is resumed.
        if outcome.version is not None and outcome.approval == AUTO:
            _promote(job, outcome.version, run_id)
    asks = outcome.version is not None and outcome.approval == PERSON
    tell(use_case, run_id, outcome, champions.default_first(job.catalog, job.dates.last) if asks else None)
    say_what_follows(use_case, run_id, outcome)


def _made_and_judged(
    job: Job,
    pinned: Pinned,
    rows: Rows,
    dataset: Dataset,
    periods: Periods,
    made_of: Mapping[str, str],
    budget: Budget,
    skew: Skew | None,
) -> Outcome:
    """Makes a model, logs it in the current MLflow run, and registers it unless a gate refuses it."""
    use_case = job.use_case
    champion = resolve_version.champion(use_case)
    challenger = challenge(use_case, dataset, pinned.gates, budget, champion, skew)
    log.info("gates on the test period %s\n%s", periods.test, as_table(challenger.verdicts))
    compared = NO_CHAMPION if champion is None else str(champion.version)
    # Whatever is declared: a feature that may know the outcome is looked at by a person.
    approval: Who = PERSON if challenger.suspects else champions.approval_of(use_case)
    found = _provenance(challenger, rows, dataset, periods)
    provenance = {**made_of, COMPARED_TAG: compared, APPROVAL_TAG: approval, **found}
    log_training(job.home, _parameters(job, challenger), challenger.numbers, provenance)
    logged = log_model(challenger.model, dataset)
    with write_report(job, challenger, dataset, periods, provenance, champion, skew, pinned.files) as folder:
        log_files(str(folder))
    version = None
    if not challenger.refused:
        status = CANDIDATE if approval == AUTO else AWAITING_APPROVAL
        version = register(job, logged, {**provenance, "status": status})
    return Outcome(
        *(version, approval, challenger.numbers, challenger.verdicts, compared, challenger.flattered),
        suspects=tuple(challenger.suspects),
        intervals=challenger.evaluation.basis.words,
    )


def read_rows(job: Job, dates: BatchDates | None = None) -> tuple[Rows, Skew]:
    """Read the data set in Spark, check it against what was scored, and end Spark: the search needs its cores."""
    dates = dates or job.dates
    features = job.catalog[FEATURE_TABLE]
    spark = session(f"train {job.use_case.name} {dates}", job.home, job.use_case.spark)
    try:
        rows = read(spark, job.catalog, dates)
        return rows, compare(spark, job.catalog, dates, rows.versions[features.label])
    finally:
        spark.stop()


def record_maturity(job: Job, rows: Rows) -> None:
    """Keep in the ledger how many labels of each batch date had come."""
    use_case = job.use_case
    version = rows.versions[job.catalog[f"silver.{use_case.target.table}"].label]
    label_maturity.record(
        LabelMaturity(
            use_case.name,
            date,
            labels_due=labels_due(use_case, date),
            rows=count,
            known=rows.came[date],
            matured=matured,
            label_table_version=version,
            run_id=job.run_id,
        )
        for date, (count, matured) in rows.coverage.items()
    )


def say_what_was_read(dataset: Dataset, periods: Periods) -> None:
    """One line per period, and how many labels have not matured."""
    for name, period in periods.items():
        part = getattr(dataset, name)
        log.info("%s %s: %d rows, mean label %.4f", name, period, len(part), part.rate)
    lacking = {date: rows - matured for date, (rows, matured) in dataset.coverage.items() if matured < rows}
    if lacking:
        log.warning(
            "%d rows on %d batch dates up to %s have no matured label and are left out",
            sum(lacking.values()), len(lacking), max(lacking),
        )  # fmt: skip


def refuse_few_units(dataset: Dataset, training: Training) -> None:
    """Spend no minutes on a model that nobody could judge, as when the newest labels have not come yet.

    Raises:
        NightshiftError: if too few batch dates or independent units of the test period have rows with a label.
    """
    test = dataset.test
    basis = IntervalBasis.of(training, test, GroupedJackknife(test.days, test.weights, test.units))
    if not basis.is_known:
        raise UsageError(f"test period {dataset.periods.test}: {basis.lacking}; or let the range end earlier")


def _preload(home: Settings) -> None:
    """Heavy imports and the first database connection, while Spark starts and reads in another process."""
    import lightgbm  # noqa: F401
    import optuna  # noqa: F401

    client(home)
    import mlflow.lightgbm  # noqa: F401


def _parameters(job: Job, challenger: Challenger) -> dict[str, object]:
    """What was chosen, and what else makes the model what it is."""
    winner, model = challenger.winner, challenger.model
    chosen = {
        "rounds": winner.rounds,
        "trials": winner.trials,
        "pruned_trials": winner.pruned,
        "seed": job.use_case.training.seed,
        "task": model.task,
        "calibration": model.calibration.kind,
    }
    return {**winner.parameters, **chosen}


def _provenance(
    challenger: Challenger,
    rows: Rows,
    dataset: Dataset,
    periods: Periods,
) -> dict[str, str]:
    """What a run, and a version, must name so that a person can tell where it came from."""
    matured = sum(count for _, count in dataset.coverage.values())
    return {
        **{f"delta_version.{label}": str(version) for label, version in rows.versions.items()},
        **{f"rows.{name}": str(len(getattr(dataset, name))) for name, _ in periods.items()},
        "rows.unmatured": str(sum(count for count, _ in dataset.coverage.values()) - matured),
        "sampled_share": repr(rows.share),
        "optuna_study": challenger.winner.study,
        "gates": "refused" if challenger.refused else "passed",
        FLATTERED_TAG: challenger.flattered or BY_NOTHING,
        SUSPECTS_TAG: suspects_tag([each.feature for each in challenger.suspects]),
        **{f"environment.{name}": value for name, value in described().items()},
    }


def _promote(job: Job, version: int, run_id: str) -> None:
    """Where no person is asked, the decision is made here, under the name of the rule that makes it.

    Raises:
        NightshiftError: as :func:`champions.promote`.
    """
    first = partial(champions.default_first, job.catalog, job.dates.last)
    why = "training.approval in use_case.yaml: auto"
    try:
        kept = champions.promote(job.use_case, version, first, AUTO, why, decided_by(job, run_id))
    except NeverComparedError:
        # Resumed, it would come here again, with the same version.
        leave_unfinished(job.home, run_id)
        raise
    log.info("%s version %d is champion from %s on", job.use_case.model_name, version, kept.first)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


if __name__ == "__main__":
    end(main())
