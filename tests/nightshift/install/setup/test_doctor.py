"""The doctor names a remedy for each thing that it finds wrong, and fails when work is impossible."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from nightshift.home.settings import Settings, get_settings
from nightshift.install.setup import doctor, lock_files
from nightshift.install.setup.toolchain import Toolchain


@pytest.fixture
def settings(tmp_path):
    """A new home, and a copy of this checkout's toolchain that tests may damage."""
    own = get_settings().toolchain_dir
    copy = tmp_path / "toolchain"
    copy.mkdir()
    shutil.copy(own / "toolchain.json", copy)
    shutil.copytree(own / "jars", copy / "jars")
    return Settings(home=tmp_path / "home", toolchain_dir=copy)


def _results(settings: Settings) -> dict[str, doctor.Finding]:
    return {finding.check: finding for finding in doctor.examine(settings)}


def test_this_machine_is_fit(settings):
    assert [f for f in doctor.examine(settings) if f.result == "fail"] == []


def test_an_altered_jar_fails(settings):
    next((settings.toolchain_dir / "jars").iterdir()).write_bytes(b"x")
    finding = _results(settings)["jars"]
    assert finding.result == "fail"
    assert "make setup" in finding.remedy


def test_a_java_that_is_gone_fails_and_a_stale_archive_only_warns(settings):
    known = Toolchain.load(settings)
    assert known is not None
    known.model_copy(update={"archive_key": "other files"}).save(settings.toolchain_dir)
    assert _results(settings)["archive"].result == "warn"
    known.model_copy(update={"java_home": "/nonexistent"}).save(settings.toolchain_dir)
    assert _results(settings)["java"].result == "fail"


def test_a_folder_of_other_things_is_no_home(settings):
    settings.home.mkdir()
    (settings.home / "thesis.tex").touch()
    finding = _results(settings)["home"]
    assert (finding.result, "thesis.tex" in finding.found) == ("fail", True)
    assert "NIGHTSHIFT_HOME" in finding.remedy


def test_a_new_home_into_which_something_was_delivered_is_one(settings):
    (settings.home / "landing" / "flight_delays" / "2013-08-03").mkdir(parents=True)
    assert _results(settings)["home"].result == "ok"


def test_a_file_in_the_place_of_the_home_is_said(settings):
    settings.home.touch()
    finding = _results(settings)["home"]
    assert (finding.result, finding.found) == ("fail", f"{settings.home} is no folder")


def test_too_little_disk_fails(settings, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=4_900_000_000)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    finding = _results(settings)["disk"]
    assert (finding.result, finding.found.split(" free")[0]) == ("fail", "4.9 GB")


def test_a_check_that_breaks_is_a_failure_not_a_traceback(settings, monkeypatch):
    monkeypatch.setattr(doctor.java, "inspect", lambda _: 1 / 0)
    assert _results(settings)["java"].result == "fail"


def test_the_exit_status_and_json_tell_a_program(monkeypatch, settings):
    (settings.toolchain_dir / "toolchain.json").unlink()
    answer = CliRunner().invoke(doctor.doctor, ["--json"], obj=settings)
    assert answer.exit_code == 1
    found = {finding["check"]: finding for finding in json.loads(answer.stdout)}
    assert found["java"]["result"] == "fail"
    assert all(finding["remedy"] for finding in found.values() if finding["result"] != "ok")


def test_every_file_that_set_up_reads_is_checked_in():
    for name in ("requirements.lock", "requirements-java.lock", lock_files.RUNTIME, "jars.lock", "Makefile"):
        assert (Path(get_settings().project_dir) / name).is_file()
