"""A training is resumed after a kill, and registers its model once, whole or not at all."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

from nightshift.errors import NightshiftError
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift.models import champions, mlflow_connection, resolve_version
from nightshift.models.calibrated_predictions import Calibration, Interval
from nightshift.models.encoding import Encoding
from nightshift.models.model_version import load
from training.fitting.fitted_model import Calibrated, FittedModel
from training.register import decided_by, log_model, log_training, register, tracked_run, version_of_run

FEATURES = ("signal", "other")
MADE_OF = Calibrated("auto", 80, 20)
# A stand-in for the data set: only the example comes from it.
DATASET = SimpleNamespace(test=SimpleNamespace(matrix=np.zeros((8, 2), dtype=np.float32)))


def fitted(task="binary"):
    import lightgbm as lgb

    rows = np.random.default_rng(1).random((200, 2))
    data = lgb.Dataset(rows, (rows[:, 0] > 0.5).astype(float), feature_name=list(FEATURES))
    objective = "binary" if task == "binary" else "regression"
    booster = lgb.train({"objective": objective, "verbosity": -1, "num_threads": 1}, data, num_boost_round=3)
    if task == "binary":
        isotonic = Calibration("isotonic", knots=(-1.1, 0.3, 1.0 / 3), probabilities=(1e-05, 0.1 + 0.2, 0.7))
        return FittedModel("binary", booster, Encoding(FEATURES, {}), isotonic, 2 / 3, None, MADE_OF)
    interval = Interval(-1 / 3, 1e-17, 0.8)
    return FittedModel("regression", booster, Encoding(FEATURES, {}), Calibration("identity"), None, interval, MADE_OF)


def runs_of(job):
    return mlflow_connection.client(get_settings()).search_runs([mlflow_connection.experiment_id(job.use_case)])


def versions_of(job):
    return list(mlflow_connection.model_versions(job.use_case))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_what_was_fitted_is_what_will_score_to_the_last_bit(toy, task):
    job, model = toy(task=task), fitted(task)
    with tracked_run(job) as run_id:
        version = register(job, log_model(model, DATASET), {"status": "champion candidate"})
    found = load(job.use_case, version)
    assert (found.run_id, found.task, found.tags["status"]) == (run_id, task, "champion candidate")
    assert found.booster == model.booster.model_to_string()
    assert (found.calibration, found.threshold, found.interval) == (model.calibration, model.threshold, model.interval)
    assert found.encoding == model.encoding
    assert found.signature == FEATURES
    files = files_of(job, version)
    assert "model.lgb" in files
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib"))]
    assert {"input_example.json", "MLmodel"} <= files


def files_of(job, version):
    from mlflow.artifacts import download_artifacts

    folder = Path(download_artifacts(artifact_uri=f"models:/{job.use_case.model_name}/{version}"))
    return {file.name for file in folder.rglob("*")}


KILLED = """
import os, signal, sys
sys.path.insert(0, ".")
from nightshift.models import champions
from nightshift.declarations.catalog import Catalog
from nightshift.dates import BatchDates
from nightshift.job import Job
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from training.register import log_model, log_training, register, tracked_run
from tests.training.test_register import DATASET, fitted

name, dates, run_id, moment = sys.argv[1:]
use_case = UseCase.load(name, get_settings())
job = Job("train", use_case, Catalog(use_case), BatchDates.parse(dates), run_id)
with tracked_run(job):
    log_training(job.home, {"trials": 3}, {"auc": 0.7}, {"gates": "passed"})
    logged = log_model(fitted(), DATASET)
    if moment == "before register":
        os.kill(os.getpid(), signal.SIGKILL)
    register(job, logged, {})
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("moment", ["before register", "before the decision"])
def test_killed_at_the_registration_the_next_attempt_goes_on_and_registers_once(toy, moment):
    job = toy()
    command = [sys.executable, "-c", KILLED, job.use_case.name, str(job.dates), job.run_id, moment]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (killed,) = runs_of(job)
    assert killed.info.status == "RUNNING"
    assert len(versions_of(job)) == (0 if moment == "before register" else 1)
    with tracked_run(job) as run_id:
        assert run_id == killed.info.run_id
        log_training(job.home, {"trials": 3}, {"auc": 0.7}, {"gates": "passed"})
        version = register(job, log_model(fitted(), DATASET), {})
    assert versions_of(job) == [version] == [1]
    champions.promote(job.use_case, version, job.dates.last, "auto", "passed its gates", job.run_id)
    assert resolve_version.champion(job.use_case).run_id == run_id
    assert [run.info.status for run in runs_of(job)] == ["FINISHED"]


