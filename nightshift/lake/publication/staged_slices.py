"""What is to be published of a table, on its way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightshift import lake, ledger
from nightshift.declarations.tables import Table
from nightshift.job import Job
from nightshift.lake.audit_report import Audit
from nightshift.ledger.row_accounting import Accounting
from nightshift.stages import ERASE, STAGES, command

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Name and version of a model by batch date.
Models = Mapping[dt.date, tuple[str, int]]


@dataclass(frozen=True)
class Published:
    """What a publication did: the Delta version of its commit and the rows per batch date."""

    version: int
    rows: Mapping[dt.date, int]


@dataclass(frozen=True)
class Slice:
    """What is to be published of one table.

    Attributes:
        rows: the slice; or the folder (`lake.stage_folder`) in which it was already written; or that folder pinned,
            where something read it already that must hold of what is published.
        audit: evaluates the table's suite on the staged files.
        accounting: where the rows come from; makes the slice balance per batch date.
        models: name and version of the model that made the rows of each batch date, for the ledger.
        replaces_version: the Delta version that the rows were computed from, where a newer one must not be undone.
    """

    table: Table
    rows: DataFrame | lake.StageFolder | lake.Stage
    audit: Audit
    accounting: Accounting | None = None
    models: Models | None = None
    replaces_version: int | None = None


@dataclass(frozen=True)
class Ready:
    """A slice that is staged and audited, and the rows of each batch date."""

    slice: Slice
    stage: lake.Stage
    rows: Mapping[dt.date, int]
    record: ledger.Attempt


def again(job: Job) -> str:
    """How a person runs a job's stage once more."""
    if job.stage == ERASE:
        return "run the erasure again"
    by_hand = f", or run `{command(job.stage, job.use_case.name, job.dates)}`" if job.stage in STAGES else ""
    return f"clear this task in Airflow{by_hand}"
