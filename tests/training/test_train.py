"""What becomes champion, and what does not."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import logging
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from nightshift.dates import Length
from nightshift.errors import NightshiftError
from nightshift.home.postgres_server import database_url
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift.home.variables.known_variables import RESULT_FILE
from nightshift.job_result import handed_over
from nightshift.ledger.advisory_locks import turn_if_free
from nightshift.ledger.model_decisions import deciding
from nightshift.models import champions, resolve_version
from nightshift.models.mlflow_connection import client, experiment_id, model_version, model_versions
from training.challenger import challenge
from training.data.point_in_time_rows import Rows
from training.data.time_split import Periods
from training.pinned_declarations import Pinned
from training.train import main, train_on

VERSION = "delta_version.gold/toy/features"


def train(job, rows, trials=3, version=7):
    read = Rows.complete(rows, {"gold/toy/features": version})
    train_on(job, Pinned.of(job.use_case), read, Periods.at_end(job.dates, Length(8), Length(14)), trials)


def again(job):
    """Another run of the training; the same one would be taken for a task that was cleared."""
    return dataclasses.replace(job, run_id="test 2")


def runs_of(job):
    return client(get_settings()).search_runs([experiment_id(job.use_case)])


@pytest.fixture(autouse=True)
def draws_little(request, monkeypatch):
    """Pictures have tests of their own, and would take a third of each training here."""
    if "draws" not in request.keywords:
        monkeypatch.setattr("training.report.draw", lambda *_: [])


@pytest.mark.draws
def test_a_good_model_becomes_champion_with_all_that_scoring_needs(toy, make_rows):
    job = toy()
    train(job, make_rows())
    champion = resolve_version.champion(job.use_case)
    assert (champion.name, champion.version, champion.task) == (job.use_case.name, 1, "binary")
    assert champion.signature == champion.encoding.features == ("signal", "other", "kind")
    assert champion.booster.startswith("tree\n")
    assert 0 < champion.threshold <= 1
    (run,) = runs_of(job)
    assert run.info.run_id == champion.run_id
    assert run.data.tags[VERSION] == champion.tags[VERSION] == "7"
    assert run.data.tags["gates"] == "passed"
    assert run.data.metrics["auc"] > 0.8
    names = {file.path for file in client(get_settings()).list_artifacts(champion.run_id)}
    assert {"gates.json", "gates.txt", "features.json", "gates.yaml", "use_case.yaml", "card", "plots"} <= names
    assert run.data.tags["champion_compared"] == champion.tags["champion_compared"] == "none"
    card = Path(client(get_settings()).download_artifacts(champion.run_id, "card/card.md")).read_text()
    assert "Champion of the batch dates: from" in card
    assert "auto" in card
    (reign,) = champions.history(job.use_case)
    # The first date whose night knows the outcome of the last one that was trained on.
    assert (reign.first, reign.last, reign.who) == (job.dates.last + dt.timedelta(days=2), None, "auto")


def with_leak(rows):
    """The rows, one feature of which was written with the outcome before one's eyes."""
    label = rows["label"].to_numpy(zero_copy_only=False)
    column = label + 0.3 * np.random.default_rng(1).normal(size=len(label))
    return rows.set_column(rows.column_names.index("other"), "other", pa.array(column.astype(np.float32)))


