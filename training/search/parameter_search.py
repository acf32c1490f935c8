"""The search for parameters: Optuna's TPE, bounded by trials and seconds, pruned by LightGBM's rounds."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightshift.declarations.use_case import UseCase
from training.fitting.fit import Parts
from training.search.pruned_trials import Grown, Order, Workers
from training.search.search_space import parameters_at
from training.search.study import BATCH, Study

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

log = logging.getLogger("nightshift")


@dataclass(frozen=True)
class Winner:
    """The best trial.

    Attributes:
        parameters: for LightGBM.
        loss: on validation.
        rounds: trees grown when validation was best.
        study: name of the Optuna study.
        trials: how many were finished or pruned.
        pruned: how many of them were pruned.
        seconds: spent on the study, by all processes that worked on it.
        seconds_before: those of them that others had spent when this process resumed it.
    """

    parameters: dict[str, Any]
    loss: float
    rounds: int
    study: str
    trials: int
    pruned: int
    seconds: float
    seconds_before: float


def search(
    parts: Parts, use_case: UseCase, *, trials: int, seconds: float, study: str, storage: str | None = None
) -> Winner:
    """Try sets of parameters, and take the one with the least loss on validation.

    Trials are suggested in batches (`training.search.study.BATCH`): each sees the outcomes of earlier batches, and of
    its own batch only what is being tried (TPE's constant liar). Suggestions are seeded by the trial's place in the
    study, and outcomes are told in that order. So the same data, plan, seed and number of trials give the same winner,

    - with any number of processes (`training.parallel_trials`; more than a batch's worth have nothing to do),
    - with a storage or in memory,
    - when the search was killed at any point and begun again under the same name, any number of times,
    - when a study of the very same data and plan went before (one of other data adds its best to the first points).

    Only where ``seconds`` end the search before all trials are done, the winner depends on the machine's speed.

    Args:
        parts: the data, and with it the plan (`training`).
        use_case: whose earlier studies (their names begin with its name and `/`) are looked at.
        trials: how many to finish, those of an interrupted search under this name included.
        seconds: no trial begins after this much time, that of an interrupted search included; one trial always does.
        study: name of the study, one for each run.
        storage: SQLAlchemy URL of Optuna's database; None keeps the study in memory.

    Raises:
        NightshiftError: if another process works on the study, or LightGBM refuses the parameters.
    """
    record = Study(parts, use_case, study, storage)
    before = record.seconds
    clock = _Clock(before, seconds, begun=bool(record.finished))
    place = use_case.home.home / "tmp" / "search"
    with Workers(parts, min(use_case.training.parallel_trials, BATCH, trials), place) as workers:
        while (done := len(record.finished)) < trials and clock.allows():
            _batch(record, workers, parts, range(done, min((done // BATCH + 1) * BATCH, trials)), trials, clock)
    return _winner(record, clock.seconds, before)


def _batch(record: Study, workers: Workers, parts: Parts, slots: range, trials: int, clock: _Clock) -> None:
    """Try the slots that are left of a batch, or as many of them as there is time for."""
    batch_first = slots.start // BATCH * BATCH
    earlier = [trial.intermediate_values for trial in record.finished[:batch_first] if trial.state.name == "COMPLETE"]
    asked = [record.ask(slot) for slot in slots]
    orders = [Order(parameters_at(trial.params, parts.train.num_data()), earlier) for trial in asked]
    with record.alive(asked):
        for trial, order, grown in zip(asked, orders, workers.run(orders, clock.begins), strict=False):
            record.tell(trial, grown, order.parameters, clock.seconds)
            _say(record, grown, trials, clock)


def _say(record: Study, grown: Grown, trials: int, clock: _Clock) -> None:
    outcome = "pruned" if grown.loss is None else f"loss {grown.loss:.5f}, {grown.rounds} rounds"
    done = record.finished
    log.info(
        "trial %d of %d: %s; best %.5f; %.0f s", len(done), trials, outcome, best_of(done).value, clock.seconds,
    )  # fmt: skip


def _winner(record: Study, seconds: float, before: float) -> Winner:
    done = record.finished
    best = best_of(done)
    record.remember(best.params)
    return Winner(
        parameters=best.user_attrs["parameters"],
        loss=float(best.value or 0.0),
        rounds=best.user_attrs["rounds"],
        study=record.name,
        trials=len(done),
        pruned=sum(trial.state.name == "PRUNED" for trial in done),
        seconds=seconds,
        seconds_before=before,
    )


def best_of(finished: Sequence[FrozenTrial]) -> FrozenTrial:
    """The trial with the least loss; of equal ones, the first."""
    complete = [trial for trial in finished if trial.state.name == "COMPLETE"]
    return min(complete, key=lambda trial: trial.value or 0.0)


class _Clock:
    """The time that a study has taken, interrupted searches included, and whether a trial may still begin."""

    def __init__(self, spent: float, limit: float, begun: bool) -> None:
        self._since, self._limit, self._begun = time.monotonic() - spent, limit, begun

    @property
    def seconds(self) -> float:
        """Seconds spent."""
        return time.monotonic() - self._since

    def allows(self) -> bool:
        """Whether a trial may begin; the first one always may."""
        return not self._begun or self.seconds < self._limit

    def begins(self) -> bool:
        """Whether a trial may begin, which then does."""
        allowed = self.allows()
        self._begun = True
        return allowed
