"""The command line: quick to start, and every command that it lists is there."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from nightshift.commands import cli
from nightshift.errors import EXIT_FINAL


@pytest.mark.parametrize("name", list(cli._COMMANDS))
def test_every_listed_command_has_help(name):
    answer = CliRunner().invoke(cli.cli, [name, "--help"])
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith("Usage:")


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom nightshift.commands.cli import cli\n"
        "print(CliRunner().invoke(cli, ['--help']).exit_code, "
        "sorted({'pyspark', 'pandas', 'airflow', 'mlflow', 'pydantic', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0 []\n"


def test_what_a_person_can_fix_is_printed_without_a_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "nightshift", "clean", "--yes"],
        env={"NIGHTSHIFT_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == EXIT_FINAL
    assert "is not removed" in done.stderr
    assert "Traceback" not in done.stderr
