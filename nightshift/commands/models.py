"""`nightshift models`: which version was live when and why; promote, roll back, block."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from nightshift.commands.audit_pack import audit_pack
from nightshift.commands.model_tables import echo, metrics_of, moment, print_table, shown
from nightshift.dates import BatchDates, parse_date
from nightshift.errors import NightshiftError
from nightshift.settings import get_settings

if TYPE_CHECKING:
    from nightshift.champions import Affected
    from nightshift.use_case import UseCase

REIGN_COLUMNS = ("version", "first", "last", "action", "who", "why", "decided_at")
DECISION_COLUMNS = ("decided_at", "action", "version", "first", "who", "why", "run_id")
LIST_COLUMNS = ("version", "status", "champion_from", "champion_to", "made", "loss", "mlflow_run")
Command = Callable[..., None]


@click.group()
def models() -> None:
    """Versions of a use case's model: which was champion when, who decided it, and why (docs/runbooks/rollback.md)."""


models.add_command(audit_pack)


def _options(command: Command) -> Command:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="For programs."),
        click.option("--use-case", required=True),
    ):
        command = option(command)
    return command


def _decision_options(command: Command) -> Command:
    for option in (
        click.option("--why", required=True, help="In words, for whoever asks in a year."),
        click.option("--who", required=True, help="The person who decided."),
        click.option("--use-case", required=True),
        click.argument("version", type=int),
    ):
        command = option(command)
    return command


@models.command()
@_options
def history(use_case: str, as_json: bool) -> None:
    """Show which version was champion of which batch dates, and every decision that was made."""
    from nightshift import champions

    made = champions.decisions(_load(use_case))
    reigns = champions.reigns_of(made)
    if as_json:
        echo({"reigns": [asdict(each) for each in reigns], "decisions": [asdict(each) for each in made]})
        return
    if not made:
        click.echo(f"nothing was decided about a model of {use_case} yet: train one with the DAG {use_case}_train")
        return
    print_table("champions, by batch date", REIGN_COLUMNS, [asdict(each) for each in reigns])
    print_table("decisions, in their order", DECISION_COLUMNS, [asdict(each) for each in made])


@models.command("live-on")
@click.argument("date")
@_options
def live_on(date: str, use_case: str, as_json: bool) -> None:
    """Show the version that is champion of batch date DATE.

    Exits with 1 where there is none.
    """
    from nightshift import champions

    case = _load(use_case)
    made = champions.decisions(case)
    reign = next((each for each in champions.reigns_of(made) if parse_date(date) in each), None)
    if as_json:
        echo(None if reign is None else asdict(reign))
    elif reign is None:
        click.echo(f"{case.model_name} had no champion on {date}")
    else:
        blocked = " (blocked by now)" if reign.version in champions.blocked(made) else ""
        click.echo(
            f"version {reign.version}{blocked}, {reign.dates}\n{reign.action} by {reign.who} at "
            f"{shown(reign.decided_at)}, run {reign.run_id}: {reign.why}"
        )
    if reign is None:
        raise SystemExit(1)


@models.command("list")
@_options
def list_versions(use_case: str, as_json: bool) -> None:
    """List the versions in the registry with what became of them."""
    from nightshift import champions, tracking

    case = _load(use_case)
    champions.mend(case)
    rows = [
        {
            "version": version,
            "status": found.tags.get("status", "registered"),
            "champion_from": found.tags.get("champion_from"),
            "champion_to": found.tags.get("champion_to"),
            "made": moment(found.creation_timestamp),
            "loss": metrics_of(str(found.run_id)).get("loss"),
            "mlflow_run": found.run_id,
        }
        for version, found in tracking.model_versions(case).items()
    ]
    if as_json:
        echo(rows)
    elif rows:
        print_table(f"versions of {case.model_name}", LIST_COLUMNS, rows)
    else:
        click.echo(f"{case.model_name} has no version yet: train one with the DAG {use_case}_train")


@models.command()
@click.argument("version", type=int)
@_options
def show(version: int, use_case: str, as_json: bool) -> None:
    """Show all that is known of a version: what it is made of, its measures, and what was decided about it."""
    from nightshift import champions, tracking

    case = _load(use_case)
    found = tracking.model_version(case, version)
    made = champions.decisions(case)
    decided = [asdict(each) for each in made if each.version == version]
    reigns = [asdict(each) for each in champions.reigns_of(made) if each.version == version]
    born, run_id = moment(found.creation_timestamp), str(found.run_id)
    tags, metrics = dict(sorted(found.tags.items())), dict(sorted(metrics_of(run_id).items()))
    if as_json:
        echo(
            {"version": version, "mlflow_run": run_id, "made": born, "reigns": reigns, "decisions": decided}
            | {"tags": tags, "metrics": metrics}
        )
        return
    click.echo(f"{case.model_name} version {version}, made {shown(born)} by MLflow run {run_id}")
    print_table("champion of", REIGN_COLUMNS, reigns)
    print_table("decisions", DECISION_COLUMNS, decided)
    for title, values in (("tags", tags), ("metrics", metrics)):
        print_table(title, ("name", "value"), [{"name": name, "value": value} for name, value in values.items()])


