"""What becomes champion, and what does not."""

import logging

import pyarrow as pa
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

from nightshift import registry
from nightshift.errors import NightshiftError
from training.dataset import Rows
from training.split import Periods
from training.train import train_on


def train(job, rows):
    train_on(job, Rows(rows, {"gold/toy/features": 7}, 1.0), Periods.at_end(job.dates, 8, 8), trials=3)


def runs_of(job):
    return registry.client().search_runs([registry.experiment_id(job.use_case)])


def test_a_good_model_becomes_champion_with_all_that_scoring_needs(toy, make_rows):
    job = toy()
    train(job, make_rows())
    champion = registry.champion(job.use_case)
    assert (champion.name, champion.version) == (job.use_case.name, 1)
    assert champion.signature == champion.encoding.features == ("signal", "other", "kind")
    assert champion.booster.startswith("tree\n")
    assert 0 < champion.threshold <= 1
    (run,) = runs_of(job)
    assert run.info.run_id == champion.run_id
    assert run.data.tags["delta_version.gold/toy/features"] == "7"
    assert run.data.tags["gates"] == "passed"
    assert run.data.metrics["auc"] > 0.8
    names = {file.path for file in registry.client().list_artifacts(champion.run_id)}
    assert {"gates.json", "gates.txt", "features.json", "plots"} <= names


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
    assert not registry.client().search_model_versions(f"name='{job.use_case.model_name}'")


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
    rows = rows.set_column(rows.column_names.index("label"), "label", pa.nulls(rows.num_rows, pa.bool_()))
    with pytest.raises(NightshiftError, match="matured"):
        train(job, rows)
    assert runs_of(job) == []


@pytest.mark.parametrize("wanted", ["0", "-1", "latest", "1; DROP", "１"])
def test_only_champion_or_a_number_names_a_model(toy, wanted):
    with pytest.raises(NightshiftError, match="is not a model"):
        registry.resolve(toy().use_case, wanted)


def test_what_does_not_exist_is_refused_with_the_remedy(toy):
    use_case = toy().use_case
    with pytest.raises(NightshiftError, match=r"has no champion.*training\.train"):
        registry.resolve(use_case, "champion")
    with pytest.raises(NightshiftError, match="has no version 3"):
        registry.resolve(use_case, "3")


def test_a_model_without_the_alias_has_no_champion(toy, make_rows):
    job = toy()
    train(job, make_rows())
    registry.client().delete_registered_model_alias(job.use_case.model_name, registry.CHAMPION)
    assert registry.champion(job.use_case) is None


def test_a_registry_that_does_not_answer_is_not_taken_for_one_without_champion(toy, monkeypatch):
    def unreachable(*_):
        raise MlflowException("no connection", error_code=TEMPORARILY_UNAVAILABLE)

    use_case = toy().use_case
    monkeypatch.setattr(registry.client(), "get_model_version_by_alias", unreachable)
    with pytest.raises(MlflowException, match="no connection"):
        registry.champion(use_case)