def test_the_first_model_waits_for_a_named_person_where_a_feature_may_know_the_outcome(
    toy, make_rows, tmp_path, monkeypatch
):
    job = toy(approval={"by": ["maria"]})
    monkeypatch.setenv(RESULT_FILE, str(tmp_path / "result.json"))
    train(job, with_leak(make_rows()))
    assert job.use_case.training.approval.first == "auto"
    assert champions.decisions(job.use_case) == []
    told = handed_over(tmp_path / "result.json")
    assert (told["version"], told["approval"], told["refused"]) == (1, "person", "")
    assert told["subject"].endswith("become champion? other may know the outcome")
    assert "⚠ **May know the outcome:** other: alone it has" in told["comparison"]
    version = model_version(job.use_case, 1)
    assert (version.tags["leak_suspects"], version.tags["status"]) == ("other", "awaiting approval")
    card = Path(client(get_settings()).download_artifacts(version.run_id, "card/card.md")).read_text()
    assert "other may know the outcome: alone it has" in card
    kept = json.loads(Path(client(get_settings()).download_artifacts(version.run_id, "suspects.json")).read_text())
    assert [each["feature"] for each in kept["open"]] == ["other"]
    # Resumed, it knows the evidence still.
    train(job, with_leak(make_rows()))
    assert handed_over(tmp_path / "result.json")["comparison"] == told["comparison"]
    # Whoever asks in a year finds what the person was asked about.
    decided = champions.promote(job.use_case, 1, job.dates.last, "maria", "it is known at the cut-off", "run")
    assert decided.why == "it is known at the cut-off (asked about other)"


def test_the_first_model_is_refused_where_a_feature_may_know_the_outcome_and_nobody_is_named(toy, make_rows, caplog):
    job = toy()
    with pytest.raises(NightshiftError, match=r"suspects_are_answered_for: 1, must be at most 0 \(default\).*other"):
        train(job, with_leak(make_rows()))
    assert champions.decisions(job.use_case) == []
    (run,) = runs_of(job)
    assert run.data.tags["gates"] == "refused"


def test_a_use_case_without_gates_of_its_own_is_judged_by_the_defaults(toy, make_rows):
    job = toy()
    (job.use_case.folder / "gates.yaml").unlink()
    train(job, make_rows())
    champion = resolve_version.champion(job.use_case)
    kept = Path(client(get_settings()).download_artifacts(champion.run_id, "default_gates.yaml")).read_bytes()
    assert champion.tags["sha256.default_gates.yaml"] == hashlib.sha256(kept).hexdigest()
    verdicts = Path(client(get_settings()).download_artifacts(champion.run_id, "gates.txt")).read_text()
    assert "level_is_right" in verdicts
    assert verdicts.count("(default)") == verdicts.count("\n") - 1


def test_the_same_data_code_and_seed_give_a_byte_equal_model(toy, make_rows):
    boosters = []
    for _ in range(2):
        job = toy()
        train(job, make_rows())
        boosters.append(resolve_version.champion(job.use_case).booster)
    assert boosters[0] == boosters[1]


def test_a_challenger_that_is_not_better_leaves_the_champion_as_it_was(toy, make_rows, caplog):
    job = toy()
    train(job, make_rows())
    with caplog.at_level(logging.WARNING, "nightshift"):
        train(again(job), make_rows())
    assert "not promoted, version 1 stays champion" in caplog.text
    assert "better_than_champion: 0, must be above 0" in caplog.text
    assert resolve_version.champion_version(job.use_case) == 1
    assert sorted(run.data.tags["gates"] for run in runs_of(job)) == ["passed", "refused"]


def test_newest_days_without_labels_are_said_before_the_search(toy, make_rows):
    """The period is long enough; of its 14 days, two have no labels yet."""
    job = toy()
    rows = make_rows()
    newest = pc.greater(rows["batch_date"], pa.scalar(job.dates.last - dt.timedelta(days=2)))
    with pytest.raises(
        NightshiftError, match=r"12 batch dates of the test period have rows, .* 14 are needed: raise test_days"
    ):
        train(job, rows.filter(pc.invert(newest)))
    assert runs_of(job) == []


KILLED = """
import os, signal, sys
sys.path.insert(0, ".")
from nightshift.declarations.catalog import Catalog
from nightshift.models.champions import decide_champion
from nightshift.dates import BatchDates, Length
from nightshift.job import Job
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from tests.training.conftest import toy_rows
from tests.training.test_train import train
import training.train

name, dates, run_id, moment = sys.argv[1:]
kill = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
if moment == "registered":
    training.train._promote = kill
elif moment == "in the ledger":
    decide_champion.repair = kill
else:
    training.train.tell = kill
use_case = UseCase.load(name, get_settings())
train(Job("train", use_case, Catalog(use_case), BatchDates.parse(dates), run_id), toy_rows())
"""


