"""What was landed, when, and what was computed from it: entries and inputs of bronze and silver."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import QUARANTINE
from nightshift.ledger.database_engine import engine
from nightshift.ledger.entries import SET_ASIDE, visible_attempts
from nightshift.ledger.ledger_tables import EntryRow, InputRow
from nightshift.stages import LAND, STAGES

# Of a source table's inputs, the files and query results whose rows it holds.
_IS_HELD = sa.and_(InputRow.kind != "table", InputRow.origin.is_distinct_from(SET_ASIDE))
_CAME = sa.and_(InputRow.attempt_id == EntryRow.attempt_id, InputRow.batch_date == EntryRow.batch_date)
LANDED = EntryRow.stage == LAND, EntryRow.table_name != QUARANTINE, EntryRow.delta_version.is_not(None)


@dataclass(frozen=True)
class Span:
    """When a published attempt began and ended, by the clock of the database."""

    started: dt.datetime
    finished: dt.datetime


@dataclass(frozen=True)
class Landing:
    """One published attempt to land a source for one batch date.

    Attributes:
        digests: SHA-256 of the files, or of a query's result; None where the ledger did not keep them yet.
        rows: how many were published: of the same files other ones, once a rule is fixed or rows are released.
        version: the Delta version of the source table that it made.
    """

    span: Span
    digests: frozenset[str] | None
    rows: int | None = None
    version: int | None = None


@dataclass(frozen=True)
class SilverInput:
    """What a published slice of silver was computed from: a source table at a Delta version.

    Attributes:
        began: when the attempt to publish the slice began, after it was read.
    """

    began: dt.datetime
    source: str
    version: int


def delivered(use_case: str, dates: Iterable[dt.date] | None = None) -> dict[dt.date, dict[str, str]]:
    """What the source tables hold of each batch date: SHA-256 by name of file or query.

    Args:
        dates: only these; all that were ever landed if None.
    """
    newest = visible_attempts(use_case, dates).where(*LANDED).subquery()
    query = sa.select(InputRow.batch_date, InputRow.name, InputRow.version).join(
        newest, sa.and_(InputRow.attempt_id == newest.c.attempt_id, InputRow.batch_date == newest.c.batch_date)
    )
    digests: dict[dt.date, dict[str, str]] = {}
    with engine().connect() as connection:
        for date, name, version in connection.execute(query.where(_IS_HELD)):
            digests.setdefault(date, {})[name] = version
    return digests


def delivered_before(use_case: str, digests: Iterable[str]) -> dict[dt.date, dict[str, str]]:
    """What the source tables hold of the batch dates for which any of some files was ever landed."""
    query = sa.select(EntryRow.batch_date).join(InputRow, _CAME).distinct()
    with engine().connect() as connection:
        landed = query.where(EntryRow.use_case == use_case, InputRow.version.in_(list(digests)), *LANDED)
        dates = list(connection.scalars(landed))
    return delivered(use_case, dates) if dates else {}


def first_and_last(use_case: str, stage: str) -> tuple[dt.date, dt.date] | None:
    """The first and the last batch date for which a stage was ever through; the index knows both."""
    query = sa.select(sa.func.min(EntryRow.batch_date), sa.func.max(EntryRow.batch_date)).where(
        EntryRow.use_case == use_case, EntryRow.table_name == stage, EntryRow.status == "published"
    )
    with engine().connect() as connection:
        first, last = connection.execute(query).one()
    return None if first is None else (first, last)


def stage_spans(use_case: str, dates: BatchDates) -> dict[str, dict[dt.date, list[Span]]]:
    """Stage → batch date → published attempts, oldest first."""
    found: dict[str, dict[dt.date, list[Span]]] = {stage: defaultdict(list) for stage in STAGES}
    query = _published(use_case, dates).where(EntryRow.table_name.in_(STAGES)).order_by(EntryRow.id)
    with engine().connect() as connection:
        for row in connection.execute(query):
            found[row.table_name][row.batch_date].append(_span(row))
    return found


def landings(
    catalog: Catalog, dates: BatchDates, stages: Mapping[dt.date, Sequence[Span]]
) -> tuple[dict[dt.date, dict[str, list[Landing]]], dict[dt.date, frozenset[str]]]:
    """What was landed, and what was set aside meanwhile.

    Args:
        catalog: whose sources are meant.
        dates: that are looked at.
        stages: batch date → published attempts of the landing as a whole, oldest first.

    Returns:
        Batch date → source → published attempts, oldest first; and batch date → SHA-256 of whole files that the newest
        landing put into quarantine, as tolerated.
    """
    names = {table.short_name: table.name for table in catalog.sources}
    query = (
        _published(catalog.use_case.name, dates)
        .add_columns(
            *(EntryRow.rows_in, EntryRow.rows_published, EntryRow.delta_version),
            sa.func.array_agg(InputRow.version).filter(_IS_HELD).label("digests"),
            sa.func.count(InputRow.id).label("inputs"),
        )
        .outerjoin(InputRow, _CAME)
        # Other stages, like the erasure of a person, take nothing in.
        .where(EntryRow.stage == LAND, EntryRow.table_name.in_([*names, QUARANTINE]))
        .group_by(EntryRow.id)
        .order_by(EntryRow.id)
    )
    landed: dict[dt.date, dict[str, list[Landing]]] = {}
    set_aside: dict[dt.date, frozenset[str]] = {}
    with engine().connect() as connection:
        for row in connection.execute(query):
            span = _span(row)
            if row.table_name == QUARANTINE:
                # Of a blocked delivery it is published by itself: nothing of that counts as landed.
                newest = stages[row.batch_date][-1] if row.batch_date in stages else None
                if newest and newest.started <= span.started <= newest.finished:
                    set_aside[row.batch_date] = frozenset(row.digests or ())
                continue
            # Rows that came from nothing: landed before the ledger kept digests.
            is_known = row.inputs > 0 or not row.rows_in
            files = frozenset(row.digests or ()) if is_known else None
            landing = Landing(span, files, row.rows_published, row.delta_version)
            landed.setdefault(row.batch_date, {}).setdefault(names[row.table_name], []).append(landing)
    return landed, set_aside


def reads(catalog: Catalog, dates: BatchDates) -> dict[dt.date, list[SilverInput]]:
    """Batch date → what its published slices of silver were computed from, be they replaced since or not."""
    names = {table.short_name: table.name for table in catalog.sources}
    query = (
        _published(catalog.use_case.name, dates)
        .add_columns(InputRow.name, InputRow.version)
        .join(InputRow, _CAME)
        .where(EntryRow.table_name.in_([table.short_name for table in catalog.layer("silver")]))
        .where(InputRow.kind == "table", InputRow.name.in_(names))
    )
    found: dict[dt.date, list[SilverInput]] = defaultdict(list)
    with engine().connect() as connection:
        for row in connection.execute(query):
            found[row.batch_date].append(SilverInput(row.started_at, names[row.name], int(row.version)))
    return found


def _published(use_case: str, dates: BatchDates) -> sa.Select[str, dt.date, dt.datetime, float | None]:
    return sa.select(EntryRow.table_name, EntryRow.batch_date, EntryRow.started_at, EntryRow.seconds).where(
        EntryRow.use_case == use_case,
        EntryRow.batch_date.between(dates.first, dates.last),
        EntryRow.status == "published",
    )


def _span(row: sa.Row[str, dt.date, dt.datetime, float | None]) -> Span:
    return Span(row.started_at, row.started_at + dt.timedelta(seconds=row.seconds or 0))
