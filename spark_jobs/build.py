"""Build the tables that dbt computes: features of scheduled flights, or the marts that analysts read.

dbt runs the models of one layer in this job's Spark session and writes each as Parquet into a stage folder,
for the asked batch dates only. Its data tests and the audit read them there; then they are published.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import expectations
from nightshift import lake
from nightshift.dates import BatchDates, as_ranges
from nightshift.dbt_project.build_models import DbtProject
from nightshift.declarations.feature_registry_table import REGISTRY_TABLE as REGISTRY
from nightshift.declarations.score_names import SCORES
from nightshift.declarations.table_inputs import derivations
from nightshift.declarations.tables import Table
from nightshift.declarations.writing_stage import command_to_write
from nightshift.errors import DeclarationError, MissingError
from nightshift.home.settings import get_settings
from nightshift.job import Job, end, run_job
from nightshift.lake.audit_report import Check
from nightshift.lake.missing_dates import unpublished
from nightshift.lake.publication import Slice, publish_all
from nightshift.ledger import LOOKED_UP, Input
from nightshift.ledger.row_accounting import Accounting
from nightshift.spark_session import session
from nightshift.stages import FEATURES, MARTS, command

log = logging.getLogger("nightshift")
LAYERS = (FEATURES, MARTS)


def main() -> int:
    """Run the job from the command line."""
    return run_job("build", __doc__ or "", build, _add_arguments)


def build(job: Job, arguments: argparse.Namespace) -> None:
    """Compute and publish the tables of one layer.

    Raises:
        NightshiftError: if something that the models read is not there yet, a dbt test fails, or the audit does;
            the published tables are then as they were.
    """
    job = with_dependent_marts(replace(job, stage=arguments.layer))
    refuse_incomplete(job)
    project = DbtProject(get_settings().dbt_dir)
    # Parsing and imports take their seconds while the JVM starts.
    project.start_parsing()
    if job.stage == FEATURES:
        expectations.preload()
    spark = session(f"{job.stage} {job.use_case.name} {job.dates}", job.use_case.spark)
    tables = built_tables(job)
    project.refuse_undeclared(job.use_case.name, {table.identifier for table in job.catalog.layer("gold")})
    project.refuse_unrun(job.use_case.name, map(_names, tables_by_layer(job).values()))
    if job.stage == MARTS:
        project.refuse_untested(_names(tables))
    sources = _sources(job, project, tables)
    refuse_unpublished(job, sources)
    # Pinned before anything is read, so that what the ledger names is what was read.
    versions = {table.short_name: lake.newest_version(table) for table in sources if table.exists()}
    accounts = {
        table.short_name: _accounting(job, table, _sources(job, project, [table]), versions) for table in tables
    }
    lake.register(spark, sources, read_window(job), versions)
    folders = {table.identifier: lake.stage_folder(table) for table in tables}
    try:
        stages, checks = _run_dbt(job, project, tables, folders)
        # Marts say nothing that was not audited before: dbt's tests, profile and history are their audit.
        audits = {
            table.identifier: partial(expectations.audit, tests=checks[table.identifier])
            if job.stage == FEATURES
            else expectations.audit_of_tested(checks[table.identifier])
            for table in tables
        }
        publish_all(
            job,
            [
                Slice(table, stages[table.identifier], audits[table.identifier], accounts[table.short_name])
                for table in tables
            ],
        )
    finally:
        for folder in folders.values():
            lake.discard(folder)


def _run_dbt(
    job: Job, project: DbtProject, tables: Sequence[Table], folders: Mapping[str, Path]
) -> tuple[dict[str, lake.Stage], dict[str, list[Check]]]:
    """Write and test the models; each is pinned before its tests begin, so that only what they read is published."""
    by_name = {table.identifier: table for table in tables}
    stages: dict[str, lake.Stage] = {}
    with ExitStack() as watched:

        def pin(model: str) -> None:
            stages[model] = lake.pin(folders[model], by_name[model], job.dates)
            watched.enter_context(stages[model].watched())

        checks = project.build(list(by_name), dbt_variables(job, folders), remedy=_again(job), written=pin)
    return stages, checks


def with_dependent_marts(job: Job) -> Job:
    """The job, with the dates whose marts also tell of its scores.

    Marts of D compare the scores of the days before with the outcomes that came with D. Where D + 1 is scored already,
    because nights ran out of order or D was scored anew, its marts are made again as well.
    """
    if job.stage != MARTS:
        return job
    later = job.dates.last + dt.timedelta(days=job.use_case.target.maturity_days)
    read = job.catalog[SCORES], job.catalog[f"silver.{job.use_case.target.table}"]
    if any(unpublished(table, BatchDates(job.dates.last, later)) for table in read):
        return job
    return replace(job, dates=BatchDates(job.dates.first, later))


def built_tables(job: Job) -> list[Table]:
    """The published tables among the models of the job's layer.

    Raises:
        DeclarationError: if there is none, or if no layer has the model of a table that is declared.
    """
    found = tables_by_layer(job)[job.stage]
    if not found:
        folder = get_settings().dbt_dir / "models" / job.use_case.name
        raise DeclarationError(f"{job.use_case.name} has no models of the layer {job.stage}: {folder} holds none")
    return found


def tables_by_layer(job: Job) -> dict[str, list[Table]]:
    """The published tables among the models of each layer.

    Raises:
        DeclarationError: if no layer has the model of a table that is declared.
    """
    folder = get_settings().dbt_dir / "models" / job.use_case.name
    computed = [table for table in job.catalog.layer("gold") if table.short_name not in (SCORES, f"gold.{REGISTRY}")]
    layers = {table.short_name: _layers(folder, table) for table in computed}
    for table in computed:
        if not layers[table.short_name]:
            raise DeclarationError(
                f"{job.catalog.file_of(table)}: {table.short_name} is declared, and nothing would ever build it",
                remedy=f"add {table.identifier}.sql in {folder}/{' or '.join(LAYERS)}, or take the table away",
            )
    return {layer: [table for table in computed if layer in layers[table.short_name]] for layer in LAYERS}


def _layers(folder: Path, table: Table) -> list[str]:
    return [layer for layer in LAYERS if (folder / layer / f"{table.identifier}.sql").is_file()]


def refuse_incomplete(job: Job) -> None:
    """Hold what the models read against Delta logs and ledger; this starts no Spark.

    Features may look back on any table of silver; one delivery that is missing would change every rate without a
    trace. Marts need the scores and the outcomes of their own dates.

    Raises:
        NightshiftError: naming the missing dates and how to get them.
    """
    if job.stage == FEATURES:
        for table in job.catalog.layer("silver"):
            _refuse_missing(job, table, read_window(job))
    else:
        for name in (SCORES, f"silver.{job.use_case.target.table}"):
            _refuse_missing(job, job.catalog[name], job.dates)


def _refuse_missing(job: Job, table: Table, needed: BatchDates) -> None:
    starts = _starts(job, table)
    missing = unpublished(table, [date for date in needed if date >= starts])
    if missing:
        ranges = ", ".join(str(dates) for dates in as_ranges(missing))
        raise MissingError(
            f"{job.stage} of {job.dates} need {table.label} of {needed}, and these batch dates are missing: {ranges}\n"
            f"  next: backfill {ranges} in the Airflow UI (DAG {job.use_case.name}_nightly, Trigger, Backfill), or run "
            f"`{command_to_write(table, as_ranges(missing)[0])}`"
            f"{' after land' if table.layer == 'silver' else ''}; then run this stage again"
        )


def _starts(job: Job, table: Table) -> dt.date:
    """The batch date with which the first of the required sources begins that a table is made from."""
    first = job.use_case.dates.first
    sources = [job.catalog[name].source for name in derivations(job.catalog)[table.short_name]]
    return min((source.starts(first) for source in sources if source and source.required), default=first)


def refuse_unpublished(job: Job, sources: Iterable[Table]) -> None:
    """A table to which nothing was ever published is taken for an empty one only before its source begins.

    Raises:
        NightshiftError: naming the table and the command that writes it.
    """
    for table in sources:
        if not table.exists() and job.dates.last >= _starts(job, table):
            raise MissingError(
                f"nothing was ever published to {table.label}, which {job.stage} read\n"
                f"  next: run `{command_to_write(table, job.dates)}`; then run this stage again"
            )


def read_window(job: Job) -> BatchDates:
    """All that models may read: their own dates, and those before them.

    Features look back on `nightly.lookback_days` deliveries, that of the batch date included; `refuse_incomplete` asks
    for all of them. Marts also meet the scores of the dates whose outcomes come only now.
    """
    lookback_days = job.use_case.nightly.lookback_days
    is_features = job.stage == FEATURES
    back = lookback_days - 1 if is_features else max(lookback_days, job.use_case.target.maturity_days)
    return BatchDates(job.dates.first - dt.timedelta(days=back), job.dates.last)


def _sources(job: Job, project: DbtProject, tables: Iterable[Table]) -> list[Table]:
    """The published tables that models read."""
    names = project.sources_of(_names(tables))
    return [table for table in job.catalog if table.full_name in names]


def _accounting(job: Job, table: Table, sources: Sequence[Table], versions: Mapping[str, int]) -> Accounting:
    """What a model reads of each batch date, from the Delta logs.

    Counted are the rows of the date itself from which its own follow: for features the cases, for marts, which
    aggregate, what their sums must agree with. The rest is looked up, often of other dates.
    """
    is_features = job.stage == FEATURES
    counted = {f"silver.{job.use_case.target.cases}"} if is_features else _summed_up(table)
    inputs: dict[dt.date, list[Input]] = {date: [] for date in job.dates}
    for source in sources:
        version = versions.get(source.short_name)
        if version is None:
            continue
        is_counted = source.short_name in counted
        counts = lake.rows_by_date(source, job.dates, version) if is_counted else dict.fromkeys(job.dates, 0)
        for date, rows in counts.items():
            origin = None if is_counted else LOOKED_UP
            inputs[date].append(Input("table", source.short_name, str(version), rows, origin=origin))
    return Accounting(inputs, aggregated=not is_features)


def _summed_up(mart: Table) -> set[str]:
    return {agreement.table for agreement in mart.agrees_with if agreement.days_before == 0}


def dbt_variables(job: Job, stages: Mapping[str, Path]) -> dict[str, object]:
    """What the models of a run need to know: its dates, how far they look back, and where to write."""
    return {
        "first_date": str(job.dates.first),
        "last_date": str(job.dates.last),
        "lookback_days": job.use_case.nightly.lookback_days,
        "stage_folders": {model: str(folder) for model, folder in stages.items()},
    }


def _names(tables: Iterable[Table]) -> list[str]:
    return [table.identifier for table in tables]


def _again(job: Job) -> str:
    return (
        "look at the examples, mend the model or what it reads, then clear this task in Airflow, or run "
        f"`{command(job.stage, job.use_case.name, job.dates)}`"
    )


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--layer", required=True, choices=LAYERS, help="which models to build and publish")


if __name__ == "__main__":
    end(main())
