"""What lies in the landing zone, and what the ledger knows of it: a bounded number of dates, and no table is read."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.source import FileSource
from nightshift.declarations.tables import QUARANTINE
from nightshift.declarations.use_case import UseCase
from nightshift.ingest.delivery import MANIFEST, delivered_digests
from nightshift.ledger.queries import IS_HELD
from nightshift.ledger.schema import Entry, InputEntry, engine
from nightshift.stages import LAND, SCORE, STAGES, longest_lookback

_CAME = sa.and_(InputEntry.attempt_id == Entry.attempt_id, InputEntry.batch_date == Entry.batch_date)


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
        rows: how many were published: of the same files other ones, once a rule is mended or rows are released.
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


@dataclass(frozen=True)
class LandingHistory:
    """What is known of the batch dates that are looked at.

    Attributes:
        dates: where changes are looked for; the last one is the newest that was landed.
        delivered: batch date → source → name of file → SHA-256, by the manifests of complete deliveries.
        landings: batch date → source → published attempts, oldest first.
        attempts: stage → batch date → published attempts, oldest first; reaches further back than ``dates`` by what
            features look back.
        reads: batch date → what its published slices of silver were computed from, be they replaced since or not.
        set_aside: batch date → SHA-256 of whole files that the newest landing put into quarantine, as tolerated.
        first_scored: the first batch date that was ever scored.
    """

    dates: BatchDates
    delivered: Mapping[dt.date, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    landings: Mapping[dt.date, Mapping[str, Sequence[Landing]]] = field(default_factory=dict)
    attempts: Mapping[str, Mapping[dt.date, Sequence[Span]]] = field(default_factory=dict)
    reads: Mapping[dt.date, Sequence[SilverInput]] = field(default_factory=dict)
    set_aside: Mapping[dt.date, frozenset[str]] = field(default_factory=dict)
    first_scored: dt.date | None = None

    def landed(self, date: dt.date, source: str) -> frozenset[str] | None:
        """Digests of what a source table holds of a date; none where nothing is, None where they were not kept."""
        landings = self.landings.get(date, {}).get(source)
        return landings[-1].digests if landings else frozenset()

    def differs(self, date: dt.date, source: str) -> bool:
        """Whether the delivery of a date differs from what was landed, as far as it is known."""
        files = self.delivered.get(date, {}).get(source)
        landed = self.landed(date, source)
        if files is None or landed is None:
            return False
        return set(files.values()) - (self.set_aside.get(date, frozenset()) - landed) != landed

    def content_began(self, date: dt.date, source: str) -> Landing | None:
        """The attempt that first landed what a source table holds of a date now.

        Its version is the least that holds it: of a table that was removed and landed anew, versions begin again.
        """
        landings = self.landings.get(date, {}).get(source, ())
        same = list(
            itertools.takewhile(
                lambda each: (each.digests, each.rows) == (landings[-1].digests, landings[-1].rows), reversed(landings)
            )
        )
        versions = [each.version for each in same if each.version is not None]
        return replace(same[-1], version=min(versions, default=None)) if same else None

    def has_content(self, date: dt.date, source: str) -> bool:
        """Whether there are files of a source for a date, once its delivery is landed."""
        if self.differs(date, source):
            return bool(self.delivered[date][source])
        return self.landed(date, source) != frozenset()

    def had_content(self, date: dt.date, source: str) -> bool:
        """Whether there ever were files of a source for a date."""
        return any(landing.digests != frozenset() for landing in self.landings.get(date, {}).get(source, ()))


def look_up(
    use_case: UseCase, catalog: Catalog, all_dates: bool = False, leave_out: Collection[dt.date] = ()
) -> LandingHistory | None:
    """The history of the newest dates, or of all; None if nothing was ever landed."""
    newest = _outermost(use_case, sa.func.max(Entry.batch_date), LAND)
    if newest is None:
        return None
    first = newest - dt.timedelta(days=use_case.delivery.late_days - 1)
    if all_dates or first < use_case.dates.first:
        first = use_case.dates.first
    dates = BatchDates(first, newest)
    back = BatchDates(first - dt.timedelta(days=longest_lookback(use_case)), newest)
    wanted = [date for date in dates if date not in leave_out]
    attempts = _attempts(use_case, back)
    landings, set_aside = _landings(use_case, catalog, dates, attempts[LAND])
    return LandingHistory(
        dates,
        {date: by_source(catalog, files) for date, files in delivered_digests(use_case, wanted).items()},
        landings,
        attempts,
        _reads(use_case, catalog, dates),
        set_aside,
        _outermost(use_case, sa.func.min(Entry.batch_date), SCORE),
    )


def by_source(catalog: Catalog, files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The digests of delivered files by source and name; files of no declared source are left out.

    A manifest that can't be read stands for all of its sources, so that landing it says what is wrong with it.
    """
    return {
        table.name: {name: sha256 for name, sha256 in files.items() if name == MANIFEST or table.source.holds(name)}
        for table in catalog.sources
        if isinstance(table.source, FileSource)
    }


