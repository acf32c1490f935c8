"""The model that was asked for is used, or none: by batch date, the champion, or a named version."""

from __future__ import annotations

import datetime as dt
import math
import socket
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE

from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.ledger.model_decisions import ROLLED_BACK, add, taking_turns
from nightshift.models import champions, mlflow_connection, resolve_version
from nightshift.models.model_version import load
from tests.registering import FEATURES, register

WANTED = ("as_of", "champion", "version=2")
D1, D5 = dt.date(2013, 10, 1), dt.date(2013, 10, 5)


def dates(text):
    return BatchDates.parse(text)


def resolved(use_case, wanted, text):
    return [(str(part), model.version) for part, model in resolve_version.resolve(use_case, wanted, dates(text))]


@pytest.fixture
def two(use_case):
    """Two versions: 1 reigns from 1 October, 2 from the 5th; and 3, about which nothing was decided."""
    for first in (D1, D5):
        champions.promote(use_case, register(use_case), first, "auto", "why", f"train {first}")
    register(use_case)
    return use_case


@pytest.fixture
def quickly(monkeypatch):
    """What does not answer is waited for a moment only."""
    monkeypatch.setattr(mlflow_connection, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(mlflow_connection, "FIRST_PAUSE_SECONDS", 0.05)


def test_a_version_gives_all_that_scoring_needs_to_the_last_bit(two):
    model = load(two, 1)
    assert (model.name, model.version, model.task) == (two.model_name, 1, "binary")
    assert model.signature == model.encoding.features == FEATURES
    assert model.threshold == 0.1 + 0.2
    assert (model.calibration.kind, model.calibration.slope) == ("platt", 1.5)
    assert model.interval is None
    assert model.booster.startswith("tree\n")


@pytest.mark.parametrize(
    ("wanted", "text", "expected"),
    [
        ("as_of", "2013-10-02", [("2013-10-02", 1)]),
        ("as_of", "2013-10-05", [("2013-10-05", 2)]),
        ("as_of", "2013-10-04..2013-10-06", [("2013-10-04", 1), ("2013-10-05..2013-10-06", 2)]),
        ("champion", "2013-10-01..2013-10-06", [("2013-10-01..2013-10-06", 2)]),
        ("3", "2013-10-01..2013-10-06", [("2013-10-01..2013-10-06", 3)]),
        ("1", "2013-01-01", [("2013-01-01", 1)]),
        ("version=1", "2013-01-01..2013-01-02", [("2013-01-01..2013-01-02", 1)]),
    ],
)
def test_each_date_gets_the_model_that_was_asked_for(two, wanted, text, expected):
    assert resolved(two, wanted, text) == expected


def test_a_champion_that_reigns_twice_scores_both_of_its_times(two):
    champions.roll_back(two, 1, dt.date(2013, 10, 7), "maria", "why", "manual")
    assert resolved(two, "as_of", "2013-10-04..2013-10-08") == [
        ("2013-10-04", 1),
        ("2013-10-05..2013-10-06", 2),
        ("2013-10-07..2013-10-08", 1),
    ]
    assert resolved(two, "champion", "2013-10-05") == [("2013-10-05", 1)]


def test_a_date_before_the_first_champion_is_refused(two):
    with pytest.raises(NightshiftError, match=r"had no champion on 2013-09-29: the first, version 1.*--model 1"):
        resolve_version.resolve(two, "as_of", dates("2013-09-29..2013-10-02"))


def test_a_blocked_version_scores_nothing_however_it_is_asked_for(two):
    champions.block(two, 2, "maria", "it warns of everything", "manual")
    for wanted in ("as_of", "champion", "2"):
        with pytest.raises(NightshiftError, match="version 2 is blocked and nobody may score with it"):
            resolve_version.resolve(two, wanted, dates("2013-10-04..2013-10-06"))
    # The days of the other one are not held up, and a replay reads what was scored then.
    assert resolved(two, "as_of", "2013-10-04") == [("2013-10-04", 1)]
    assert load(two, 2).version == 2


@pytest.mark.parametrize(
    "wanted", ["0", "-1", "latest", "1; DROP", "１", "", "version=", "version=0", "version=as_of", "version=version=1"]
)
def test_only_known_words_or_a_number_name_a_model(use_case, wanted):
    with pytest.raises(NightshiftError, match="is not a model"):
        resolve_version.resolve(use_case, wanted, dates("2013-10-01"))


def test_models_are_refused_that_would_not_be_resolved_any_more(two):
    asked = {wanted: resolve_version.resolve(two, wanted, dates("2013-10-04..2013-10-06")) for wanted in WANTED}

    def refused():
        found = []
        for wanted, models in asked.items():
            try:
                resolve_version.refuse_outdated(two, wanted, models)
            except NightshiftError as error:
                found.append((wanted, str(error)))
        return dict(found)

    assert refused() == {}
    champions.roll_back(two, 1, dt.date(2013, 10, 7), "maria", "why", "manual")
    assert set(refused()) == {"champion"}, "the champions of these dates are the same"
    champions.roll_back(two, 1, dt.date(2013, 10, 6), "maria", "why", "manual")
    found = refused()
    assert set(found) == {"as_of", "champion"}, "a version that was named is scored with whoever is champion"
    assert "by now it is version 1 for 2013-10-06, which version 2 has scored" in found["as_of"]
    assert "by now it is version 1 for 2013-10-04, which version 2 has scored" in found["champion"]
    champions.block(two, 2, "maria", "it warns of everything", "manual")
    found = refused()
    assert set(found) == set(WANTED)
    assert "version 2 is blocked and nobody may score with it" in found["version=2"]


def test_whoever_looks_again_waits_for_who_is_deciding(two):
    models = resolve_version.resolve(two, "as_of", dates("2013-10-05"))
    with ThreadPoolExecutor(1) as pool:
        with taking_turns(two):
            looking = pool.submit(resolve_version.refuse_outdated, two, "as_of", models)
            assert wait([looking], timeout=1).not_done
            add(two, 1, ROLLED_BACK, first=D5, who="maria", why="why", run_id="manual")
        with pytest.raises(NightshiftError, match="the champion changed while 2013-10-05 was being scored"):
            looking.result(timeout=30)


def test_what_does_not_exist_is_refused_with_the_remedy(use_case):
    for wanted in ("champion", "as_of"):
        with pytest.raises(NightshiftError, match=r"has no champion.*training\.train"):
            resolve_version.resolve(use_case, wanted, dates("2013-10-01"))
    with pytest.raises(NightshiftError, match="has no version 3"):
        resolve_version.resolve(use_case, "3", dates("2013-10-01"))
    assert resolve_version.champion(use_case) is None


def test_a_champion_that_was_deleted_from_the_registry_is_not_replaced_by_another(two):
    mlflow_connection.client(get_settings()).delete_model_version(two.model_name, "2")
    for wanted in ("champion", "as_of"):
        with pytest.raises(NightshiftError, match="has no version 2"):
            resolve_version.resolve(two, wanted, dates("2013-10-05"))


def test_a_champion_that_is_gone_for_good_is_blocked_and_no_longer_in_the_way_of_a_training(two):
    mlflow_connection.client(get_settings()).delete_model_version(two.model_name, "2")
    with pytest.raises(NightshiftError, match=r"has no version 2[\s\S]*`nightshift models block 2 --use-case flights_"):
        resolve_version.champion(two)
    champions.block(two, 2, "maria", "its files are lost", "manual")
    assert resolve_version.champion(two) is None
    with pytest.raises(NightshiftError, match="is blocked"):
        resolve_version.resolve(two, "as_of", dates("2013-10-05"))


def test_a_champion_whose_files_are_lost_names_the_way_on(two):
    (Path(folder_of(two, 2)) / "model.lgb").unlink()
    with pytest.raises(NightshiftError, match=r"version 2 is not complete[\s\S]*`nightshift models block 2 "):
        resolve_version.champion(two)


def test_a_blocked_champion_is_no_rival_and_scores_nothing(two, caplog):
    champions.block(two, 2, "maria", "it warns of everything", "manual")
    assert resolve_version.champion_version(two) == 2
    assert resolve_version.champion(two) is None
    assert "version 2 is champion, and blocked: it is no rival" in caplog.text
    with pytest.raises(NightshiftError, match="version 2 is blocked and nobody may score with it"):
        resolve_version.resolve(two, "champion", dates("2013-10-05"))
    champions.unblock(two, 2, "maria", "the data were wrong, not the model", "manual")
    assert resolve_version.champion(two).version == 2


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("model.lgb", lambda path: path.unlink()),
        ("model.lgb", lambda path: path.write_text(path.read_text()[:600])),
        ("MLmodel", lambda path: path.write_text(path.read_text().replace("nightshift_calibration", "other"))),
        ("MLmodel", lambda path: path.write_text(path.read_text().replace("nightshift_threshold", "other"))),
    ],
    ids=["gone", "cut short", "without calibration", "without threshold"],
)
def test_a_version_that_is_not_complete_is_named_and_not_used(two, file, damage):
    (path,) = Path(folder_of(two, 2)).glob(file)
    damage(path)
    with pytest.raises(NightshiftError, match=r"version 2 is not complete"):
        resolve_version.resolve(two, "as_of", dates("2013-10-05"))


