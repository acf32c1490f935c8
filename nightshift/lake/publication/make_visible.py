"""Audited stages are made visible, each in one commit, unless another run was there first."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nightshift import lake, ledger
from nightshift.dates import as_ranges
from nightshift.errors import ConflictError, OvertakenError
from nightshift.job import Job
from nightshift.job_result import hand_over_published
from nightshift.lake.publication.staged_slices import Published, Ready, Slice, again
from nightshift.lake.recovery import recover
from nightshift.ledger.row_accounting import Accounting

if TYPE_CHECKING:
    from deltalake import DeltaTable

log = logging.getLogger("nightshift")
# A night has a handful of sources; a range of a year has hundreds, all of them in the ledger.
SOURCES_NAMED = 20


def make_visible(job: Job, ready: Sequence[Ready]) -> list[Published]:
    """Publish all of them, or none where one is not as it was audited or was overtaken.

    Raises:
        ConflictError: if a stage changed, or a table while it was about to be published.
        OvertakenError: if another run has published a part of them meanwhile.
    """
    # Before the first of them is visible; each is looked at once more at its own commit.
    for each in ready:
        each.stage.refuse_changed()
    if _are_overtaken(job, ready, [each.record.overtaken() for each in ready]):
        return [_overtaken(job, each) for each in ready]
    return [_commit(job, each) for each in ready]


def _are_overtaken(job: Job, ready: Sequence[Ready], published: Sequence[Mapping[dt.date, ledger.Overtaking]]) -> bool:
    """Whether jobs that began later have published all batch dates of all slices, so that nothing is left to do.

    Args:
        published: for each slice what others have published of it meanwhile.

    Raises:
        OvertakenError: if they have published a part of them; or an erasure has, of rows that may be in all of them.
    """
    newer = [
        (each.slice.table, date, other)
        for each, others in zip(ready, published, strict=True)
        for date, other in others.items()
        if other.has_begun_later
    ]
    if not newer:
        return False
    if len(newer) == len(ready) * len(job.dates) and not any(other.is_erasure for *_, other in newer):
        return True
    tables = ", ".join(sorted({table.short_name for table, *_ in newer}))
    runs = ", ".join(sorted({other.run_id for *_, other in newer}))
    ranges = ", ".join(str(dates) for dates in as_ranges((date for _, date, _ in newer), calendar=job.dates.calendar))
    mine = ", ".join(each.slice.table.short_name for each in ready)
    raise OvertakenError(
        f"run {runs} has published {tables} of {ranges} while this one was computing {job.dates}: {mine} of this run "
        "was not published",
        remedy=f"when no other run works on these batch dates, {again(job)}",
    )


def _overtaken(job: Job, ready: Ready) -> Published:
    table, record = ready.slice.table, ready.record
    record.status = "overtaken"
    record.message = "a run that began later has published these batch dates already"
    log.warning("%s %s: %s", table.label, job.dates, record.message)
    return Published(lake.newest_version(table) if table.exists() else 0, ready.rows)


def _commit(job: Job, ready: Ready) -> Published:
    """Make a stage visible."""
    each, record, counts = ready.slice, ready.record, ready.rows
    table = each.table
    with lake.writing(table):
        record.refuse_lost()
        are_settled = recover(job.use_case.name, table)
        # First what the log holds, then what the ledger says of it: so no commit can come in between unseen.
        seen = lake.opened(table)
        published = record.overtaken()
        if _are_overtaken(job, [ready], [published]):
            return _overtaken(job, ready)
        _refuse_newer(each, seen)
        # What is left was published by jobs that began earlier and opened their entries later.
        if published:
            record.move_to_the_end()
        try:
            version = lake.commit(ready.stage, _metadata(job, each.accounting), seen)
        except Exception as error:
            # What follows a commit may fail, like a checkpoint; then the slice is visible all the same.
            version = (seen.version() if seen else -1) + 1
            if not ready.stage.folder.is_published and not lake.is_made_by(table, version, record.attempt_id):
                raise
            log.warning("%s is published as version %d, and then: %s", table.label, version, error)
            ready.stage.folder.is_published = True
        record.published(version, counts)
        if not are_settled:
            # A commit that was on its way when its process was killed can't come any more: this one has its place.
            recover(job.use_case.name, table)
    hand_over_published(table.short_name, job.dates, version, sum(counts.values()))
    log.info("published %s %s: %s rows, version %s", table.label, job.dates, sum(counts.values()), version)
    return Published(version, counts)


def _refuse_newer(each: Slice, seen: DeltaTable | None) -> None:
    newest = None if seen is None else seen.version()
    if each.replaces_version is not None and newest != each.replaces_version:
        raise ConflictError(
            f"{each.table.label} became version {newest} while its version {each.replaces_version} was worked on: "
            "nothing was published",
            remedy="run this again",
        )


def _metadata(job: Job, accounting: Accounting | None) -> dict[str, object]:
    """What a commit says of itself; sources are named up to a number that keeps the log small."""
    sources = {
        f"{each.name}@{each.version}"
        for several in (accounting.inputs if accounting else {}).values()
        for each in several
    }
    return {
        "run": job.run_id,
        "stage": job.stage,
        "code": ledger.code_version(),
        "dates": job.dates,
        "sources": sorted(sources)[:SOURCES_NAMED],
        "sources_in_all": len(sources),
    }
