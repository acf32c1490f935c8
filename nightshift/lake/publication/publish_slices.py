"""The slices of one stage, from rows to what readers see: all of them or none."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

from nightshift import lake
from nightshift.declarations.tables import Table
from nightshift.job import Job
from nightshift.lake.audit_report import Audit
from nightshift.lake.publication.make_visible import make_visible
from nightshift.lake.publication.staged_slices import Models, Published, Slice
from nightshift.lake.publication.write_and_audit import prepared
from nightshift.ledger.row_accounting import Accounting

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = logging.getLogger("nightshift")
STAGED_AT_ONCE = 2


def publish(
    job: Job,
    table: Table,
    rows: DataFrame | lake.StageFolder | lake.Stage,
    *,
    audit: Audit,
    accounting: Accounting | None = None,
    models: Models | None = None,
    replaces_version: int | None = None,
) -> Published:
    """Stage, audit and publish the slice of ``table`` that ``job`` is about; see `Slice` for the arguments.

    Raises:
        AuditError: if a check that blocks has failed.
        NightshiftError: if the slice does not balance, or its stage changed after it was pinned. In both cases the
            published table is as it was.
    """
    return publish_all(job, [Slice(table, rows, audit, accounting, models, replaces_version)])[0]


def publish_all(job: Job, slices: Sequence[Slice]) -> list[Published]:
    """Stage and audit the slices of several tables, and publish all of them, or none where one is refused.

    While one table is audited, the next is written. All are tried, so that a log tells of every fault. Where a job that
    began later has published these dates meanwhile, nothing is published, and the attempts end as overtaken.

    Raises:
        AuditError, NightshiftError: as `publish` does, for the first table that was refused.
    """
    if len(slices) == 1:
        # Without a thread of its own, in which Spark would look for its session again.
        with prepared(job, slices[0]) as ready:
            return make_visible(job, [ready])
    with ExitStack() as open_attempts, ThreadPoolExecutor(STAGED_AT_ONCE) as pool:
        attempts = [prepared(job, each) for each in slices]
        entered = [pool.submit(each.__enter__) for each in attempts]
        faults = []
        for attempt, each in zip(attempts, entered, strict=True):
            if (fault := each.exception()) is None:
                open_attempts.push(attempt.__exit__)
            else:
                faults.append(fault)
        for fault in faults[1:]:
            log.error("%s", fault)
        if faults:
            raise faults[0]
        return make_visible(job, [each.result() for each in entered])
