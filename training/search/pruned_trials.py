"""Growing one trial, in this process or in one of several, with the same result."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nightshift.errors import ResourcesError
from nightshift.home import scratch
from training.fitting.fit import VALIDATION_PART, Parts, fixed_parameters, grow

if TYPE_CHECKING:
    import numpy as np
    from lightgbm.callback import CallbackEnv
    from numpy.typing import NDArray

# Rounds between two looks at how a trial goes; each report is a commit in the study's database.
REPORT_EVERY = 20
# Pruning waits for this many finished trials, and for this many rounds of each.
UNPRUNED_TRIALS, UNPRUNED_ROUNDS = 4, 60
# Significant digits of a loss: the last ones of a double depend on how many threads have summed it up.
KEPT_DIGITS = 12
Curve = Mapping[int, float]


@dataclass(frozen=True)
class Order:
    """A trial to grow: LightGBM's parameters, and the curves of the finished trials that it is compared with."""

    parameters: Mapping[str, Any]
    earlier: Sequence[Curve]


@dataclass(frozen=True)
class Grown:
    """What became of a trial.

    Attributes:
        loss: on validation, where it was best, to :data:`KEPT_DIGITS`; None if the trial was pruned.
        rounds: trees grown when validation was best.
        curve: loss on validation at some rounds.
    """

    loss: float | None
    rounds: int | None
    curve: Curve


def grow_trial(parts: Parts, order: Order, threads: int | None = None) -> Grown:
    """Grow one trial, and end it early where the median of the earlier ones was better after equally many rounds.

    It is compared with ``order.earlier`` alone, whatever else has finished meanwhile: so the outcome depends neither on
    when nor where it runs.
    """
    import optuna

    judge = _Judge(order.earlier)
    parameters = {**order.parameters, **({"num_threads": threads} if threads else {})}
    try:
        booster = grow(parts, parameters, [judge])
    except optuna.TrialPruned:
        return Grown(None, None, judge.curve)
    return Grown(_rounded(booster.best_score[VALIDATION_PART][parts.metric]), booster.best_iteration, judge.curve)


def _rounded(loss: float) -> float:
    return float(f"{loss:.{KEPT_DIGITS}g}")


class _Judge:
    """Callback of LightGBM: a trial in a study of its own, in memory, beside copies of the earlier ones."""

    # After early stopping, whose exception must win.
    order = 40

    def __init__(self, earlier: Sequence[Curve]) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=UNPRUNED_TRIALS, n_warmup_steps=UNPRUNED_ROUNDS, interval_steps=REPORT_EVERY
            )
        )
        study.add_trials(
            [optuna.create_trial(value=min(curve.values()), intermediate_values=dict(curve)) for curve in earlier]
        )
        self._trial = study.ask()
        self.curve: dict[int, float] = {}

    def __call__(self, environment: CallbackEnv) -> None:
        import optuna

        if environment.iteration % REPORT_EVERY:
            return
        loss = _rounded(environment.evaluation_result_list[0][2])
        self.curve[environment.iteration] = loss
        self._trial.report(loss, environment.iteration)
        if self._trial.should_prune():
            raise optuna.TrialPruned


class Workers:
    """Grows trials, several at a time where there are processes for it.

    The processes get the binned parts through files, share the cores, and end with this one, even when it is killed.
    """

    def __init__(self, parts: Parts, processes: int, scratch_folder: Path) -> None:
        self._parts, self._processes, self._parent = parts, processes, scratch_folder
        self._pool: ProcessPoolExecutor | None = None
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        if self._processes > 1:
            scratch.sweep(self._parent)
            self._folder = scratch.take(self._parent)
            self._folder.mkdir()
            for name, part in (("train", self._parts.train), (VALIDATION_PART, self._parts.validation)):
                part.save_binary(str(self._folder / name))
            # Not forked: OpenMP's threads do not survive a fork, and the child would wait for them.
            self._pool = ProcessPoolExecutor(
                self._processes,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(self._folder, replace(self._parts, train=None, validation=None), self._shift, self._threads),
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        if self._folder is not None:
            scratch.discard(self._folder)

    def run(self, orders: Sequence[Order], may_begin: Callable[[], bool]) -> Iterator[Grown]:
        """What became of the trials, in their order; those that may no longer begin are missing at the end.

        Raises:
            NightshiftError: if a process was killed.
        """
        running: deque[Future[Grown]] = deque()
        try:
            for order in orders:
                if len(running) == self._processes:
                    yield running.popleft().result()
                if not may_begin():
                    break
                running.append(self._submit(order))
            while running:
                yield running.popleft().result()
        except BrokenProcessPool as error:
            raise ResourcesError(
                f"one of {self._processes} processes that work on trials was killed, perhaps for want of memory: lower "
                "training.parallel_trials in use_case.yaml; the finished trials are kept"
            ) from error

    @property
    def _shift(self) -> NDArray[np.float64] | None:
        """What validation's scores begin with, which LightGBM's files do not keep."""
        shift: NDArray[np.float64] | None = self._parts.validation.get_init_score()
        return shift

    @property
    def _threads(self) -> int:
        return max(len(os.sched_getaffinity(0)) // self._processes, 1)

    def _submit(self, order: Order) -> Future[Grown]:
        if self._pool is not None:
            return self._pool.submit(_grow_there, order)
        here: Future[Grown] = Future()
        here.set_result(grow_trial(self._parts, order))
        return here


# In a worker process: its parts, and how many threads it may use.
_there: dict[str, Any] = {}


def _begin(folder: Path, parts: Parts, shift: NDArray[np.float64] | None, threads: int) -> None:
    """Load the parts, and end when the process that started this one does."""
    import lightgbm as lgb

    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    fixed = fixed_parameters(parts.task, parts.training, parts.features)
    train = lgb.Dataset(str(folder / "train"), params=fixed).construct()
    validation = lgb.Dataset(str(folder / VALIDATION_PART), reference=train, params=fixed).construct()
    if shift is not None:
        validation.set_init_score(shift)
    _there.update(parts=replace(parts, train=train, validation=validation), threads=threads)


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _grow_there(order: Order) -> Grown:
    return grow_trial(_there["parts"], order, _there["threads"])
