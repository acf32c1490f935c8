"""`nightshift models`: which version was live when and why; promote, roll back, block."""

from __future__ import annotations

from dataclasses import asdict

import click
from click.decorators import FC

from nightshift import terminal
from nightshift.commands.audit_pack import audit_pack
from nightshift.commands.model_decisions import block, promote, rollback, unblock
from nightshift.commands.model_tables import metrics_of, moment, print_table, reign_row, shown
from nightshift.commands.models_live_on import live_on
from nightshift.declarations.use_case import UseCase
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings

REIGN_COLUMNS = ("version", "first", "last", "action", "who", "why", "decided_at")
DECISION_COLUMNS = ("decided_at", "action", "version", "first", "who", "why", "run_id")
LIST_COLUMNS = ("version", "status", "champion_from", "champion_to", "made", "loss", "mlflow_run")


@click.group()
def models() -> None:
    """Versions of a use case's model: which was champion when, who decided it, and why (docs/runbooks/rollback.md)."""


for _command in (audit_pack, live_on, promote, rollback, block, unblock):
    models.add_command(_command)


def _options(command: FC) -> FC:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="For programs."),
        click.option("--use-case", required=True),
    ):
        command = option(command)
    return command


@models.command()
@_options
@pass_settings
def history(settings: Settings, use_case: str, as_json: bool) -> None:
    """Show which version was champion of which batch dates, and every decision that was made."""
    from nightshift.models import champions

    made = champions.decisions(UseCase.load(use_case, settings))
    reigns = champions.reigns_of(made)
    if as_json:
        terminal.echo_json(
            {"reigns": [reign_row(each) for each in reigns], "decisions": [asdict(each) for each in made]}
        )
        return
    if not made:
        terminal.echo(f"nothing was decided about a model of {use_case} yet: train one with the DAG {use_case}_train")
        return
    print_table("champions, by batch date", REIGN_COLUMNS, [reign_row(each) for each in reigns])
    print_table("decisions, in their order", DECISION_COLUMNS, [asdict(each) for each in made])


@models.command("list")
@_options
@pass_settings
def list_versions(settings: Settings, use_case: str, as_json: bool) -> None:
    """List the versions in the registry with what became of them.

    A version is champion of the batch dates from `champion_from` on, up to and without `champion_to`.
    """
    from nightshift.models import champions, mlflow_connection

    case = UseCase.load(use_case, settings)
    champions.repair(case)
    rows = [
        {
            "version": version,
            "status": found.tags.get("status", "registered"),
            "champion_from": found.tags.get("champion_from"),
            "champion_to": found.tags.get("champion_to"),
            "made": moment(found.creation_timestamp),
            "loss": metrics_of(settings, str(found.run_id)).get("loss"),
            "mlflow_run": found.run_id,
        }
        for version, found in mlflow_connection.model_versions(case).items()
    ]
    if as_json:
        terminal.echo_json(rows)
    elif rows:
        title = f"versions of {case.model_name}; `champion to` is the first batch date after its last"
        print_table(title, LIST_COLUMNS, rows)
    else:
        terminal.echo(f"{case.model_name} has no version yet: train one with the DAG {use_case}_train")


@models.command()
@click.argument("version", type=int)
@_options
@pass_settings
def show(settings: Settings, version: int, use_case: str, as_json: bool) -> None:
    """Show all that is known of a version: what it is made of, its measures, and what was decided about it."""
    from nightshift.models import champions, mlflow_connection

    case = UseCase.load(use_case, settings)
    found = mlflow_connection.model_version(case, version)
    made = champions.decisions(case)
    decided = [asdict(each) for each in made if each.version == version]
    reigns = [reign_row(each) for each in champions.reigns_of(made) if each.version == version]
    born, run_id = moment(found.creation_timestamp), str(found.run_id)
    tags, metrics = dict(sorted(found.tags.items())), dict(sorted(metrics_of(settings, run_id).items()))
    if as_json:
        terminal.echo_json(
            {"version": version, "mlflow_run": run_id, "made": born, "reigns": reigns, "decisions": decided}
            | {"tags": tags, "metrics": metrics}
        )
        return
    terminal.echo(f"{case.model_name} version {version}, made {shown(born)} by MLflow run {run_id}")
    print_table("champion of", REIGN_COLUMNS, reigns)
    print_table("decisions", DECISION_COLUMNS, decided)
    for title, values in (("tags", tags), ("metrics", metrics)):
        print_table(title, ("name", "value"), [{"name": name, "value": value} for name, value in values.items()])