def test_a_task_that_failed_and_was_cleared_resumes_its_run(toy):
    job = toy()
    with pytest.raises(ValueError, match="no"), tracked_run(job) as first:
        raise ValueError("no")
    assert runs_of(job)[0].info.status == "FAILED"
    with tracked_run(job) as second:
        pass
    with tracked_run(job) as third:
        pass
    assert first == second != third


def test_killed_right_after_the_run_ended_a_dag_registers_once_and_people_train_again(toy):
    job = dataclasses.replace(toy(), run_id="scheduled__2024-02-01")
    for _ in range(2):
        with tracked_run(job):
            version = register(job, log_model(fitted(), DATASET), {})
    assert versions_of(job) == [version] == [1]
    by_hand = dataclasses.replace(job, run_id="manual")
    for expected in (2, 3):
        with tracked_run(by_hand):
            assert register(by_hand, log_model(fitted(), DATASET), {}) == expected


@pytest.mark.parametrize("decided_by", ["test", "manual", "another__1"])
def test_a_run_whose_version_somebody_else_decided_about_is_left_as_it_is(toy, decided_by):
    job = toy()
    with pytest.raises(ValueError, match="no"), tracked_run(job) as first:
        version = register(job, log_model(fitted(), DATASET), {})
        champions.promote(job.use_case, version, job.dates.last, "auto", "passed its gates", decided_by)
        raise ValueError("no")
    with tracked_run(job) as second:
        pass
    # What this run decided itself is no reason: its task may have been killed right after.
    assert (first == second) == (decided_by == job.run_id)


def test_killed_after_its_own_decision_a_training_by_hand_is_resumed(toy):
    job = dataclasses.replace(toy(), run_id="manual")
    with pytest.raises(ValueError, match="no"), tracked_run(job) as first:
        version = register(job, log_model(fitted(), DATASET), {})
        champions.promote(job.use_case, version, job.dates.last, "auto", "passed its gates", decided_by(job, first))
        raise ValueError("no")
    with tracked_run(job) as second:
        champions.promote(job.use_case, version, job.dates.last, "auto", "passed its gates", decided_by(job, second))
    assert first == second
    (kept,) = champions.decisions(job.use_case)
    assert kept.run_id == f"manual-{first[:12]}"
    # That one was seen to its end.
    with tracked_run(job) as third:
        pass
    assert third != first


def test_only_what_is_the_same_is_resumed(toy):
    job = toy()
    with pytest.raises(ValueError, match="no"), tracked_run(job, {"sha256.rows": "7"}) as first:
        raise ValueError("no")
    with tracked_run(job, {"sha256.rows": "8"}) as second:
        pass
    assert first != second


def test_a_training_that_is_running_is_not_taken_over(toy):
    import mlflow

    job = toy()
    with tracked_run(job) as alive:
        # MLflow allows one active run per thread; what another process would see is the run and its lock.
        active = mlflow.tracking.fluent._active_run_stack.get()
        mlflow.tracking.fluent._active_run_stack.set([])
        with tracked_run(job) as other:
            assert other != alive
        mlflow.tracking.fluent._active_run_stack.set(active)


def test_two_trainings_that_begin_at_once_have_a_run_each(toy, monkeypatch):
    import mlflow

    job, start, made_one, inside = toy(), mlflow.start_run, threading.Event(), threading.Barrier(2)

    def slowly(*arguments, **options):
        made = start(*arguments, **options)
        # The moment between a run and its lock, in which the other one looks.
        made_one.set()
        time.sleep(1)
        return made

    def train(number):
        if number:
            made_one.wait(30)
        with tracked_run(job) as run_id:
            inside.wait(30)
            return run_id

    mlflow_connection.experiment_id(job.use_case)
    monkeypatch.setattr(mlflow, "start_run", slowly)
    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(train, range(2)))) == 2


