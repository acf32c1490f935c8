"""`nightshift erase`: remove a person's rows from all layers."""

from __future__ import annotations

import subprocess
import sys

import click

from nightshift.errors import UsageError
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings


@click.command()
@click.option("--use-case", required=True)
@click.option("--table", required=True, help="A table that knows the person, like bronze.customers.")
@click.option("--column", required=True, help="Its column by whose value the person is found.")
@click.option("--value-from-stdin", is_flag=True, help="Read the value from standard input; else you are asked for it.")
@click.option("--token", help="The token that the lake has for the value, where the value itself is not at hand.")
@click.option("--who", required=True, help="Who carries it out; goes into the ledger.")
@click.option("--why", required=True, help="On what ground, like the number of the request; no personal data.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@pass_settings
def erase(
    settings: Settings,
    use_case: str,
    table: str,
    column: str,
    value_from_stdin: bool,
    token: str | None,
    who: str,
    why: str,
    dry_run: bool,
) -> None:
    """Remove the rows of a person, their older versions, and the archived files that hold them (docs/privacy.md).

    There is no option for the value: command lines are kept in shell histories and shown in lists of processes.
    """
    command = [sys.executable, "-m", "spark_jobs.erase", "--use-case", use_case, "--table", table, "--column", column]
    command += [f"--who={who}", f"--why={why}", *(["--dry-run"] if dry_run else [])]
    if token is not None:
        if value_from_stdin:
            raise UsageError("--token and --value-from-stdin name the person twice: give one of them")
        command.append(f"--token={token}")
        value = ""
    elif value_from_stdin:
        value = sys.stdin.read().rstrip("\r\n")
    else:
        value = click.prompt("Value", hide_input=True, prompt_suffix=" (not shown): ")
    done = subprocess.run(command, input=value, text=True, cwd=settings.project_dir, check=False)
    raise SystemExit(done.returncode)
