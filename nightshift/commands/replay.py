"""`nightshift replay`: compute published scores again and compare the bits."""

from __future__ import annotations

import subprocess
import sys

import click

from nightshift.dates import parse_date
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings


@click.command()
@click.option("--use-case", required=True)
@click.option("--date", required=True, help="Batch date of the scores.")
@click.option("--key", "keys", multiple=True, metavar="NAME=VALUE", help="Only rows with this key; may be repeated.")
@click.option("--score-version", type=int, help="Delta version of the scores; unset: what readers see now.")
@click.option("--list", "only_list", is_flag=True, help="Only list the versions that the date's scores ever had.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_settings
def replay(
    settings: Settings,
    use_case: str,
    date: str,
    keys: tuple[str, ...],
    score_version: int | None,
    only_list: bool,
    as_json: bool,
) -> None:
    """Compute the scores of a batch date again, from the features and the model that they name.

    Every column is compared bit for bit, and nothing is written. It works whatever is champion now, and whatever was
    published since. Exits with another status than 0 when anything differs or no longer exists.
    """
    command = [sys.executable, "-m", "scoring.replay", "--use-case", use_case, "--dates", str(parse_date(date))]
    command += [f"--key={key}" for key in keys]
    command += [] if score_version is None else [f"--score-version={score_version}"]
    command += ["--list"] * only_list + ["--json"] * as_json
    done = subprocess.run(command, cwd=settings.project_dir, check=False)
    raise SystemExit(done.returncode)
