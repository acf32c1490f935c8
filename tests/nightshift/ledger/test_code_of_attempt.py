"""The version of the code that is recorded: Git's, or the one that the image's build left."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nightshift.ledger import code_of_attempt


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder of its own as the checkout, which no Git folder is above."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


def version(project: Path) -> str:
    """The version, asked again."""
    return code_of_attempt.code_version.__wrapped__(project)


def commit(project: Path) -> str:
    """Make the folder a checkout of one commit."""
    (project / "job.py").write_text("1\n")
    person = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "job.py"], [*person, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=project, check=True)
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True, check=True)
    return done.stdout[:12]


def test_without_git_it_is_what_the_build_left(project):
    assert version(project) == "unknown"
    (project / code_of_attempt.BAKED).write_text("0123456789ab+changes\n")
    assert version(project) == "0123456789ab+changes"


def test_a_build_that_knew_nothing_left_nothing(project):
    (project / code_of_attempt.BAKED).write_text("\n")
    assert version(project) == "unknown"


def test_it_is_read_where_the_program_git_is_missing(project, monkeypatch):
    (project / code_of_attempt.BAKED).write_text("0123456789ab\n")
    monkeypatch.setenv("PATH", str(project))
    assert version(project) == "0123456789ab"


def test_a_checkout_says_more_than_what_a_build_left(project):
    first = commit(project)
    (project / code_of_attempt.BAKED).write_text("0123456789ab\n")
    assert version(project) == first
    (project / "job.py").write_text("2\n")
    assert version(project) == f"{first}+changes"
