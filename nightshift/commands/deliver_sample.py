"""`nightshift deliver-sample`: plays the systems upstream of a use case."""

from __future__ import annotations

import click

from nightshift import terminal
from nightshift.declarations.use_case import UseCase
from nightshift.declarations.use_case_code import load_module
from nightshift.errors import UsageError
from nightshift.home.command_settings import pass_settings
from nightshift.home.outside_errors import unusable
from nightshift.home.settings import Settings


@click.command("deliver-sample")
@click.argument("use_case")
@click.option("--dates", required=True, metavar="A..B", help="Batch date, or inclusive range: 2013-01-01..2013-10-03.")
@click.option("--force", is_flag=True, help="Replace deliveries that are there with other content.")
@click.option("--quiet", is_flag=True, help="Print the sum only, not a line per date.")
@pass_settings
def deliver_sample(settings: Settings, use_case: str, dates: str, force: bool, quiet: bool) -> None:
    """Deliver sample data of USE_CASE into the landing zone, one folder per batch date.

    A delivery that is already there with equal content is left as it is.
    """
    case = UseCase.load(use_case, settings)
    if case.sample_source is None:
        raise UsageError(f"{case.name} has no sample source (`sample_source` in use_case.yaml)")
    source = load_module(case, case.sample_source)
    landing = settings.landing

    def progress(line: str) -> None:
        if not quiet:
            terminal.echo(line)

    try:
        done = source.deliver(case, case.batch_dates(dates), landing, progress=progress, force=force)
    except OSError as error:
        raise unusable(f"the landing zone {landing} can't be written", error) from error
    terminal.echo(
        f"{case.name}: {len(done.written)} deliveries written, {len(done.unchanged)} found equal, "
        f"in {landing / case.name}"
    )
