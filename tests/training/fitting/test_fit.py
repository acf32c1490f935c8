"""The same data, plan and seed give the same bytes; what the plan declares holds in the trees."""

import hashlib
import os
import subprocess
import sys

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pytest

from nightshift.dates import Length
from nightshift.errors import NightshiftError
from training.data.dataset import prepare
from training.data.declaration_checks import WEIGHT
from training.data.point_in_time_rows import Rows
from training.data.time_split import Periods
from training.fitting.fit import binned, fit, grow, raw_scores
from training.search.search_space import FIRST_POINT, parameters_at

PARAMETERS = parameters_at(FIRST_POINT, 1400)


@pytest.fixture
def model_text(toy, prepared):
    """Text of the model that a plan makes of some rows."""

    def of(rows=None, task="binary", **training):
        job = toy(task=task, **training)
        return fit(binned(prepared(job, rows), job.use_case), PARAMETERS).model_to_string()

    return of


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_equal_data_and_seed_give_a_byte_equal_model_in_any_order_of_rows(model_text, make_rows, task):
    rows = make_rows(task=task)
    assert model_text(rows, task) == model_text(rows.take(list(range(rows.num_rows))[::-1]), task)


def test_another_seed_or_other_data_give_another_model(model_text, make_rows):
    text = model_text()
    assert model_text(seed=2) != text
    assert model_text(make_rows(seed=9)) != text


MODEL_DIGEST = """
import sys, hashlib, numpy as np, pyarrow as pa
from types import SimpleNamespace
from nightshift.models.encoding import Encoding
from nightshift.declarations.training_section import Training
from training.data.dataset import Dataset, Part
from training.fitting.fit import binned, fit
generator = np.random.default_rng(0)
def part(size):
    matrix = generator.normal(size=(size, 8)).astype(np.float32)
    labels = (matrix[:, 0] + generator.normal(size=size) > 0).astype(float)
    return Part(matrix, labels, np.ones(size), np.full(size, np.datetime64("2024-01-01")))
encoding = Encoding(tuple("abcdefgh"), {})
dataset = Dataset(encoding, part(20000), part(5000), part(1), {}, {}, (), None)
use_case = SimpleNamespace(task="binary", training=Training())
parameters = {"num_leaves": 12, "min_data_in_leaf": 50, "feature_fraction": 0.5, "bagging_fraction": 0.6}
print(hashlib.sha256(fit(binned(dataset, use_case), parameters).model_to_string().encode()).hexdigest())
"""


