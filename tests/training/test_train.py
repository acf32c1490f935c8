"""What becomes champion, and what does not."""

from __future__ import annotations

import datetime as dt
import logging

import pyarrow as pa
import pytest

from nightshift import champions, registry
from nightshift.errors import NightshiftError
from nightshift.tracking import client, experiment_id, model_version
from training.rows import Rows
from training.split import Periods
from training.train import train_on

REGRESSION_GATES = """
absolute:
  - {name: computed, number: numbers_not_finite, at_most: 0, meaning: Every number could be computed.}
  - {name: better_than_constant, number: gain_over_constant_lower, above: 0, meaning: A model without it is noise.}
  - {name: explains, number: r2_lower, above: 0, meaning: A model without it is noise.}
relative:
  - {name: better, number: gain_over_champion_lower, above: 0, when: champion_exists, meaning: A change that brings nothing is not made.}
"""


def train(job, rows):
    read = Rows.complete(rows, {"gold/toy/features": 7})
    train_on(job, read, Periods.at_end(job.dates, 8, 8), trials=3)


def runs_of(job):
    return client().search_runs([experiment_id(job.use_case)])


def test_a_good_model_becomes_champion_with_all_that_scoring_needs(toy, make_rows):
    job = toy()
    train(job, make_rows())
    champion = registry.champion(job.use_case)
    assert (champion.name, champion.version, champion.task) == (job.use_case.name, 1, "binary")
    assert champion.signature == champion.encoding.features == ("signal", "other", "kind")
    assert champion.booster.startswith("tree\n")
    assert 0 < champion.threshold <= 1
    (run,) = runs_of(job)
    assert run.info.run_id == champion.run_id
    assert run.data.tags["delta_version.gold/toy/features"] == "7"
    assert run.data.tags["gates"] == "passed"
    assert run.data.metrics["auc"] > 0.8
    names = {file.path for file in client().list_artifacts(champion.run_id)}
    assert {"gates.json", "gates.txt", "features.json", "gates.yaml", "use_case.yaml", "card", "plots"} <= names
    (reign,) = champions.history(job.use_case)
    # The first date whose night knows the outcome of the last one that was trained on.
    assert (reign.first, reign.last, reign.who) == (job.dates.last + dt.timedelta(days=2), None, "auto")


def test_the_same_data_code_and_seed_give_a_byte_equal_model(toy, make_rows):
    boosters = []
    for _ in range(2):
        job = toy()
        train(job, make_rows())
        boosters.append(registry.champion(job.use_case).booster)
    assert boosters[0] == boosters[1]


def test_a_challenger_that_is_not_better_leaves_the_champion_as_it_was(toy, make_rows, caplog):
    job = toy()
    train(job, make_rows())
    with caplog.at_level(logging.WARNING, "nightshift"):
        train(job, make_rows())
    assert "not promoted, version 1 stays champion" in caplog.text
    assert "better_than_champion: 0.0" in caplog.text
    assert registry.champion_version(job.use_case) == 1
    assert sorted(run.data.tags["gates"] for run in runs_of(job)) == ["passed", "refused"]


def test_noise_is_refused_and_it_is_said_that_nothing_can_score(toy, make_rows):
    job = toy()
    with pytest.raises(NightshiftError, match="NO CHAMPION") as refusal:
        train(job, make_rows(strength=0.0))
    assert "better_than_constant_rate" in str(refusal.value)
    assert registry.champion(job.use_case) is None
    (run,) = runs_of(job)
    assert (run.info.status, run.data.tags["gates"]) == ("FINISHED", "refused")
    assert not client().search_model_versions(f"name='{job.use_case.model_name}'")


def test_a_champion_that_cannot_be_compared_blocks_the_challenger(toy, make_rows, monkeypatch, caplog):
    job = toy()
    train(job, make_rows())
    features = job.catalog["gold.features"]
    smaller = features.model_copy(update={"columns": tuple(c for c in features.columns if c.name != "signal")})
    monkeypatch.setitem(job.catalog._tables, "gold.features", smaller)
    train(job, make_rows(strength=5.0).drop_columns(["signal"]))
    assert "better_than_champion: not computed" in caplog.text
    assert registry.champion_version(job.use_case) == 1


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
    assert registry.champion(job.use_case) is None
    assert model_version(job.use_case, 1).tags["status"] == "awaiting approval"


def test_a_regression_has_an_interval_and_gates_of_its_own(toy, make_rows):
    job = toy(task="regression")
    (job.use_case.folder / "gates.yaml").write_text(REGRESSION_GATES)
    train(job, make_rows(task="regression"))
    champion = registry.champion(job.use_case)
    assert (champion.task, champion.threshold) == ("regression", None)
    assert champion.interval.lower < 0 < champion.interval.upper
    (run,) = runs_of(job)
    assert run.data.metrics["r2"] > 0.5
    assert abs(run.data.metrics["coverage"] - 0.8) < 0.08


def test_a_regression_on_noise_is_refused(toy, make_rows):
    job = toy(task="regression")
    (job.use_case.folder / "gates.yaml").write_text(REGRESSION_GATES)
    with pytest.raises(NightshiftError, match="NO CHAMPION"):
        train(job, make_rows(task="regression", strength=0.0))