@pytest.mark.parametrize("moment", ["registered", "in the ledger", "run ended"])
def test_killed_after_its_registration_the_next_attempt_ends_with_the_same_version(
    toy, make_rows, tmp_path, monkeypatch, moment
):
    job = toy(approval={"first": "auto", "later": "person", "by": ["maria"]})
    command = [sys.executable, "-c", KILLED, job.use_case.name, str(job.dates), job.run_id, moment]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    decided = champions.decisions(job.use_case)
    assert len(decided) == (0 if moment == "registered" else 1)
    (killed,) = runs_of(job)
    result = tmp_path / "result.json"
    monkeypatch.setenv(RESULT_FILE, str(result))
    with monkeypatch.context() as once:
        # Its version is champion, and must not be compared with itself.
        once.setattr("training.train.challenge", None)
        # A night has published another date meanwhile.
        train(job, make_rows(), version=8)
    (run,) = runs_of(job)
    assert (run.info.run_id, run.info.status) == (killed.info.run_id, "FINISHED")
    assert list(model_versions(job.use_case)) == [1]
    assert run.data.tags[VERSION] == model_version(job.use_case, 1).tags[VERSION] == "7", "what it was made from"
    assert [(each.version, each.who) for each in champions.decisions(job.use_case)] == [(1, "auto")]
    assert champions.decisions(job.use_case)[: len(decided)] == decided
    told = handed_over(result)
    assert (told["version"], told["approval"], told["refused"]) == (1, "auto", "")
    assert f"| Area under the ROC curve | higher | {run.data.metrics['auc']:.3g} |" in told["comparison"]
    assert "better_than_constant_rate " in told["comparison"]


def test_cut_short_in_its_search_and_a_night_later_it_goes_on_and_the_time_of_both_counts(toy, make_rows, monkeypatch):
    job = toy()

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as once, pytest.raises(KeyboardInterrupt):
        once.setattr("training.search.parameter_search._say", killed)
        train(job, make_rows())
    (begun,) = runs_of(job)
    study = optuna.load_study(
        study_name=f"{job.use_case.name}/{begun.info.run_id}", storage=database_url(get_settings(), "optuna")
    )
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL", "FAIL"]
    study.set_user_attr("seconds", 1000.0)
    shuffled = make_rows().take(np.random.default_rng(1).permutation(3600))
    train(job, shuffled, version=8)
    (run,) = runs_of(job)
    assert run.info.run_id == begun.info.run_id
    assert sorted(trial.state.name for trial in study.trials if trial.state.name != "FAIL") == ["COMPLETE"] * 3
    assert list(model_versions(job.use_case)) == [1]
    assert run.data.tags[VERSION] == model_version(job.use_case, 1).tags[VERSION] == "8", "what it was made from"
    assert 1000 < run.data.metrics["training_seconds"] < 1100