def test_another_process_with_another_number_of_threads_makes_the_same_bytes():
    digests = {
        subprocess.run(
            [sys.executable, "-c", MODEL_DIGEST],
            env={**os.environ, "OMP_NUM_THREADS": threads, "PYTHONHASHSEED": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for threads in ("1", "2", "3")
    }
    assert len(digests) == 1
    assert len(digests.pop()) == len(hashlib.sha256().hexdigest())


def test_the_learning_curve_changes_nothing_and_falls(toy, prepared):
    job = toy()
    parts, history = binned(prepared(job), job.use_case), {}
    booster = fit(parts, PARAMETERS, history)
    assert booster.model_to_string() == fit(parts, PARAMETERS).model_to_string()
    assert set(history) == {"train", "validation"}
    assert history["train"][-1] < history["train"][0]
    assert np.argmin(history["validation"]) + 1 == booster.num_trees()


def goes(booster, dataset, sign):
    """Whether raising the signal never moves a score of some test rows against the sign."""
    position = dataset.encoding.features.index("signal")
    grids = [np.repeat(row[None, :], 60, axis=0) for row in dataset.test.matrix[:20]]
    for grid in grids:
        grid[:, position] = np.linspace(-3, 3, 60)
    return all((sign * np.diff(raw_scores(booster, grid)) >= -1e-12).all() for grid in grids)


@pytest.mark.parametrize(("direction", "sign"), [("increasing", 1), ("decreasing", -1)])
def test_a_monotone_feature_moves_the_score_one_way_only(toy, prepared, direction, sign):
    plain, held = toy(), toy(monotone={"signal": direction})
    dataset = prepared(plain, strength=0.3)
    assert not goes(fit(binned(dataset, plain.use_case), PARAMETERS), dataset, sign)
    assert goes(fit(binned(dataset, held.use_case), PARAMETERS), dataset, sign)


def test_categories_are_split_as_categories(toy, prepared):
    job = toy()
    dataset = prepared(job)
    tree_table = fit(binned(dataset, job.use_case), PARAMETERS).trees_to_dataframe()
    kinds = tree_table[tree_table["split_feature"] == "kind"]
    assert set(kinds["decision_type"]) == {"=="}


def weighted(make_rows, weight_of):
    table = Rows.complete(make_rows()).table
    weights = weight_of(table["label"].to_numpy())
    return Rows(table.set_column(table.column_names.index(WEIGHT), WEIGHT, pa.array(weights)), {}, 0.5, {})


def test_the_loss_is_that_of_weighted_rows(toy, make_rows):
    job = toy()
    rows = weighted(make_rows, lambda labels: np.where(labels == 1, 1.0, 5.0))
    dataset = prepare(
        rows, job.use_case, job.catalog["gold.features"], Periods.at_end(job.dates, Length(8), Length(14))
    )
    booster = grow(binned(dataset, job.use_case), PARAMETERS)
    part = dataset.validation
    probability = 1 / (1 + np.exp(-raw_scores(booster, part.matrix)))
    losses = -np.where(part.labels == 1, np.log(probability), np.log1p(-probability))
    expected = np.average(losses, weights=part.weights)
    assert booster.best_score["validation"]["binary_logloss"] == pytest.approx(expected, rel=1e-6)
    assert probability.mean() < 0.35 < part.labels.mean()


def test_equal_weights_of_a_sample_train_as_no_weights_do(toy, make_rows):
    job = toy()
    period = Periods.at_end(job.dates, Length(8), Length(14))
    texts = {
        fit(
            binned(prepare(rows, job.use_case, job.catalog["gold.features"], period), job.use_case), PARAMETERS
        ).model_to_string()
        for rows in (Rows.complete(make_rows()), weighted(make_rows, lambda labels: np.full(len(labels), 500.0)))
    }
    assert len(texts) == 1


def test_an_event_weight_is_for_training_and_its_loss_that_of_the_true_rate(toy, make_rows, prepared):
    plain_job, heavy_job = toy(), toy(event_weight=20)
    plain, heavy = (grow(binned(prepared(job), job.use_case), PARAMETERS) for job in (plain_job, heavy_job))
    part = prepared(heavy_job).validation
    shift = raw_scores(heavy, part.matrix).mean() - raw_scores(plain, part.matrix).mean()
    assert shift == pytest.approx(np.log(20), rel=0.25)
    losses = [booster.best_score["validation"]["binary_logloss"] for booster in (plain, heavy)]
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


def test_balanced_makes_events_as_heavy_as_the_others(toy, make_rows, prepared):
    rows = make_rows(strength=0.5)
    rare = rows.filter(pa.array((rows["label"].to_numpy(zero_copy_only=False) == 0) | (np.arange(3600) % 10 == 0)))
    job = toy(event_weight="balanced")
    dataset = prepared(job, rare)
    booster = fit(binned(dataset, job.use_case), PARAMETERS)
    probability = 1 / (1 + np.exp(-raw_scores(booster, dataset.train.matrix)))
    assert dataset.train.rate < 0.15
    assert probability.mean() == pytest.approx(0.5, abs=0.1)


def test_the_digest_tells_data_and_plan_apart(toy, make_rows, prepared):
    job = toy()
    digest = binned(prepared(job), job.use_case).digest
    assert binned(prepared(job), job.use_case).digest == digest
    assert binned(prepared(job, seed=1), job.use_case).digest != digest
    other = toy(event_weight=3)
    assert binned(prepared(other), other.use_case).digest != digest


def test_parameters_that_lightgbm_refuses_name_the_field(toy, prepared):
    job = toy()
    with pytest.raises(NightshiftError, match=r"feature_fraction.*training\.search in use_case\.yaml"):
        grow(binned(prepared(job), job.use_case), {**PARAMETERS, "feature_fraction": 1.5})


def test_a_model_read_back_scores_the_same_bits(toy, prepared):
    job = toy(task="regression")
    dataset = prepared(job)
    booster = fit(binned(dataset, job.use_case), PARAMETERS)
    again = lgb.Booster(model_str=booster.model_to_string())
    assert np.array_equal(raw_scores(booster, dataset.test.matrix), raw_scores(again, dataset.test.matrix))