def folder_of(use_case, version):
    from mlflow.artifacts import download_artifacts

    return download_artifacts(artifact_uri=f"models:/{use_case.model_name}/{version}")


def test_mlflow_that_answers_again_is_asked_again(two, monkeypatch, quickly):
    answer, calls = mlflow_connection.client(get_settings()).get_model_version, []

    def away_at_first(*arguments):
        calls.append(arguments)
        if len(calls) < 3:
            raise MlflowException("no connection", error_code=TEMPORARILY_UNAVAILABLE)
        return answer(*arguments)

    monkeypatch.setattr(mlflow_connection.client(get_settings()), "get_model_version", away_at_first)
    assert resolved(two, "1", "2013-10-05") == [("2013-10-05", 1)]
    assert len(calls) >= 3


def test_mlflow_that_does_not_answer_is_not_taken_for_one_without_the_model(two, monkeypatch, quickly):
    def unreachable(*_):
        raise MlflowException("no connection", error_code=TEMPORARILY_UNAVAILABLE)

    monkeypatch.setattr(mlflow_connection.client(get_settings()), "get_model_version", unreachable)
    with pytest.raises(NightshiftError, match="MLflow did not answer while reading version 2") as refusal:
        resolve_version.champion(two)
    assert "models block" not in str(refusal.value)