@pytest.fixture
def cut_short(monkeypatch):
    """Trains until the version is registered, and ends there, as if it were killed."""

    def until_registered(job, rows):
        def killed(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as once, pytest.raises(KeyboardInterrupt):
            once.setattr("training.train._promote", killed)
            train(job, rows)

    return until_registered


def test_resumed_after_another_became_champion_it_takes_no_crown_and_no_person_is_passed_over(
    toy, make_rows, cut_short
):
    job = toy(approval={"first": "auto", "later": "person", "by": ["maria"]})
    cut_short(job, make_rows())
    assert model_version(job.use_case, 1).tags["approval"] == "auto"
    train(again(job), make_rows(seed=1))
    assert resolve_version.champion_version(job.use_case) == 2
    with pytest.raises(NightshiftError, match=r"version 1 was judged beside no champion, and version 2 is champion"):
        train(job, make_rows())
    assert [each.version for each in champions.history(job.use_case)] == [2]
    # Started once more, it does not come to the same end: the newest model is compared with the champion of now.
    train(job, make_rows())
    assert [each.version for each in champions.history(job.use_case)] == [2]
    assert len(runs_of(job)) == 3


def tighten_gates(job):
    path = job.use_case.folder / "gates.yaml"
    limit = "number: auc_lower\n    above: 0.5"
    assert limit in path.read_text()
    path.write_text(path.read_text().replace(limit, "number: auc_lower\n    above: 0.999"))
    return {}


def ask_for_more_trials(job):
    return {"trials": 4}


@pytest.mark.parametrize("change", [tighten_gates, ask_for_more_trials])
def test_resumed_under_other_gates_or_options_it_is_trained_and_judged_again(toy, make_rows, cut_short, change):
    job = toy()
    cut_short(job, make_rows())
    options = change(job)
    if change is tighten_gates:
        with pytest.raises(NightshiftError, match="NO CHAMPION"):
            train(job, make_rows(), **options)
        assert champions.decisions(job.use_case) == []
    else:
        train(job, make_rows(), **options)
        assert resolve_version.champion_version(job.use_case) == 2
    assert len(runs_of(job)) == 2


def test_gates_that_are_edited_while_it_searches_neither_judge_nor_stand_in_its_run(toy, make_rows, monkeypatch):
    job = toy()
    judged_by = (job.use_case.folder / "gates.yaml").read_bytes()

    def meanwhile(*arguments):
        tighten_gates(job)
        return challenge(*arguments)

    monkeypatch.setattr("training.train.challenge", meanwhile)
    train(job, make_rows())
    champion = resolve_version.champion(job.use_case)
    kept = Path(client(get_settings()).download_artifacts(champion.run_id, "gates.yaml")).read_bytes()
    assert kept == judged_by != (job.use_case.folder / "gates.yaml").read_bytes()
    assert champion.tags["sha256.gates.yaml"] == hashlib.sha256(judged_by).hexdigest()


def test_where_its_reign_begins_is_found_while_nobody_else_decides(toy, make_rows, monkeypatch):
    job, looked = toy(), []

    def first(catalog, trained_until):
        with turn_if_free(deciding(job.use_case)) as is_free:
            looked.append(is_free)
        return trained_until

    monkeypatch.setattr(champions, "default_first", first)
    train(job, make_rows())
    assert looked == [False]


def test_killed_after_its_decision_a_training_by_hand_decides_once(toy, make_rows, monkeypatch):
    job = dataclasses.replace(toy(), run_id="manual")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as once, pytest.raises(KeyboardInterrupt):
        once.setattr("nightshift.models.champions.decide_champion.repair", killed)
        train(job, make_rows())
    train(job, make_rows())
    (run,) = runs_of(job)
    assert [(each.version, each.run_id) for each in champions.decisions(job.use_case)] == [
        (1, f"manual-{run.info.run_id[:12]}")
    ]


def test_a_blocked_champion_is_no_rival_of_the_next_model_which_is_a_later_one_all_the_same(toy, make_rows):
    job = toy(approval={"first": "auto", "later": "person", "by": ["maria"]})
    train(job, make_rows())
    champions.block(job.use_case, 1, "maria", "it warns of everything", "manual")
    # The same model once more, which would be no better.
    train(again(job), make_rows())
    made = model_version(job.use_case, 2)
    assert (made.tags["champion_compared"], made.tags["approval"]) == ("none", "person")
    card = Path(client(get_settings()).download_artifacts(made.run_id, "card/card.md")).read_text()
    assert "By a person: maria." in card
    assert "without a person looking at it" not in card


def test_noise_is_refused_and_it_is_said_that_nothing_can_score(toy, make_rows):
    job = toy()
    with pytest.raises(NightshiftError, match="NO CHAMPION") as refusal:
        train(job, make_rows(strength=0.0))
    assert "better_than_constant_rate" in str(refusal.value)
    assert resolve_version.champion(job.use_case) is None
    (run,) = runs_of(job)
    assert (run.info.status, run.data.tags["gates"]) == ("FINISHED", "refused")
    assert not client(get_settings()).search_model_versions(f"name='{job.use_case.model_name}'")


def test_a_champion_that_cannot_be_compared_blocks_the_challenger(toy, make_rows, monkeypatch, caplog):
    job = toy()
    train(job, make_rows())
    features = job.catalog["gold.features"]
    smaller = features.model_copy(update={"columns": tuple(c for c in features.columns if c.name != "signal")})
    monkeypatch.setitem(job.catalog._tables, "gold.features", smaller)
    train(again(job), make_rows(strength=5.0).drop_columns(["signal"]))
    assert "better_than_champion: not computed" in caplog.text
    assert resolve_version.champion_version(job.use_case) == 1


def test_bad_data_ends_before_a_run_is_made(toy, make_rows):
    job = toy()
    rows = make_rows()
    at = rows.column_names.index("label")
    with pytest.raises(NightshiftError, match="matured"):
        train(job, rows.set_column(at, "label", pa.nulls(rows.num_rows, pa.bool_())))
    assert runs_of(job) == []


def test_a_model_that_a_person_must_approve_waits(toy, make_rows, caplog):
    job = toy(approval={"first": "person", "by": ["maria"]})
    train(job, make_rows())
    assert "waits for approval by maria" in caplog.text
    assert resolve_version.champion(job.use_case) is None
    assert model_version(job.use_case, 1).tags["status"] == "awaiting approval"


def test_a_regression_has_an_interval_and_gates_of_its_own(toy, make_rows):
    job = toy(task="regression")
    train(job, make_rows(task="regression"))
    champion = resolve_version.champion(job.use_case)
    assert (champion.task, champion.threshold) == ("regression", None)
    assert champion.interval.lower < 0 < champion.interval.upper
    (run,) = runs_of(job)
    assert run.data.metrics["r2"] > 0.5
    assert abs(run.data.metrics["coverage"] - 0.8) < 0.08


def test_a_regression_on_noise_is_refused(toy, make_rows):
    job = toy(task="regression")
    with pytest.raises(NightshiftError, match="NO CHAMPION"):
        train(job, make_rows(task="regression", strength=0.0))


def test_where_the_world_has_turned_round_the_better_challenger_wins(toy, make_rows):
    job = toy()
    train(job, make_rows())
    rows = make_rows(seed=1)
    at = rows.column_names.index("signal")
    train(replace(job, run_id="later"), rows.set_column(at, "signal", pc.negate(rows["signal"])))
    assert resolve_version.champion_version(job.use_case) == 2
    newest = max(runs_of(job), key=lambda run: run.info.start_time)
    # The numbers of the one that was replaced stand beside its own, on the same rows.
    assert newest.data.metrics["champion_log_loss"] > newest.data.metrics["constant_log_loss"]
    verdicts = client(get_settings()).download_artifacts(newest.info.run_id, "gates.txt")
    assert "no champion that beats a constant" in Path(verdicts).read_text()


@pytest.mark.parametrize(("declared", "asked"), [({"test_days": 6}, []), ({"test_days": 14}, ["--test-days", "6"])])
def test_too_few_test_days_end_before_anything_is_read(toy, capsys, declared, asked):
    job = toy(validation_days=8, **declared)
    assert main(["--use-case", job.use_case.name, "--dates", str(job.dates), *asked]) == 65
    assert "6 days to test are too few" in capsys.readouterr().err


def test_a_phrase_for_what_is_no_feature_ends_before_anything_is_read(toy, capsys):
    job = toy(validation_days=8, test_days=14)
    (job.use_case.folder / "reasons.yaml").write_text("features:\n  nope: {raises: much of it, lowers: little of it}\n")
    assert main(["--use-case", job.use_case.name, "--dates", str(job.dates)]) == 65
    assert "nope" in capsys.readouterr().err
