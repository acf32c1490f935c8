"""The tables of one stage that dbt computes, from their models to what readers see.

dbt runs the models in the job's Spark session and writes each as Parquet into a stage folder, for the asked batch dates
only. Its data tests and the audit read them there; then they are published.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.dbt_project.build_models import DbtProject
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError
from nightshift.job import Job
from nightshift.lake.audit_report import Audit, Check
from nightshift.lake.publication import Slice, publish_all
from nightshift.lake.stage_inputs import refuse_unpublished
from nightshift.ledger import LOOKED_UP, Input
from nightshift.ledger.row_accounting import Accounting
from nightshift.stages import FEATURES, MARTS, STAGE, command, tables_read
from nightshift.storage import Location

# The stages whose tables dbt computes.
BY_DBT = (FEATURES, MARTS)


@dataclass(frozen=True)
class ModelBuild:
    """The models that one job builds.

    Attributes:
        tables: what they write.
        read_by: the published tables that the model of each table reads.
        versions: their Delta versions, pinned before anything is read; a table that was never published has none.
    """

    project: DbtProject
    tables: Sequence[Table]
    read_by: Mapping[str, Sequence[Table]]
    versions: Mapping[str, int]

    @property
    def sources(self) -> list[Table]:
        """All published tables that the models read."""
        return list({table.short_name: table for several in self.read_by.values() for table in several}.values())


def find_models(job: Job, project: DbtProject) -> ModelBuild:
    """The models of a job's stage, and what they read.

    Raises:
        NightshiftError: if models and declarations contradict each other, or nothing was ever published to a table that
            they read.
    """
    by_stage = {stage: list(filter(STAGE[stage].writes, job.catalog)) for stage in BY_DBT}
    tables = by_stage[job.stage]
    if not tables:
        raise DeclarationError(f"{job.use_case.name} declares no table that {job.stage} computes")
    project.refuse_undeclared({table.identifier for table in job.catalog.layer("gold")})
    names = [[table.identifier for table in several] for several in by_stage.values()]
    project.refuse_unbuilt(chain.from_iterable(names))
    project.refuse_unrun(names)
    read = {table.short_name: project.sources_of([table.identifier]) for table in tables}
    read_by = {name: [table for table in job.catalog if table.full_name in read[name]] for name in read}
    refuse_undeclared_reads(job.stage, job.catalog, read_by)
    models = ModelBuild(project, tables, read_by, {})
    refuse_unpublished(job, models.sources)
    versions = {table.short_name: lake.newest_version(table) for table in models.sources if table.exists()}
    return replace(models, versions=versions)


def refuse_undeclared_reads(stage: str, catalog: Catalog, read_by: Mapping[str, Sequence[Table]]) -> None:
    """Refuse a model that reads what its stage does not: order, late data and missing dates would not know of it.

    Raises:
        DeclarationError: naming model, table and what the stage reads.
    """
    use_case = catalog.use_case
    allowed = {table.short_name for read in STAGE[stage].reads for table in tables_read(read, use_case, catalog)}
    for model, tables in read_by.items():
        if strange := [table.short_name for table in tables if table.short_name not in allowed]:
            raise DeclarationError(
                f"the dbt model of {model} in {use_case.name} reads "
                f"{', '.join(strange)}, which {stage} can't follow: it "
                f"reads {', '.join(sorted(allowed))}",
                remedy="select from these, or compute the table in another stage",
            )


def publish_models(
    job: Job,
    models: ModelBuild,
    audit: Callable[[list[Check]], Audit],
    counted: Callable[[Table], Collection[str]],
    aggregated: bool = False,
) -> None:
    """Build, test, audit and publish the tables of some models, all of them or none.

    Args:
        audit: makes the audit of a table whose data tests have these results.
        counted: names of the tables from whose rows of a batch date those of a table follow.
        aggregated: whether a row stands for several of those rows.

    Raises:
        NightshiftError: if a data test or an audit fails; the published tables are then as they were.
    """
    folders: dict[str, lake.StageFolder] = {}
    try:
        for table in models.tables:
            folders[table.identifier] = lake.stage_folder(table)
        stages, checks = _run_dbt(job, models, folders)
        slices = [
            Slice(
                table,
                stages[table.identifier],
                audit(checks[table.identifier]),
                Accounting(_inputs(job, models, table, counted(table)), aggregated=aggregated),
            )
            for table in models.tables
        ]
        publish_all(job, slices)
    finally:
        for folder in folders.values():
            lake.discard(folder)


def _run_dbt(
    job: Job, models: ModelBuild, folders: Mapping[str, lake.StageFolder]
) -> tuple[dict[str, lake.Stage], dict[str, list[Check]]]:
    """Write and test the models; each is pinned before its tests begin, so that only what they read is published."""
    stages: dict[str, lake.Stage] = {}
    remedy = (
        "look at the examples, fix the model or what it reads, then clear this task in Airflow, or run "
        f"`{command(job.stage, job.use_case.name, job.dates)}`"
    )
    with ExitStack() as watched:

        def pin(model: str) -> None:
            stages[model] = lake.pin(folders[model], job.dates)
            watched.enter_context(stages[model].watched())

        variables = dbt_variables(job, {model: folder.location for model, folder in folders.items()})
        checks = models.project.build(list(folders), variables, remedy=remedy, written=pin)
    return stages, checks


def dbt_variables(job: Job, folders: Mapping[str, Location]) -> dict[str, object]:
    """What the models of a run need to know: its dates, how far they look back, and where to write."""
    return {
        **window_variables(job.use_case, job.dates),
        "stage_folders": {model: folder.for_spark for model, folder in folders.items()},
    }


def window_variables(use_case: UseCase, dates: BatchDates) -> dict[str, object]:
    """The dates of a run, those that its features may look back on, and what numbers deliveries."""
    lookback, calendar = use_case.lookback, use_case.calendar
    return {
        "first_date": str(dates.first),
        "last_date": str(dates.last),
        "lookback_first": str(calendar.begin(dates.first, lookback)),
        "lookback": {lookback.unit: lookback.count},
        "delivery_number": calendar.number_sql("batch_date"),
    }


def _inputs(job: Job, models: ModelBuild, table: Table, counted: Collection[str]) -> dict[dt.date, list[Input]]:
    """What a model reads of each batch date, from the Delta logs; what is not counted is looked up."""
    inputs: dict[dt.date, list[Input]] = {date: [] for date in job.dates}
    for source in models.read_by[table.short_name]:
        version = models.versions.get(source.short_name)
        if version is None:
            continue
        is_counted = source.short_name in counted
        counts = lake.rows_by_date(source, job.dates, version) if is_counted else dict.fromkeys(job.dates, 0)
        for date, rows in counts.items():
            origin = None if is_counted else LOOKED_UP
            inputs[date].append(Input("table", source.short_name, str(version), rows, origin=origin))
    return inputs
