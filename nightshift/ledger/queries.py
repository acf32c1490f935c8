"""What the ledger is asked."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from nightshift.declarations.tables import QUARANTINE
from nightshift.ledger.schema import SET_ASIDE, Entry, Environment, Input, InputEntry, ProfileEntry, engine

# Of a source table's inputs, the files and query results whose rows it holds.
IS_HELD = sa.and_(InputEntry.kind != "table", InputEntry.origin.is_distinct_from(SET_ASIDE))


def latest(
    use_case: str | None = None, date: dt.date | None = None, dates: int = 7, published: bool = False
) -> list[Entry]:
    """The newest entry of each table and batch date, newest dates first.

    Args:
        dates: how many of the newest batch dates, where no ``date`` is asked for.
        published: pass over attempts that published nothing.
    """
    asked = [] if use_case is None else [Entry.use_case == use_case]
    if published:
        asked.append(Entry.status == "published")
    if date is None:
        newest_dates = sa.select(Entry.batch_date).where(*asked).distinct().order_by(Entry.batch_date.desc())
        asked.append(Entry.batch_date.in_(newest_dates.limit(dates)))
    else:
        asked.append(Entry.batch_date == date)
    by_slice = sa.select(sa.func.max(Entry.id)).where(*asked)
    newest = by_slice.group_by(Entry.use_case, Entry.table_name, Entry.batch_date)
    query = sa.select(Entry).where(Entry.id.in_(newest)).order_by(Entry.batch_date.desc(), Entry.id)
    with orm.Session(engine()) as session:
        return list(session.scalars(query))


def publications(use_case: str, table_name: str, dates: Iterable[dt.date]) -> list[Entry]:
    """Every entry that made a slice of a table visible, newest first."""
    query = sa.select(Entry).where(
        Entry.use_case == use_case,
        Entry.table_name == table_name,
        Entry.batch_date.in_(list(dates)),
        Entry.status == "published",
        Entry.delta_version.is_not(None),
    )
    with orm.Session(engine()) as session:
        return list(session.scalars(query.order_by(Entry.id.desc())))


def computed_by(entries: Iterable[Entry]) -> Entry | None:
    """The entry whose attempt computed the scores of a batch date; None where there is no entry.

    The erasure of a person publishes the other rows as they were scored: its entry names no model, and is passed over
    where another one does.

    Args:
        entries: of the scores of one batch date, newest first, as :func:`publications` gives them.
    """
    several = list(entries)
    return next((each for each in several if each.model_version is not None), several[0] if several else None)


def environment_of(entry: Entry) -> dict[str, str]:
    """What the attempt of an entry ran in; empty where that was not noted."""
    with engine().connect() as connection:
        found = sa.select(Environment.described).where(Environment.digest == entry.environment)
        return dict(connection.scalar(found) or {})


def inputs(entry: Entry) -> list[Input]:
    """What an attempt took in for the batch date of one of its entries, in the order in which it was noted."""
    query = sa.select(InputEntry).where(
        InputEntry.attempt_id == entry.attempt_id, InputEntry.batch_date == entry.batch_date
    )
    with orm.Session(engine()) as session:
        return [
            Input(each.kind, each.name, each.version, each.rows, each.quarantined, each.deduplicated, each.origin)  # type: ignore[arg-type]
            for each in session.scalars(query.order_by(InputEntry.id))
        ]


def dates_of(attempt_id: uuid.UUID) -> list[dt.date]:
    """The batch dates that an attempt was about."""
    with engine().connect() as connection:
        return list(connection.scalars(sa.select(Entry.batch_date).where(Entry.attempt_id == attempt_id)))


def profiles(use_case: str, table_name: str, dates: Iterable[dt.date]) -> dict[dt.date, dict[str, Any]]:
    """The profile of the published slice of each batch date that has one.

    Args:
        table_name: like ``silver.orders``.
    """
    newest = _newest_published(use_case, dates).where(Entry.table_name == table_name).subquery()
    query = sa.select(ProfileEntry.batch_date, ProfileEntry.profile).join(
        newest,
        sa.and_(ProfileEntry.attempt_id == newest.c.attempt_id, ProfileEntry.batch_date == newest.c.batch_date),
    )
    with engine().connect() as connection:
        return {row.batch_date: row.profile for row in connection.execute(query)}


def delivered(use_case: str, dates: Iterable[dt.date] | None = None) -> dict[dt.date, dict[str, str]]:
    """What the source tables hold of each batch date: SHA-256 by name of file or query.

    Args:
        dates: only these; all that were ever landed if None.
    """
    newest = _newest_published(use_case, dates).where(*_LANDED).subquery()
    query = sa.select(InputEntry.batch_date, InputEntry.name, InputEntry.version).join(
        newest, sa.and_(InputEntry.attempt_id == newest.c.attempt_id, InputEntry.batch_date == newest.c.batch_date)
    )
    digests: dict[dt.date, dict[str, str]] = {}
    with engine().connect() as connection:
        for date, name, version in connection.execute(query.where(IS_HELD)):
            digests.setdefault(date, {})[name] = version
    return digests


def delivered_before(use_case: str, digests: Iterable[str]) -> dict[dt.date, dict[str, str]]:
    """What the source tables hold of the batch dates for which any of some files was ever landed."""
    same = sa.and_(InputEntry.attempt_id == Entry.attempt_id, InputEntry.batch_date == Entry.batch_date)
    query = sa.select(Entry.batch_date).join(InputEntry, same).distinct()
    with engine().connect() as connection:
        landed = query.where(Entry.use_case == use_case, InputEntry.version.in_(list(digests)), *_LANDED)
        dates = list(connection.scalars(landed))
    return delivered(use_case, dates) if dates else {}


_LANDED = Entry.stage == "land", Entry.table_name != QUARANTINE, Entry.delta_version.is_not(None)


def _newest_published(use_case: str, dates: Iterable[dt.date] | None) -> sa.Select[uuid.UUID, dt.date, str]:
    """Attempt and batch date of what readers see now, per table."""
    query = sa.select(Entry.attempt_id, Entry.batch_date, Entry.table_name).where(
        Entry.use_case == use_case, Entry.status == "published", Entry.delta_version.is_not(None)
    )
    if dates is not None:
        query = query.where(Entry.batch_date.in_(list(dates)))
    return query.distinct(Entry.table_name, Entry.batch_date).order_by(
        Entry.table_name, Entry.batch_date, Entry.id.desc()
    )
