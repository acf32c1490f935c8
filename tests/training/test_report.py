"""The files that a training leaves in its MLflow run."""

from __future__ import annotations

import csv
import dataclasses
import json
import logging

import pytest

from nightshift.dates import Length
from nightshift.home.postgres_server import database_url
from nightshift.home.settings import get_settings
from training.challenger import Budget, challenge
from training.data.time_split import Periods
from training.judging.gates import load_gates
from training.judging.skew import Skew
from training.report import as_json, write_report

FILES = {
    "by_month.json", "calibration.json", "card", "data.json", "fairness.json", "features.json", "gates.json",
    "gates.txt", "gates.yaml", "learning_curve.json", "measures.json", "plots", "provenance.json", "search.json",
    "skew.json", "slices.json", "suspects.json", "use_case.yaml",
}  # fmt: skip


def refuse(name):
    raise AssertionError(f"{name} is not JSON")


def read(path):
    """As programs read it that know no NaN."""
    return json.loads(path.read_text(), parse_constant=refuse)


def reported(job, dataset, storage, skew=None):
    budget = Budget(3, 600, f"{job.use_case.name}/reported", storage)
    challenger = challenge(job.use_case, dataset, load_gates(job.use_case), budget, None, skew)
    periods = Periods.at_end(job.dates, Length(8), Length(14))
    (job.use_case.folder / "gates.yaml").touch()
    declared = {name: (job.use_case.folder / name).read_bytes() for name in ("use_case.yaml", "gates.yaml")}
    report = write_report(job, challenger, dataset, periods, {"code_version": "abc"}, None, skew, declared)
    (job.use_case.folder / "gates.yaml").write_text("edited: meanwhile\n")
    return report, challenger, declared


def test_everything_is_there_and_every_number_is_json(toy, prepared):
    job = toy(slices=["region"], fairness=["gender"])
    dataset = prepared(job)
    skew = Skew(0, {}, {}, (), ())
    report, challenger, declared = reported(job, dataset, database_url(get_settings(), "optuna"), skew)
    with report as folder:
        assert {path.name for path in folder.iterdir()} == FILES | {"trials.csv"}
        found = {path.stem: read(path) for path in folder.glob("*.json")}
        assert [each["name"] for each in found["gates"]] == [each.name for each in challenger.verdicts]
        assert found["measures"]["judged"]["auc"] == challenger.numbers["auc"]
        assert set(found["measures"]["side_by_side"]) == {"train", "validation", "test", "constant"}
        # The precision of never warning is over nothing.
        assert found["measures"]["side_by_side"]["constant"].get("precision") is None
        assert {each["value"] for each in found["slices"]} == {"north", "south"}
        assert sum(each["rows"] for each in found["fairness"]) == len(dataset.test)
        assert found["features"]["features"] == ["signal", "other", "kind"]
        assert set(found["features"]["drift"]) == {"signal", "other", "kind"}
        assert sum(each["rows"] for each in found["calibration"]["reliability"]) == len(dataset.test)
        assert found["data"]["periods"]["test"] == "2024-01-23..2024-02-05"
        assert found["data"]["coverage"]["2024-01-01"] == [100, 100]
        assert found["provenance"]["code_version"] == "abc"
        assert {name: (folder / name).read_bytes() for name in declared} == declared
        with (folder / "trials.csv").open() as file:
            trials = list(csv.DictReader(file))
        assert len(trials) == 3
        assert {"number", "value", "params_num_leaves", "state"} <= set(trials[0])
        assert {path.name for path in (folder / "card").iterdir()} == {"card.html", "card.md"}
    assert not folder.exists()


def test_the_rise_of_missing_values_is_the_one_that_was_judged(toy, prepared):
    job = toy()
    dataset = prepared(job)
    _, challenger, declared = reported(job, dataset, None)
    assert challenger.numbers["largest_missing_rise"] == max(challenger.missing_rise.values())
    judged = dataclasses.replace(challenger, missing_rise={"signal": 0.4321, "other": 0.0, "kind": 0.0})
    periods = Periods.at_end(job.dates, Length(8), Length(14))
    with write_report(job, judged, dataset, periods, {"code_version": "abc"}, None, None, declared) as folder:
        assert read(folder / "features.json")["missing_rise"] == judged.missing_rise
        assert "| 43.2% |" in (folder / "card/card.md").read_text()


def test_a_study_that_is_not_in_the_database_is_said_and_passed_over(toy, prepared, caplog):
    job = toy(task="regression")
    dataset = prepared(job)
    report, _, _ = reported(job, dataset, None)
    with caplog.at_level(logging.WARNING, "nightshift"), report as folder:
        assert {path.name for path in folder.iterdir()} == FILES
        assert read(folder / "calibration.json")["interval"]["coverage"] == 0.8
    assert "cannot be read" in caplog.text


def test_a_training_that_fails_leaves_no_folder(toy, prepared):
    job = toy()
    report, _, _ = reported(job, prepared(job), None)
    with pytest.raises(ValueError, match="no"), report as folder:
        raise ValueError("no")
    assert not folder.exists()


def test_what_is_not_finite_is_null():
    assert json.loads(as_json({"a": float("nan"), "b": [float("inf"), 1.5]})) == {"a": None, "b": [None, 1.5]}
