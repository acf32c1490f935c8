"""Commands of `nightshift models` that decide: promote, roll back, block, unblock."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click
from click.decorators import FC

from nightshift import stages, terminal
from nightshift.dates import BatchDates, parse_date
from nightshift.declarations.use_case import UseCase
from nightshift.errors import UsageError, of_status
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings

if TYPE_CHECKING:
    from nightshift.models.champions import Affected, Decision


def _options(command: FC) -> FC:
    for option in (
        click.option("--why", required=True, help="In words, for whoever asks in a year."),
        click.option("--who", required=True, help="The person who decided."),
        click.option("--use-case", required=True),
        click.argument("version", type=int),
    ):
        command = option(command)
    return command


@click.command()
@_options
@click.option("--from", "first", help="First batch date; without it, after its training and what is scored already.")
@click.option("--cleared", multiple=True, help="Feature that may know the outcome, and that you looked at; repeat it.")
@pass_settings
def promote(
    settings: Settings, version: int, use_case: str, who: str, why: str, first: str | None, cleared: tuple[str, ...]
) -> None:
    """Make VERSION champion from a batch date on.

    Where a person approves the next champion, only the people in `training.approval.by` may. Each feature of the
    version that is suspected of knowing the outcome must be named with `--cleared`.
    """
    from nightshift.ledger.model_decisions import BY_HAND
    from nightshift.models import champions
    from nightshift.models.champions.approvers import who_and_why

    case = UseCase.load(use_case, settings)
    who, why = who_and_why(case, version, who, why)
    date = case.batch_dates(str(parse_date(first))).first if first else _default_first(case, version)
    kept = champions.promote(case, version, date, who, why, BY_HAND, cleared=cleared)
    _say_champion(kept, use_case)


@click.command()
@_options
@click.option("--from", "first", required=True, help="First batch date that it is champion of again.")
@click.option("--block-live", is_flag=True, help="Block the version that is champion until then.")
@click.option("--rescore", is_flag=True, help="Make the scores again that another version made from then on.")
@pass_settings
def rollback(
    settings: Settings, version: int, use_case: str, who: str, why: str, first: str, block_live: bool, rescore: bool
) -> None:
    """Put VERSION back from a batch date on, and say which scores another version made since."""
    from nightshift.declarations.catalog import Catalog
    from nightshift.ledger.model_decisions import BY_HAND
    from nightshift.models import champions
    from nightshift.models.champions.decisions_without_effect import NothingDecidedError

    case = UseCase.load(use_case, settings)
    date = case.batch_dates(str(parse_date(first))).first
    nothing = None
    try:
        kept = champions.roll_back(case, version, date, who, why, BY_HAND, blocks_live=block_live)
        _say_champion(kept, use_case)
    except NothingDecidedError as error:
        if not rescore:
            raise
        # The scores may be another version's all the same, and that they are made again was asked for as well.
        terminal.echo(str(error))
        nothing = error
    found = champions.affected(Catalog(case), date)
    if not found.scored_by:
        terminal.echo(f"no score from {date} on was made by another version")
    elif rescore:
        terminal.echo("\n".join(found.lines()))
        _rescore(settings, found)
    else:
        terminal.echo("\n".join(found.lines()))
        terminal.echo("make them again with --rescore, or by:")
        terminal.echo("\n".join(f"  {stages.typed(command)}" for command in found.commands()))
    if nothing is not None:
        raise nothing


@click.command()
@_options
@pass_settings
def block(settings: Settings, version: int, use_case: str, who: str, why: str) -> None:
    """Refuse VERSION from now on: it scores nothing more and cannot be promoted."""
    from nightshift.ledger.model_decisions import BY_HAND
    from nightshift.models import champions

    case = UseCase.load(use_case, settings)
    kept = champions.block(case, version, who, why, BY_HAND)
    terminal.echo(f"version {version} is blocked by {kept.who}: {kept.why}")
    for reign in champions.history(case):
        if reign.version == version:
            terminal.echo(
                f"it is the champion of the batch dates {reign.dates}, which now cannot be scored: put another version "
                f"back with `nightshift models rollback <version> --use-case {use_case} --from {reign.first} "
                "--who … --why …`"
            )


@click.command()
@_options
@pass_settings
def unblock(settings: Settings, version: int, use_case: str, who: str, why: str) -> None:
    """Take a block of VERSION back."""
    from nightshift.ledger.model_decisions import BY_HAND
    from nightshift.models import champions

    champions.unblock(UseCase.load(use_case, settings), version, who, why, BY_HAND)
    terminal.echo(f"version {version} is not blocked any more")


def _say_champion(kept: Decision, use_case: str) -> None:
    terminal.echo(f"version {kept.version} is champion from {kept.first} on")
    terminal.echo(f"the feature registry says so after `nightshift features --use-case {use_case} --publish`")


def _default_first(case: UseCase, version: int) -> Callable[[], dt.date]:
    """From the dates of its training, which its MLflow run names; to be called once no score begins any more."""
    from nightshift.declarations.catalog import Catalog
    from nightshift.models import champions, mlflow_connection

    run_id = str(mlflow_connection.model_version(case, version).run_id)
    trained = mlflow_connection.patiently(
        "reading the run", lambda: mlflow_connection.client(case.home).get_run(run_id)
    ).data.tags.get("dates")
    if trained is None:
        raise UsageError(f"MLflow run {run_id} does not name the dates of its training: say --from")
    return partial(champions.default_first, Catalog(case), BatchDates.parse(trained, case.calendar).last)


def _rescore(settings: Settings, found: Affected) -> None:
    """Run the jobs one after the other; their output is shown as it comes."""
    for command in found.commands():
        terminal.echo(stages.typed(command))
        done = subprocess.run([sys.executable, "-m", *command], cwd=settings.project_dir, check=False)
        if done.returncode:
            raise of_status(done.returncode)(
                f"{stages.typed(command)} ended with status {done.returncode}; the version is back all the same. "
                "Fix what its last lines name, and run it and those after it again"
            )
