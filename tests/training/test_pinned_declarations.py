"""What a training is made of, and that nothing of it can change unnoticed."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from nightshift.dates import Length
from nightshift.declarations.dbt_files import models_folder
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from training import pinned_declarations as module
from training.data.time_split import Periods
from training.judging.gates import defaults_of, load_gates
from training.pinned_declarations import Pinned


def tags(job, *, test_days=14, trials=3, rows="as they were"):
    periods = Periods.at_end(job.dates, Length(8), Length(test_days))
    return Pinned.of(job.use_case).tags(job, rows, periods, trials)


def again(job):
    return dataclasses.replace(job, use_case=UseCase.load(job.use_case.name, get_settings()))


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_gates_files_and_digests_are_those_of_the_same_bytes(toy):
    use_case = toy().use_case
    (use_case.folder / "reasons.yaml").write_text("features: {}\n")
    pinned = Pinned.of(use_case)
    assert pinned.gates == load_gates(use_case)
    assert set(pinned.files) == {"use_case.yaml", "gates.yaml", "default_gates.yaml", "reasons.yaml"}
    defaults = defaults_of("binary").read_bytes()
    assert pinned.files["default_gates.yaml"] == defaults
    assert pinned.digests["sha256.default_gates.yaml"] == hashlib.sha256(defaults).hexdigest()
    for name in ("use_case.yaml", "gates.yaml"):
        content = (use_case.folder / name).read_bytes()
        assert pinned.files[name] == content
        assert pinned.digests[f"sha256.{name}"] == hashlib.sha256(content).hexdigest()


def test_without_gates_of_its_own_the_defaults_are_kept(toy):
    use_case = toy().use_case
    (use_case.folder / "gates.yaml").unlink()
    pinned = Pinned.of(use_case)
    assert set(pinned.files) == {"use_case.yaml", "default_gates.yaml"}
    assert pinned.gates == load_gates(use_case)


def test_what_did_not_change_has_equal_tags(toy):
    job = toy()
    assert tags(job) == tags(again(job))
    assert tags(job)["period.test"] == "2024-01-23..2024-02-05"


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (lambda job: tags(job, test_days=15), {"period.train", "period.validation", "period.test"}),
        (lambda job: tags(job, trials=4), {"trials"}),
        (lambda job: tags(job, rows="others"), {"sha256.rows"}),
    ],
)
def test_other_options_and_other_rows_are_another_training(toy, change, differs):
    job = toy()
    before, after = tags(job), change(job)
    assert {name for name in before if before[name] != after[name]} == differs


@pytest.mark.parametrize(
    ("file", "old", "new", "differs"),
    [
        ("gates.yaml", "above: 0.5", "above: 0.6", {"sha256.gates.yaml"}),
        ("use_case.yaml", "missed: 3", "missed: 4", {"sha256.use_case.yaml"}),
        ("use_case.yaml", "training:", "training:\n  seed: 99", {"sha256.use_case.yaml", "seed"}),
        ("features.yml", "name: other,", "name: others,", {"sha256.dbt"}),
    ],
)
def test_other_declarations_are_another_training(toy, file, old, new, differs):
    job = toy()
    before = tags(job)
    models = models_folder(job.use_case)
    edit(models / file if file.endswith(".yml") else job.use_case.folder / file, old, new)
    after = tags(again(job))
    assert {name for name in before if before[name] != after[name]} == differs


def test_models_whose_yaml_has_dbts_other_ending_count_as_well(toy):
    job = toy()
    file = models_folder(job.use_case) / "features.yml"
    file = file.rename(file.with_suffix(".yaml"))
    before = tags(job)
    edit(file, "name: other,", "name: others,")
    assert {name for name, value in tags(again(job)).items() if before[name] != value} == {"sha256.dbt"}


def test_other_code_is_another_training(toy, monkeypatch):
    job = toy()
    before = tags(job)
    monkeypatch.setattr(module, "code_version", lambda: "0123456789ab")
    assert {name for name, value in tags(job).items() if before[name] != value} == {"code_version"}


@pytest.mark.parametrize("file", ["gates.yaml", "use_case.yaml"])
def test_what_is_edited_at_this_very_moment_is_read_again(toy, monkeypatch, file):
    use_case = toy().use_case

    def edited(asked):
        gates = load_gates(asked)
        path = use_case.folder / file
        path.write_text(path.read_text() + "# a word\n")
        return gates

    monkeypatch.setattr(module, "load_gates", edited)
    with pytest.raises(NightshiftError, match="was changed while the training began: start it again"):
        Pinned.of(use_case)


def test_a_use_case_that_is_not_that_of_its_file_any_more_is_refused(toy):
    use_case = toy().use_case
    edit(use_case.folder / "use_case.yaml", "missed: 3", "missed: 4")
    with pytest.raises(NightshiftError, match="was changed while the training began"):
        Pinned.of(use_case)
