"""The record of a search: an Optuna study in a database, which outlives the process that works on it.

Trials have *slots*, 0 to one less than their number. A trial that a kill left behind is failed, and its slot is asked
for once more; so a slot is finished once, and finished trials are always in the order of their slots.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from nightshift.declarations.use_case import UseCase
from nightshift.errors import BusyError, DataError
from training.search.search_space import FIRST_POINT, distributions, nearest

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage, RDBStorage

    from training.fitting.fit import Parts
    from training.search.pruned_trials import Grown

log = logging.getLogger("nightshift")

# Seconds between signs of life of the trials that are worked on, and without one until they count as left behind.
HEARTBEAT, GRACE = 5, 15
# So many trials are suggested without sight of each other's outcome.
BATCH = 4


class Study:
    """One study, and what this search needs to know of it."""

    def __init__(self, parts: Parts, use_case: UseCase, name: str, url: str | None) -> None:
        """Open the study, or begin it.

        A study of that name that searched in other data, or in another space, is begun again: its losses could not be
        compared with those to come.

        Raises:
            NightshiftError: if another process works on it.
        """
        self.name, self._use_case = name, use_case
        self._seed, self._space = parts.training.seed, parts.training.search
        self._digest = hashlib.sha256((parts.digest + self._space.model_dump_json()).encode()).hexdigest()
        self._storage = _storage(url)
        self._study = self._opened()
        self._take_over()
        known = self._study.user_attrs.get("digest")
        if known not in (None, self._digest):
            log.warning("study %s was made on other data or in another space: it is begun again", name)
            self._delete()
        if known != self._digest:
            self._study.set_user_attr("first", self._first_points())
            self._study.set_user_attr("digest", self._digest)

    @property
    def finished(self) -> list[optuna.trial.FrozenTrial]:
        """The trials that were finished or pruned, by slot."""
        from optuna.trial import TrialState

        states = (TrialState.COMPLETE, TrialState.PRUNED)
        return sorted(self._study.get_trials(deepcopy=False, states=states), key=lambda trial: trial.user_attrs["slot"])

    @property
    def seconds(self) -> float:
        """Time that was spent on it, by all processes that worked on it."""
        return float(self._study.user_attrs.get("seconds", 0.0))

    def ask(self, slot: int) -> optuna.Trial:
        """A point of the space for a slot.

        It depends on the seed, the slot, and the trials of earlier slots; where the slot was asked for before and its
        trial was left behind, it is the same point.
        """
        import optuna

        first = self._study.user_attrs["first"]
        known = first[slot] if slot < len(first) else self._asked_before(slot)
        sampler: optuna.samplers.BaseSampler = optuna.samplers.TPESampler(
            seed=int(np.random.SeedSequence([self._seed, slot]).generate_state(1)[0]), n_startup_trials=BATCH
        )
        with _quiet():
            self._study.sampler = optuna.samplers.PartialFixedSampler(known, sampler) if known else sampler
            trial = self._study.ask(dict(distributions(self._space)))
        if _has_heartbeat(self._storage):
            self._storage.record_heartbeat(trial._trial_id)
        trial.set_user_attr("slot", slot)
        return trial

    def tell(self, trial: optuna.Trial, grown: Grown, parameters: Mapping[str, Any], seconds: float) -> None:
        """Record what became of a trial.

        Raises:
            NightshiftError: if its loss is no number, or another process has taken it over.
        """
        import optuna

        if grown.loss is not None and not np.isfinite(grown.loss):
            raise DataError(f"the loss of {dict(parameters)} on validation is {grown.loss}: look at the labels")
        try:
            for step, loss in grown.curve.items():
                trial.report(loss, step)
            trial.set_user_attr("parameters", dict(parameters))
            trial.set_user_attr("rounds", grown.rounds)
            state = optuna.trial.TrialState.PRUNED if grown.loss is None else optuna.trial.TrialState.COMPLETE
            self._study.tell(trial, grown.loss, state)
        except (ValueError, optuna.exceptions.UpdateFinishedTrialError) as error:
            raise BusyError(
                f"another process has taken over study {self.name}, because this one gave no sign of life for {GRACE} "
                "seconds: let that one finish"
            ) from error
        self._study.set_user_attr("seconds", seconds)

    def remember(self, point: Mapping[str, float]) -> None:
        """Keep the best point where the next study of the use case looks for it."""
        self._study.set_user_attr("best", dict(point))

    @contextlib.contextmanager
    def alive(self, trials: Sequence[optuna.Trial]) -> Iterator[None]:
        """Give signs of life of some trials while they are worked on; fail those that were not finished in the end."""
        import optuna

        ended = threading.Event()
        thread = threading.Thread(target=self._beat, args=([trial._trial_id for trial in trials], ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            unfinished = {trial.number for trial in self._running()}
            for trial in trials:
                if trial.number in unfinished:
                    self._study.tell(trial, state=optuna.trial.TrialState.FAIL)

    def _beat(self, trial_ids: Sequence[int], ended: threading.Event) -> None:
        if not _has_heartbeat(self._storage):
            return
        while not ended.wait(HEARTBEAT):
            for trial_id in trial_ids:
                self._storage.record_heartbeat(trial_id)
        self._storage.remove_session()

    def _asked_before(self, slot: int) -> dict[str, float] | None:
        """The point of a trial of this slot that was left behind; None where it was not asked for completely."""
        from optuna.trial import TrialState

        names = set(distributions(self._space))
        failed = self._study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
        points = [trial.params for trial in failed if trial.user_attrs.get("slot") == slot]
        return next((dict(point) for point in reversed(points) if set(point) == names), None)

    def _take_over(self) -> None:
        """Fail the trials whose process is gone.

        Raises:
            NightshiftError: if their process lives.
        """
        import optuna

        if not _has_heartbeat(self._storage):
            return
        for _ in range(2):
            deadline = time.monotonic() + GRACE + HEARTBEAT
            while (running := self._running()) and time.monotonic() < deadline:
                with _quiet():
                    optuna.storages.fail_stale_trials(self._study)
                time.sleep(0.5)
            # A process that was killed between a trial's beginning and its first sign of life left none to go stale.
            for trial in running:
                self._storage.record_heartbeat(trial._trial_id)
        if running:
            raise BusyError(f"another process works on study {self.name}: let it finish, or end it, then train again")

    def _running(self) -> list[optuna.trial.FrozenTrial]:
        from optuna.trial import TrialState

        return self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _first_points(self) -> list[dict[str, float]]:
        """Where the search begins: at a point that suits most, and at the best of the newest earlier study.

        Where the very same data and space were searched before, it begins as the oldest of these studies did, whatever
        was learned of other data since: training twice on the same data searches the same points, and gives the same
        model.
        """
        best = None
        for study in self._storage.get_all_studies():
            if study.study_name == self.name:
                break
            known = study.user_attrs
            if not study.study_name.startswith(f"{self._use_case.name}/"):
                continue
            if known.get("digest") == self._digest:
                same: list[dict[str, float]] = known["first"]
                return same
            best = known.get("best", best)
        points = [FIRST_POINT] if best is None else [FIRST_POINT, best]
        return [nearest(self._space, point) for point in points]

    def _opened(self) -> optuna.Study:
        import optuna

        return optuna.create_study(
            study_name=self.name, storage=self._storage, direction="minimize", load_if_exists=True
        )

    def _delete(self) -> None:
        import optuna

        optuna.delete_study(study_name=self.name, storage=self._storage)
        self._study = self._opened()


def _storage(url: str | None) -> BaseStorage:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if url is None:
        return optuna.storages.InMemoryStorage()
    with _quiet():
        # A server that restarted between two trials is not noticed.
        alive = {"pool_pre_ping": True}
        return optuna.storages.RDBStorage(url, alive, heartbeat_interval=HEARTBEAT, grace_period=GRACE)


def _has_heartbeat(storage: BaseStorage) -> TypeGuard[RDBStorage]:
    from optuna.storages import RDBStorage

    return isinstance(storage, RDBStorage)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's warnings that heartbeats are experimental, and meant for a loop of its own."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", message="Heartbeat of storage")
        yield
