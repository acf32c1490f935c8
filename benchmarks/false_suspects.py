"""How often an honest feature is suspected of knowing the outcome, and whether leaks are.

    python -m benchmarks.false_suspects --use-case flight_delays --dates 2013-01-01..2013-12-31 [--cards FOLDER]

The year must have been ingested, as for `benchmarks.full_year`. Each month from May to October validates, all before it
trains, and the month after it tests. ``--cards`` is a folder with the credit card clients of Yeh (2009) as
`clients.parquet` and `statements.parquet`: whether a client is two months late in the month after a statement. Besides,
made-up honest data of several sizes and strengths, and the same with one leak of each kind. Prints a line per model:
what the strongest feature alone has of it, what is left of the gain without its strongest features, who is suspected
and why; and what asking costs beside the training itself.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import datetime as dt
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightshift.dates import BatchDates, Length
from nightshift.declarations.tables import PARTITION
from nightshift.declarations.training_section import BINARY, Costs, Task, Training
from nightshift.job import Job, run_job
from nightshift.models.encoding import Encoding
from training.challenger import Budget, Challenger, challenge
from training.data.dataset import Dataset, Part, prepare
from training.data.point_in_time_rows import Rows
from training.data.time_split import Periods
from training.judging.feature_strength import above_chance
from training.judging.leak_suspects import Signs, suspects
from training.train import read_rows

if TYPE_CHECKING:
    from nightshift.declarations.use_case import UseCase

FEW_TRIALS = 2
TUNED_MONTHS = range(5, 11)
SEEDS = range(5)
Case = tuple[str, "UseCase", Dataset]


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("benchmark", __doc__ or "", body, add_arguments, argv, recorded=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is particular to the benchmark."""
    parser.add_argument("--cards", type=Path, help="folder with the statements of credit card clients")


def body(job: Job, arguments: argparse.Namespace) -> None:
    """Make each model and print who is suspected."""
    print(f"{'data':<52}{'model':>7}{'alone':>7}{'part':>6}{'left':>6}{'cost':>6}  suspects")
    for name, use_case, dataset in _cases(job, arguments.cards):
        _say(name, use_case, dataset)


def _cases(job: Job, cards: Path | None) -> Iterator[Case]:
    plain = _plain(job.use_case, BINARY)
    if cards is not None:
        yield from _of_cards(cards, plain)
    for task in ("binary", "regression"):
        yield from _made_up(_plain(job.use_case, task))
    rows, _ = read_rows(job)
    for month in TUNED_MONTHS:
        yield _of_month(job, rows, month)


def _say(name: str, use_case: UseCase, dataset: Dataset) -> None:
    began = time.process_time()
    made = challenge(use_case, dataset, (), Budget(FEW_TRIALS, 600, f"{use_case.name}/leaks"))
    whole = time.process_time() - began
    began = time.process_time()
    signs = _signs(use_case, dataset, made)
    cost = time.process_time() - began
    task = use_case.task
    leader = max(signs.alone.values(), key=lambda each: each.most)
    strongest = leader if leader.alone == leader.most or leader.where_present is None else leader.where_present
    part = above_chance(strongest.alone, task) / above_chance(strongest.whole, task)
    left = min(signs.gains_left.values(), default=float("nan"))
    found = "; ".join(map(str, suspects(signs, task))) or "none"
    print(
        f"{name:<52}{strongest.whole:>7.3f}{strongest.alone:>7.3f}{part:>6.0%}{left:>6.0%}{cost / (whole - cost):>6.0%}"
        f"  {found}",
        flush=True,
    )


def _signs(use_case: UseCase, dataset: Dataset, made: Challenger) -> Signs:
    return Signs.of(use_case, dataset, made.model, made.winner.parameters, made.evaluation.predicted, skew=None)


def _plain(use_case: UseCase, task: Task) -> UseCase:
    """A use case of the task that declares nothing of its own."""
    costs = Costs(false_alarm=1, missed=3) if task == BINARY else None
    return use_case.model_copy(update={"task": task, "training": Training(costs=costs)})


def _of_month(job: Job, rows: Rows, month: int) -> Case:
    first, last = dt.date(2013, month, 1), dt.date(2013, month + 2, 1) - dt.timedelta(days=1)
    test = dt.date(2013, month + 1, 1)
    until = pc.field(PARTITION) <= last
    part = Rows(rows.table.filter(until), rows.versions, rows.share, rows.coverage)
    periods = Periods.at_end(
        BatchDates(job.dates.first, last), Length((test - first).days), Length((last - test).days + 1)
    )
    dataset = prepare(part, job.use_case, job.catalog["gold.features"], periods)
    return f"{job.use_case.name}, test {test:%Y-%m}, {len(dataset.encoding.features)} features", job.use_case, dataset


