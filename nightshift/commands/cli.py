"""`nightshift …`: a registry of commands; each one's module is imported when it is called."""

from __future__ import annotations

import importlib
import sys

import click

from nightshift import terminal
from nightshift.errors import NightshiftError
from nightshift.home.outside_errors import explaining
from nightshift.home.variables import entry

# name → (module, one line of help). The line stands here so that `nightshift --help` imports nothing.
_COMMANDS = {
    "setup": ("install.setup.setup_command", "Make this machine ready: Java, JARs, class-data archive."),
    "doctor": ("install.setup.doctor", "Check this machine and name the remedy for what is wrong."),
    "demo": ("install.demo.demo_command", "From sample data to scored, audited tables, with the UI open."),
    "up": ("install.services.service_commands", "Start the embedded services and print where they are."),
    "down": ("install.services.service_commands", "End every process that this home started."),
    "secrets": ("commands.secrets", "Passwords and keys of docker-compose.yaml."),
    "deliver-sample": ("commands.deliver_sample", "Play the upstream systems of a use case."),
    "sql": ("commands.sql", "Ask the published tables; without a query, list them."),
    "status": ("commands.status", "What the ledger knows per batch date and table."),
    "trace": ("commands.trace", "Where a slice's rows came from, hop by hop, to the files."),
    "late": ("commands.late", "What came late or was corrected, and what it touches."),
    "quarantine": ("commands.quarantine", "See what was not accepted, and decide what becomes of it."),
    "erase": ("commands.erase", "Remove a person's rows from all layers."),
    "contracts": ("commands.contracts", "The tables' data contracts, in the Open Data Contract Standard."),
    "features": ("commands.features", "What each feature means, comes from and holds, and which models use it."),
    "models": ("commands.models", "Which model was live when and why; promote, roll back, block."),
    "replay": ("commands.replay", "Compute scores of a batch date again and compare the bits."),
    "fingerprint": ("commands.fingerprint", "A digest of each published slice, to compare two installations."),
    "lake": ("commands.lake", "Carry the lake to another disk or object store, and prove that it is there."),
    "backup": ("commands.backup", "Write all state of this installation to one file."),
    "restore": ("commands.backup", "Read it into another one, embedded or on servers."),
    "clean": ("install.services.service_commands", "End every process of this home and remove all its state."),
}


class _Lazy(click.Group):
    """A group whose commands are imported on use: `--help` and `sql` start in a fraction of a second."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f"nightshift.{module}"), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


# What needs no state of the home, or deals with one that is half restored.
_STATELESS = ("setup", "doctor", "down", "secrets", "contracts", "lake", "backup", "restore", "clean")


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def cli(context: click.Context) -> None:
    """Nightly batch extract, transform, machine-learn and load.

    All state lies under NIGHTSHIFT_HOME (default: .nightshift in the checkout).

    Exit status: 0 done; 1 the answer is no, or a bug; 2 wrong usage; 65 a person must act; 75 try again later.
    """
    if context.invoked_subcommand not in _STATELESS:
        from nightshift.home.home_folder import refuse_transfer
        from nightshift.home.settings import Settings

        refuse_transfer(context.ensure_object(Settings))


def main() -> None:
    """Entry point: errors for people are printed without a traceback; their exit status is 65, or 75 if temporary."""
    entry.start()
    try:
        with explaining():
            cli()
    except NightshiftError as error:
        terminal.echo(f"nightshift: {error}", fg="red", err=True)
        sys.exit(error.exit_status)
