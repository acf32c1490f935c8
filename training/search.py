"""The search for parameters: Optuna's TPE, seeded and bounded, pruned by LightGBM's rounds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.fit import METRIC, Parts, grow

if TYPE_CHECKING:
    import optuna
    from lightgbm.callback import CallbackEnv

log = logging.getLogger("nightshift")

# Each report is a commit in the study's database.
REPORT_EVERY = 10
# The trial that every study begins with: strong regularisation, because rows of one day share their day.
FIRST_TRIAL: dict[str, Any] = {
    "num_leaves": 12,
    "leaf_share": 0.02,
    "feature_fraction": 0.2,
    "bagging_fraction": 0.6,
    "lambda_l2": 10.0,
    "cat_smooth": 100.0,
}


@dataclass(frozen=True)
class Winner:
    """The best trial.

    Attributes:
        parameters: for LightGBM.
        log_loss: on validation.
        rounds: trees grown when validation was best.
        study: name of the Optuna study.
        trials: how many were finished or pruned.
    """

    parameters: dict[str, Any]
    log_loss: float
    rounds: int
    study: str
    trials: int


def search(parts: Parts, *, trials: int, seed: int, study: str, storage: str | None = None) -> Winner:
    """Try ``trials`` sets of parameters and take the one with the least log-loss on validation.

    The trials are kept under the name ``study`` in ``storage``, the SQLAlchemy URL of Optuna's database; None
    keeps them in memory.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made = optuna.create_study(
        study_name=study,
        storage=storage,
        direction="minimize",
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=5),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=50, interval_steps=REPORT_EVERY),
    )
    made.enqueue_trial(FIRST_TRIAL)
    made.optimize(_objective(parts, seed), n_trials=trials, callbacks=[_Progress(trials)])
    best = made.best_trial
    return Winner(best.user_attrs["parameters"], float(best.value or 0.0), best.user_attrs["rounds"], study, trials)


def suggest(trial: optuna.Trial, rows: int) -> dict[str, Any]:
    """One point of the search space, as LightGBM's parameters; the smallest leaf is a share of ``rows``."""
    leaf_share = trial.suggest_float("leaf_share", 0.003, 0.06, log=True)
    return {
        "num_leaves": trial.suggest_int("num_leaves", 4, 24, log=True),
        "min_data_in_leaf": max(int(rows * leaf_share), 5),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.1, 0.6),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
        "lambda_l2": trial.suggest_float("lambda_l2", 1.0, 100.0, log=True),
        "cat_smooth": trial.suggest_float("cat_smooth", 10.0, 300.0, log=True),
    }


def _objective(parts: Parts, seed: int) -> Callable[[optuna.Trial], float]:
    def objective(trial: optuna.Trial) -> float:
        parameters = suggest(trial, parts.train.num_data())
        booster = grow(parts, parameters, seed, callbacks=[_Prune(trial)])
        trial.set_user_attr("parameters", parameters)
        trial.set_user_attr("rounds", booster.best_iteration)
        return float(booster.best_score["validation"][METRIC])

    return objective


class _Prune:
    """Tells Optuna how a trial goes, and ends it where the median of the others was better."""

    # After early stopping, whose exception must win.
    order = 40

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial

    def __call__(self, environment: CallbackEnv) -> None:
        import optuna

        if environment.iteration % REPORT_EVERY:
            return
        self.trial.report(environment.evaluation_result_list[0][2], environment.iteration)
        if self.trial.should_prune():
            raise optuna.TrialPruned


class _Progress:
    """One line in the log per trial."""

    def __init__(self, trials: int) -> None:
        self.trials = trials
        self.started = time.monotonic()

    def __call__(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        rounds = trial.user_attrs.get("rounds")
        outcome = "pruned" if rounds is None else f"log-loss {trial.value:.5f}, {rounds} rounds"
        log.info(
            "trial %d of %d: %s; best %.5f; %.0f s", trial.number + 1, self.trials, outcome, study.best_value,
            time.monotonic() - self.started,
        )  # fmt: skip