def test_what_mlflow_forbids_is_not_asked_again(two, monkeypatch):
    calls = []

    def forbidden(*_):
        calls.append(1)
        raise MlflowException("not yours", error_code=PERMISSION_DENIED)

    monkeypatch.setattr(mlflow_connection.client(get_settings()), "get_model_version", forbidden)
    with pytest.raises(MlflowException, match="not yours"):
        resolve_version.champion(two)
    assert calls == [1]


def test_a_registry_that_lets_one_only_read_still_scores(two, monkeypatch, caplog):
    mlflow_connection.client(get_settings()).set_registered_model_alias(two.model_name, "champion", "1")

    def forbidden(*_):
        raise MlflowException("not yours", error_code=PERMISSION_DENIED)

    monkeypatch.setattr(mlflow_connection.client(get_settings()), "set_registered_model_alias", forbidden)
    assert resolve_version.champion(two).version == 2
    assert "may be old: not yours" in caplog.text


def test_a_server_that_is_away_is_waited_for_a_bounded_time(use_case, monkeypatch, quickly):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("NIGHTSHIFT_MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    get_settings.cache_clear()
    mlflow_connection.client.cache_clear()
    before = dt.datetime.now(dt.UTC)
    with pytest.raises(NightshiftError, match="MLflow did not answer while looking for the experiment"):
        mlflow_connection.experiment_id(use_case.within(get_settings()))
    assert math.ceil((dt.datetime.now(dt.UTC) - before).total_seconds()) < 60
