"""Data with a known trap, trained on and judged as a training does, without registry."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from nightshift.dates import Length
from training.challenger import Budget, challenge
from training.data.dataset import prepare
from training.data.point_in_time_rows import Rows
from training.data.time_split import Periods
from training.judging.gates import load_gates

DAYS, PER_DAY = 36, 100


def judged(job, table):
    """The challenger that these rows make, and its data set."""
    dataset = prepare(
        Rows.complete(table),
        job.use_case,
        job.catalog["gold.features"],
        Periods.at_end(job.dates, Length(8), Length(14)),
    )
    budget = Budget(trials=2, seconds=60, study=f"{job.use_case.name}/1")
    return challenge(job.use_case, dataset, load_gates(job.use_case), budget), dataset


def with_columns(table, **columns):
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return table


def of_each_day(values):
    return np.repeat(values, PER_DAY).astype(np.float32)


@pytest.mark.parametrize("seeds", [range(1), pytest.param(range(1, 6), marks=pytest.mark.long)], ids=["one", "more"])
@pytest.mark.parametrize("kind", ["shuffled", "rates of days", "features of days", "random walks"])
def test_a_target_without_signal_passes_with_no_seed(toy, make_rows, kind, seeds):
    passed = []
    for seed in seeds:
        generator = np.random.default_rng(seed)
        rows = make_rows(seed=seed)
        labels = generator.permutation(rows["label"].to_numpy(zero_copy_only=False))
        if kind != "shuffled":
            walk = 1 / (1 + np.exp(1 - 0.4 * np.cumsum(generator.normal(size=DAYS))))
            rates = walk if kind == "random walks" else generator.beta(2, 5, DAYS)
            labels = generator.random(len(labels)) < of_each_day(rates)
        if kind.endswith("walks"):
            walks = np.cumsum(generator.normal(size=(2, DAYS)), axis=1)
            rows = with_columns(rows, signal=of_each_day(walks[0]), other=of_each_day(walks[1]))
        elif kind.startswith("features"):
            rows = with_columns(rows, signal=of_each_day(generator.normal(size=DAYS)))
        challenger, _ = judged(toy(), with_columns(rows, label=labels))
        if not challenger.refused:
            passed.append((seed, challenger.numbers["auc_lower"], challenger.numbers["gain_over_constant_lower"]))
    assert passed == []


def test_what_gates_judge_is_what_scikit_learn_computes(toy, make_rows):
    from sklearn import metrics

    challenger, dataset = judged(toy(), make_rows())
    model, numbers, labels = challenger.model, challenger.numbers, dataset.test.labels
    chances = model.calibration.apply(model.booster.predict(dataset.test.matrix, raw_score=True))
    warned = chances >= model.threshold
    rate = np.append(dataset.train.labels, dataset.validation.labels).mean()
    loss = metrics.log_loss(labels, chances)
    expected = {
        "auc": metrics.roc_auc_score(labels, chances),
        "average_precision": metrics.average_precision_score(labels, chances),
        "log_loss": loss,
        "brier": metrics.brier_score_loss(labels, chances),
        "precision": metrics.precision_score(labels, warned),
        "recall": metrics.recall_score(labels, warned),
        # A false alarm costs 1, a missed event 3.
        "cost_per_row": np.mean(np.where(labels == 1, 3 * ~warned, warned)),
        "gain_over_constant": metrics.log_loss(labels, np.full(len(labels), rate)) - loss,
    }
    assert {name: numbers[name] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_the_threshold_costs_least_on_validation(toy, make_rows):
    challenger, dataset = judged(toy(), make_rows())
    labels, chances = dataset.validation.labels, challenger.evaluation.predicted["validation"]

    def cost(threshold):
        warned = chances >= threshold
        return np.sum(warned & (labels == 0)) + 3 * np.sum(~warned & (labels == 1))

    assert cost(challenger.model.threshold) == min(cost(threshold) for threshold in [*chances, 2.0])


def test_labels_that_mature_late_and_those_that_came_early_are_not_judged_by(toy, make_rows):
    rows = make_rows(per_day=PER_DAY)
    labels, day = rows["label"].to_numpy(zero_copy_only=False), np.repeat(np.arange(DAYS), PER_DAY)
    # Of the test's 14 days half of the events are not known yet: what is known has too few of them.
    late = (day >= DAYS - 14) & labels & (np.random.default_rng(1).random(len(labels)) < 0.5)
    known = pa.array(labels, mask=late)
    challenger, _ = judged(toy(), rows.set_column(rows.column_names.index("label"), "label", known))
    assert "labels_have_come" in {verdict.name for verdict in challenger.refused}
