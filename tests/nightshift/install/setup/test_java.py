"""Choosing a Java: only 17 and 25, in the order that people expect."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nightshift.install.setup import java


def _fake(home: Path, version: str) -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\necho 'Fake VM (build 1)' >&2\n")
    program.chmod(0o755)
    return home


@pytest.fixture
def no_other_java(monkeypatch):
    """A machine on which only JAVA_HOME and PATH may name a Java."""
    monkeypatch.setattr(java, "_USUAL_PLACES", ())
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")


def test_java_home_comes_before_the_path(tmp_path, monkeypatch, no_other_java):
    wanted, other = _fake(tmp_path / "a", "25.0.1"), _fake(tmp_path / "b", "17.0.2")
    monkeypatch.setenv("JAVA_HOME", str(wanted))
    monkeypatch.setenv("PATH", f"{other / 'bin'}:/usr/bin:/bin")
    found = java.find_java()
    assert found is not None
    assert (found.home, found.major) == (wanted, 25)


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.2", "21.0.1", "26"])
def test_other_versions_are_passed_over(tmp_path, monkeypatch, no_other_java, version):
    monkeypatch.setenv("JAVA_HOME", str(_fake(tmp_path / "wrong", version)))
    right = _fake(tmp_path / "usual" / "jdk", "17.0.15")
    monkeypatch.setattr(java, "_USUAL_PLACES", (str(tmp_path / "usual" / "*"),))
    found = java.find_java()
    assert found is not None
    assert found.home == right


def test_a_java_that_does_not_run_is_none(tmp_path, monkeypatch, no_other_java):
    home = _fake(tmp_path / "broken", "17")
    (home / "bin" / "java").write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert java.find_java() is None


def test_the_shim_drops_the_missing_module_and_keeps_every_other_option(tmp_path):
    real = tmp_path / "a folder" / "java"
    real.parent.mkdir()
    real.write_text('#!/bin/sh\nfor option; do echo "[$option]"; done\n')
    real.chmod(0o755)
    shim = tmp_path / "shim"
    shim.write_text(java._SHIM.format(java=real))
    shim.chmod(0o755)
    options = ["-cp", "a b:c", "--add-modules=jdk.incubator.vector", "-Dx=$HOME 'y'", "", "Main"]
    done = subprocess.run([shim, *options], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[-cp]", "[a b:c]", "[-Dx=$HOME 'y']", "[]", "[Main]"]