def _of_cards(folder: Path, use_case: UseCase) -> Iterator[Case]:
    """Statements of April to June train, July validates, August tests; with what came before, and the leak of then."""
    statements = pq.read_table(folder / "statements.parquet").to_pandas()
    clients = pq.read_table(folder / "clients.parquet").to_pandas()
    statements["month"] = statements["month"].astype(str).str[:7]
    names = ["pay_status", "bill_amt", "pay_amt"]
    wide = statements.sort_values(["client_id", "month"]).merge(clients[["client_id", "limit_bal", "age"]])
    own = wide.groupby("client_id")
    for name in names:
        for lag in (1, 2):
            wide[f"{name}_{lag}"] = own[name].shift(lag)
    wide["pay_status_next"] = own["pay_status"].shift(-1)
    wide["late_next"] = wide["pay_status_next"] >= 1
    wide["utilisation"] = wide["bill_amt"] / wide["limit_bal"]
    wide = wide[wide["month"] <= "2005-08"]
    labels = (wide["pay_status_next"] >= 2).to_numpy().astype(np.float64)
    days = (wide["month"] + "-01").to_numpy().astype("datetime64[D]")
    starts = np.array(["2005-04-01", "2005-07-01", "2005-08-01"], dtype="datetime64[D]")
    honest = [*names, *(f"{name}_{lag}" for name in names for lag in (1, 2)), "limit_bal", "age", "utilisation"]
    for title, columns in (
        ("cards", honest),
        ("cards without pay_status", [name for name in honest if not name.startswith("pay_status")]),
        ("cards, and whether they are late a month after", [*honest, "late_next"]),
    ):
        table = pa.table({name: pa.array(wide[name].to_numpy(np.float32)) for name in columns})
        yield f"{title}, {len(columns)} features", use_case, dataset_of(table, labels, days, starts)


def _made_up(use_case: UseCase) -> Iterator[Case]:
    """Honest data of a few strengths and sizes, and leaks among the same features."""
    kind = use_case.task
    for decay, title in ((0.9, "many say a little"), (0.7, "one says half")):
        for per_day, strength, rate in ((100, 1.0, 0.1), (1000, 0.3, 0.02), (400, 2.0, 0.3)):
            for seed in SEEDS:
                columns, labels = _drawn(per_day, strength, rate, decay, kind, seed)
                name = f"{kind}, {title}, {per_day} a day, {strength}, #{seed}"
                yield name, use_case, _daily(columns, labels, per_day)
    for leak in LEAKS if kind == BINARY else LEAKS[:2]:
        columns, labels = _drawn(400, 0.4, 0.2, 0.9, kind, 9)
        columns["leak"] = _leak(leak, labels, kind)
        yield f"{kind}, leak: {leak}", use_case, _daily(columns, labels, 400)


DAYS = 60
# A noisy copy; known at both ends of its range; written of one outcome; a default for the other.
LEAKS = ("noisy copy", "both ends", "there of one outcome", "0 for the other outcome")


def _leak(name: str, labels: np.ndarray[Any, Any], task: Task) -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(10)
    noise = generator.normal(size=len(labels))
    if task != BINARY:
        copy = (
            labels + 0.3 * labels.std() * noise
            if name == "noisy copy"
            else labels * generator.choice([-1, 1], len(labels))
        )
        return np.asarray(copy)
    high = labels > 0.5
    signs = generator.choice([-1.0, 1.0], len(labels))
    return {
        "noisy copy": np.where(high, 1.0, 0.0) + 0.7 * noise,
        "both ends": np.where(high, signs * (2 + 0.5 * noise), 0.8 * noise),
        "there of one outcome": np.where(high & (generator.random(len(labels)) < 0.3), noise, np.nan),
        "0 for the other outcome": np.where(high & (generator.random(len(labels)) < 0.3), noise, 0.0),
    }[name]


def _drawn(
    per_day: int, strength: float, rate: float, decay: float, task: Task, seed: int
) -> tuple[dict[str, np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Twelve features, eight of which say something, each less than the one before; two share what they say."""
    generator = np.random.default_rng(seed)
    size = DAYS * per_day
    values = generator.normal(size=(12, size))
    values[1] += 0.5 * values[0]
    drift = sum(strength * decay**at * values[at] for at in range(8))
    day = np.repeat(0.3 * generator.normal(size=DAYS), per_day)
    if task == BINARY:
        labels = (generator.random(size) < 1 / (1 + np.exp(-(np.log(rate / (1 - rate)) + drift + day)))).astype(float)
    else:
        labels = drift + day + generator.normal(size=size)
    return {f"f{at}": column for at, column in enumerate(values)}, labels


def _daily(columns: Mapping[str, np.ndarray[Any, Any]], labels: np.ndarray[Any, Any], per_day: int) -> Dataset:
    days = np.repeat(np.datetime64("2024-01-01") + np.arange(DAYS).astype("timedelta64[D]"), per_day)
    table = pa.table({name: pa.array(values.astype(np.float32)) for name, values in columns.items()})
    return dataset_of(table, labels, days, days[0] + np.array([0, 40, 50]).astype("timedelta64[D]"))


def dataset_of(
    table: pa.Table, labels: np.ndarray[Any, Any], days: np.ndarray[Any, Any], starts: np.ndarray[Any, Any]
) -> Dataset:
    """A data set of quantities, whose periods begin on the days of ``starts``."""
    period = np.searchsorted(starts, days, side="right") - 1
    encoding = Encoding(tuple(table.column_names), {})
    names = ("train", "validation", "test")
    tables = {name: table.filter(pa.array(period == at)) for at, name in enumerate(names)}
    parts = {
        name: Part(
            encoding.matrix(tables[name]), labels[period == at], np.ones(np.count_nonzero(period == at)),
            days[period == at],
        )
        for at, name in enumerate(names)
    }  # fmt: skip
    dates = [BatchDates(each.days.min().astype(object), each.days.max().astype(object)) for each in parts.values()]
    coverage = {day.astype(object): (1, 1) for day in np.unique(days)}
    return Dataset(encoding=encoding, tables=tables, coverage=coverage, left_out=(), periods=Periods(*dates), **parts)


if __name__ == "__main__":
    sys.exit(main())