def test_a_run_ends_as_finished_where_mlflow_is_away_for_a_moment(toy, monkeypatch):
    monkeypatch.setattr(mlflow_connection, "FIRST_PAUSE_SECONDS", 0.05)
    job, answer, calls = toy(), MlflowClient.set_terminated, []

    def away_at_first(self, *arguments, **options):
        calls.append(arguments)
        # Whatever is sent without being sent again is lost.
        if len(calls) != 3:
            raise MlflowException("no connection", error_code=TEMPORARILY_UNAVAILABLE)
        return answer(self, *arguments, **options)

    monkeypatch.setattr(MlflowClient, "set_terminated", away_at_first)
    with tracked_run(job):
        pass
    assert [run.info.status for run in runs_of(job)] == ["FINISHED"]
    assert mlflow_forgot_it()


def mlflow_forgot_it():
    import mlflow

    return mlflow.active_run() is None


def test_a_run_that_could_not_be_ended_is_resumed(toy, monkeypatch):
    monkeypatch.setattr(mlflow_connection, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(mlflow_connection, "FIRST_PAUSE_SECONDS", 0.05)
    job = toy()

    def away(*_, **__):
        raise MlflowException("no connection", error_code=TEMPORARILY_UNAVAILABLE)

    answer = MlflowClient.set_terminated
    with pytest.raises(NightshiftError, match="did not answer while ending the run"), tracked_run(job) as first:
        monkeypatch.setattr(MlflowClient, "set_terminated", away)
    monkeypatch.setattr(MlflowClient, "set_terminated", answer)
    assert mlflow_forgot_it()
    with tracked_run(job) as second:
        pass
    assert first == second


def test_a_run_that_was_resumed_never_says_other_parameters_than_it_had(toy):
    job = toy()
    with pytest.raises(ValueError, match="no"), tracked_run(job) as first:
        log_training(job.home, {"rounds": 10}, {}, {})
        raise ValueError("no")
    with pytest.raises(NightshiftError, match="had other values of rounds"), tracked_run(job):
        log_training(job.home, {"rounds": 11}, {}, {})
    with tracked_run(job) as second:
        log_training(job.home, {"rounds": 11}, {}, {})
    assert first != second


def test_a_measure_that_is_not_finite_is_no_metric_in_mlflow(toy):
    job = toy()
    with tracked_run(job):
        log_training(job.home, {}, {"auc": 0.7, "brier": float("nan"), "gain": float("inf")}, {})
    assert runs_of(job)[0].data.metrics == {"auc": 0.7}


def test_mlflow_that_goes_away_leaves_no_version_and_says_so(toy, monkeypatch):
    import mlflow

    monkeypatch.setattr(mlflow_connection, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(mlflow_connection, "FIRST_PAUSE_SECONDS", 0.05)
    job = toy()

    def away(*_, **__):
        raise MlflowException("no connection", error_code=TEMPORARILY_UNAVAILABLE)

    with pytest.raises(NightshiftError, match="did not answer while registering the model"), tracked_run(job):
        logged = log_model(fitted(), DATASET)
        with monkeypatch.context() as gone:
            gone.setattr(mlflow, "register_model", away)
            register(job, logged, {})
    assert versions_of(job) == []
    # The next attempt goes on where it stood.
    with tracked_run(job) as run_id:
        assert version_of_run(job.use_case, run_id) is None
        register(job, log_model(fitted(), DATASET), {})
    assert versions_of(job) == [1]


def test_an_answer_that_was_lost_registers_once(toy, monkeypatch):
    import mlflow

    monkeypatch.setattr(mlflow_connection, "FIRST_PAUSE_SECONDS", 0.05)
    job, answer = toy(), mlflow.register_model

    def answer_is_lost(*arguments, **options):
        answer(*arguments, **options)
        raise MlflowException("no connection", error_code=TEMPORARILY_UNAVAILABLE)

    with tracked_run(job):
        logged = log_model(fitted(), DATASET)
        monkeypatch.setattr(mlflow, "register_model", answer_is_lost)
        assert register(job, logged, {}) == 1
    assert versions_of(job) == [1]