@models.command()
@_decision_options
@click.option("--from", "first", help="First batch date; without it, after its training and what is scored already.")
def promote(version: int, use_case: str, who: str, why: str, first: str | None) -> None:
    """Make VERSION champion from a batch date on.

    Where a person approves the next champion, only the people in `training.approval.by` may.
    """
    from nightshift import champions
    from nightshift.champions.approval import typed
    from nightshift.champions.decisions import BY_HAND

    case = _load(use_case)
    who, why = typed(case, who, why)
    date = parse_date(first) if first else _default_first(case, version)
    kept = champions.promote(case, version, date, who, why, BY_HAND)
    click.echo(f"version {kept.version} is champion from {kept.first} on")


@models.command()
@_decision_options
@click.option("--from", "first", required=True, help="First batch date that it is champion of again.")
@click.option("--block-live", is_flag=True, help="Block the version that is champion until then.")
@click.option("--rescore", is_flag=True, help="Make the scores anew that another version made from then on.")
def rollback(version: int, use_case: str, who: str, why: str, first: str, block_live: bool, rescore: bool) -> None:
    """Put VERSION back from a batch date on, and say which scores another version made since."""
    from nightshift import champions
    from nightshift.catalog import Catalog
    from nightshift.champions.decisions import BY_HAND
    from nightshift.champions.rollback import put_back

    case = _load(use_case)
    date = parse_date(first)
    kept = put_back(case, version, date, who, why, BY_HAND, block_live)
    click.echo(f"version {kept.version} is champion from {kept.first} on")
    found = champions.affected(Catalog(case), date)
    if not found.scored_by:
        click.echo(f"no score from {date} on was made by another version")
        return
    click.echo("\n".join(found.lines()))
    if rescore:
        _rescore(found)
    else:
        click.echo("make them anew with --rescore, or by:")
        click.echo("\n".join(f"  python {' '.join(command)}" for command in found.commands()))


@models.command()
@_decision_options
def block(version: int, use_case: str, who: str, why: str) -> None:
    """Refuse VERSION from now on: it scores nothing more and cannot be promoted."""
    from nightshift import champions
    from nightshift.champions.decisions import BY_HAND

    case = _load(use_case)
    kept = champions.block(case, version, who, why, BY_HAND)
    click.echo(f"version {version} is blocked by {kept.who}: {kept.why}")
    for reign in champions.history(case):
        if reign.version == version:
            click.echo(
                f"it is the champion of the batch dates {reign.dates}, which now cannot be scored: put another version "
                f"back with `nightshift models rollback <version> --use-case {use_case} --from {reign.first} …`"
            )


@models.command()
@_decision_options
def unblock(version: int, use_case: str, who: str, why: str) -> None:
    """Take a block of VERSION back."""
    from nightshift import champions
    from nightshift.champions.decisions import BY_HAND

    champions.unblock(_load(use_case), version, who, why, BY_HAND)
    click.echo(f"version {version} is not blocked any more")


def _load(name: str) -> UseCase:
    from nightshift.use_case import UseCase

    return UseCase.load(name)


def _default_first(case: UseCase, version: int) -> dt.date:
    """From the dates of its training, which its MLflow run names."""
    from nightshift import champions, tracking
    from nightshift.catalog import Catalog

    run_id = str(tracking.model_version(case, version).run_id)
    trained = tracking.patiently("reading the run", lambda: tracking.client().get_run(run_id)).data.tags.get("dates")
    if trained is None:
        raise NightshiftError(f"MLflow run {run_id} does not name the dates of its training: say --from")
    return champions.default_first(Catalog(case), BatchDates.parse(trained).last)


def _rescore(found: Affected) -> None:
    """Run the jobs one after the other; their output is shown as it comes."""
    for command in found.commands():
        click.echo(f"python {' '.join(command)}")
        done = subprocess.run([sys.executable, *command], cwd=get_settings().project_dir, check=False)
        if done.returncode:
            raise NightshiftError(
                f"python {' '.join(command)} ended with status {done.returncode}; the version is back all the same. "
                "Mend what its last lines name, and run it and those after it again"
            )
