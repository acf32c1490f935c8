"""`nightshift features`: what is known of each feature, and dbt's own documentation."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import TYPE_CHECKING

import click

from nightshift import terminal
from nightshift.figures import share
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings
from nightshift.stages import typed

if TYPE_CHECKING:
    from nightshift.catalogue.feature_registry.features_in_use import Registry
    from nightshift.declarations.catalog import Catalog

FEATURE_TITLES = ("feature", "type", "gain", "used by", "nulls", "computed from", "looks back")


@click.command()
@click.option("--use-case", "name", help="Only this use case.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of use cases with their features.")
@click.option("--publish", is_flag=True, help="Also publish it as the table gold.<use case>_feature_registry.")
@click.option("--run-id", default="manual", show_default=True, help="Names the publication in the ledger.")
@pass_settings
def features(settings: Settings, name: str | None, as_json: bool, publish: bool, run_id: str) -> None:
    """Show what each feature means, comes from and holds, and which models use it.

    Writes the same as an HTML page beside the Data Docs, with dbt's documentation of the models that compute it.
    """
    from nightshift.catalogue.feature_registry.features_in_use import registry_of
    from nightshift.catalogue.feature_registry.registry_page import write_registry
    from nightshift.dbt_project.models_and_docs import write_docs
    from nightshift.declarations.found_use_cases import asked_use_cases

    registries: dict[str, Registry] = {}

    def read(catalog: Catalog) -> None:
        registries[catalog.use_case.name] = registry_of(catalog.use_case)

    use_cases = asked_use_cases(settings, name, read).use_cases
    dbt_docs = {use_case.name: write_docs(use_case) for use_case in use_cases}
    pages = {use_case.name: write_registry(use_case, registries[use_case.name]) for use_case in use_cases}
    if publish:
        for registry in registries.values():
            _publish(settings, registry, run_id)
    if as_json:
        found = [{**dataclasses.asdict(registry), "page": str(pages[key])} for key, registry in registries.items()]
        terminal.echo_json(found)
        return
    for key, registry in registries.items():
        _print(registry)
        terminal.echo(f"page: {pages[key]}")
        terminal.echo(f"dbt docs: {dbt_docs[key]}\n")


def _publish(settings: Settings, registry: Registry, run_id: str) -> None:
    """Run the job that publishes the table; what it prints is shown as it comes, and is no part of the output."""
    from nightshift.catalogue.feature_registry.registry_rows import newest_date
    from nightshift.errors import of_status

    named = ("--use-case", registry.use_case, "--dates", str(newest_date(registry)), "--run-id", run_id)
    job = ("spark_jobs.describe_features", *named)
    done = subprocess.run([sys.executable, "-m", *job], cwd=settings.project_dir, stdout=sys.stderr, check=False)
    if done.returncode:
        raise of_status(done.returncode)(
            f"the table was not published, the last lines above say why: then run `{typed(job)}`"
        )


def _print(registry: Registry) -> None:
    champion = f"champion: version {registry.champion}" if registry.champion else "no champion"
    rows = [
        (
            feature.declared.name,
            feature.declared.type,
            share(feature.gain_share),
            ", ".join(f"v{version}" for version in feature.used_by) or terminal.cell(feature.status, "yellow"),
            share(feature.null_share),
            ", ".join(feature.declared.computed_from),
            ", ".join(feature.declared.windows),
        )
        for feature in sorted(registry.features, key=lambda feature: -(feature.gain_share or 0))
    ]
    terminal.print_table(FEATURE_TITLES, rows, right=("gain", "nulls"), title=f"{registry.use_case}, {champion}")
    if registry.unused:
        names = ", ".join(feature.declared.name for feature in registry.unused)
        terminal.echo(names, mark="used by no model:", fg="yellow")
