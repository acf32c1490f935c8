"""`nightshift erase`: the value reaches the job, and no command line."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from nightshift.commands.erase import erase
from nightshift.errors import NightshiftError

OPTIONS = ["--use-case", "shop", "--table", "bronze.customers", "--column", "email", "--who", "eve", "--why", "-1-"]
VALUE = "ada@example.org"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str]]:
    """The commands that were run, each with its standard input."""
    calls: list[tuple[list[str], str]] = []

    def run(command: list[str], input: str, **_: Any) -> SimpleNamespace:
        calls.append((command, input))
        return SimpleNamespace(returncode=65)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


@pytest.mark.parametrize("more", [["--value-from-stdin"], []], ids=["from a pipe", "asked for"])
def test_the_value_goes_in_by_standard_input(started: list, more: list[str]) -> None:
    done = CliRunner().invoke(erase, [*OPTIONS, *more, "--dry-run"], input=f"{VALUE}\n")
    ((command, given),) = started
    assert given == VALUE
    assert not any(VALUE in argument for argument in command)
    assert command[1:3] == ["-m", "spark_jobs.erase"]
    assert {"--why=-1-", "--who=eve", "--dry-run"} <= set(command)
    assert VALUE not in done.output
    assert done.exit_code == 65


def test_a_token_needs_no_value(started: list) -> None:
    CliRunner().invoke(erase, [*OPTIONS, "--token", "tok_1"])
    ((command, given),) = started
    assert ("--token=tok_1" in command, given) == (True, "")
    with pytest.raises(NightshiftError, match="name the person twice"):
        CliRunner().invoke(erase, [*OPTIONS, "--token", "tok_1", "--value-from-stdin"], catch_exceptions=False)