def _outermost(use_case: UseCase, what: sa.ColumnElement[dt.date], stage: str) -> dt.date | None:
    """The first or last batch date of a stage; the index knows both."""
    query = sa.select(what).where(
        Entry.use_case == use_case.name, Entry.table_name == stage, Entry.status == "published"
    )
    with engine().connect() as connection:
        return connection.scalar(query)


def _attempts(use_case: UseCase, dates: BatchDates) -> dict[str, dict[dt.date, list[Span]]]:
    found: dict[str, dict[dt.date, list[Span]]] = {stage: defaultdict(list) for stage in STAGES}
    query = _published(use_case, dates).where(Entry.table_name.in_(STAGES)).order_by(Entry.id)
    with engine().connect() as connection:
        for row in connection.execute(query):
            found[row.table_name][row.batch_date].append(_span(row))
    return found


def _landings(
    use_case: UseCase, catalog: Catalog, dates: BatchDates, stages: Mapping[dt.date, Sequence[Span]]
) -> tuple[dict[dt.date, dict[str, list[Landing]]], dict[dt.date, frozenset[str]]]:
    names = {table.short_name: table.name for table in catalog.sources}
    digests = sa.func.array_agg(InputEntry.version).filter(IS_HELD).label("digests")
    query = (
        _published(use_case, dates)
        .add_columns(
            *(Entry.rows_in, Entry.rows_published, Entry.delta_version),
            digests.label("digests"),
            sa.func.count(InputEntry.id).label("inputs"),
        )
        .outerjoin(InputEntry, _CAME)
        # Other stages, like the erasure of a person, take nothing in.
        .where(Entry.stage == LAND, Entry.table_name.in_([*names, QUARANTINE]))
        .group_by(Entry.id)
        .order_by(Entry.id)
    )
    landings: dict[dt.date, dict[str, list[Landing]]] = {}
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
            landings.setdefault(row.batch_date, {}).setdefault(names[row.table_name], []).append(landing)
    return landings, set_aside


def _reads(use_case: UseCase, catalog: Catalog, dates: BatchDates) -> dict[dt.date, list[SilverInput]]:
    names = {table.short_name: table.name for table in catalog.sources}
    query = (
        _published(use_case, dates)
        .add_columns(InputEntry.name, InputEntry.version)
        .join(InputEntry, _CAME)
        .where(Entry.table_name.in_([table.short_name for table in catalog.layer("silver")]))
        .where(InputEntry.kind == "table", InputEntry.name.in_(names))
    )
    found: dict[dt.date, list[SilverInput]] = defaultdict(list)
    with engine().connect() as connection:
        for row in connection.execute(query):
            found[row.batch_date].append(SilverInput(row.started_at, names[row.name], int(row.version)))
    return found


def _published(use_case: UseCase, dates: BatchDates) -> sa.Select[str, dt.date, dt.datetime, float | None]:
    return sa.select(Entry.table_name, Entry.batch_date, Entry.started_at, Entry.seconds).where(
        Entry.use_case == use_case.name,
        Entry.batch_date.between(dates.first, dates.last),
        Entry.status == "published",
    )


def _span(row: sa.Row[str, dt.date, dt.datetime, float | None]) -> Span:
    return Span(row.started_at, row.started_at + dt.timedelta(seconds=row.seconds or 0))
