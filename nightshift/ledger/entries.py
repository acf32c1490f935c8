"""What attempts left in the ledger: an entry for each batch date, with what went in and what the slice looked like."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy import orm

from nightshift.home.postgres_server import database_url
from nightshift.home.settings import Settings
from nightshift.ledger.database_engine import engine
from nightshift.ledger.ledger_tables import Base, EntryRow, EnvironmentRow, InputRow, ProfileRow

# The origin of inputs that give values and no rows, like reference data.
LOOKED_UP = "looked up"
# The origin of a table whose rows are accounted for by the files that they were landed from.
BY_FILE = "read, by file"
# The origin of a file that came for a source table, and of which nothing was taken: a fault that is tolerated.
SET_ASIDE = "set aside as a whole"
Plain = TypeVar("Plain")


@dataclass(frozen=True)
class Entry:
    """One attempt to publish one batch date of one table, or to run one stage for it.

    Attributes:
        began: id of the first entry of the attempt's job, made before it read anything.
        table_name: layer.table, like ``silver.orders``; for a whole stage its name.
        status: running, published, overtaken (by a later attempt), refused (by audit, balance), failed.
        stage_sha256: of the audited files, as in the Delta commit.
        warnings: checks of the audit that warned.
        audit_page: below the folder of the audit pages.
        environment: digest of what it ran in.
        seconds: of the whole attempt, all its batch dates together.
    """

    id: int
    attempt_id: uuid.UUID
    use_case: str
    stage: str
    table_name: str
    batch_date: dt.date
    run_id: str
    status: str
    code_version: str
    started_at: dt.datetime
    began: int | None = None
    rows_in: int | None = None
    rows_published: int | None = None
    rows_quarantined: int | None = None
    rows_deduplicated: int | None = None
    delta_version: int | None = None
    stage_sha256: str | None = None
    warnings: int | None = None
    audit_page: str | None = None
    model_name: str | None = None
    model_version: int | None = None
    environment: str | None = None
    seconds: float | None = None
    message: str | None = None


@dataclass(frozen=True)
class Input:
    """Where rows of a batch date came from, and how many of them were set aside.

    Attributes:
        kind: a delivered file, the result of a query, or a published table.
        name: name of the file within its delivery, or ``layer.table``.
        version: SHA-256 of a file or result, Delta version of a table.
        rows: how many rows it gave.
        quarantined: of them, set aside with a reason.
        deduplicated: of them, older or doubled rows of a key.
        origin: where it came from, for people.
    """

    kind: Literal["file", "query", "table"]
    name: str
    version: str
    rows: int
    quarantined: int = 0
    deduplicated: int = 0
    origin: str | None = None


def as_value(kind: type[Plain], row: Base) -> Plain:
    """A row of a table as a value that outlives its session."""
    return kind(**{each.name: getattr(row, each.name) for each in fields(kind)})  # type: ignore[arg-type]


def entries_of(query: sa.Select[EntryRow]) -> list[Entry]:
    """The entries that a query finds, for modules of this room."""
    with orm.Session(engine()) as session:
        return [as_value(Entry, row) for row in session.scalars(query)]


def latest(
    use_case: str | None = None, date: dt.date | None = None, dates: int = 7, published: bool = False
) -> list[Entry]:
    """The newest entry of each table and batch date, newest dates first.

    Args:
        dates: how many of the newest batch dates, where no ``date`` is asked for.
        published: pass over attempts that published nothing.
    """
    asked = [] if use_case is None else [EntryRow.use_case == use_case]
    if published:
        asked.append(EntryRow.status == "published")
    if date is None:
        newest_dates = sa.select(EntryRow.batch_date).where(*asked).distinct().order_by(EntryRow.batch_date.desc())
        asked.append(EntryRow.batch_date.in_(newest_dates.limit(dates)))
    else:
        asked.append(EntryRow.batch_date == date)
    by_slice = sa.select(sa.func.max(EntryRow.id)).where(*asked)
    newest = by_slice.group_by(EntryRow.use_case, EntryRow.table_name, EntryRow.batch_date)
    query = sa.select(EntryRow).where(EntryRow.id.in_(newest))
    return entries_of(query.order_by(EntryRow.batch_date.desc(), EntryRow.id))


def publications(use_case: str, table_name: str, dates: Iterable[dt.date]) -> list[Entry]:
    """Every entry that made a slice of a table visible, newest first."""
    query = with_version(use_case, table_name, dates).where(EntryRow.status == "published")
    return entries_of(query.order_by(EntryRow.id.desc()))


def with_version(use_case: str, table_name: str, dates: Iterable[dt.date]) -> sa.Select[EntryRow]:
    """What finds the entries of a table that name a Delta version, for modules of this room."""
    return sa.select(EntryRow).where(
        EntryRow.use_case == use_case,
        EntryRow.table_name == table_name,
        EntryRow.batch_date.in_(list(dates)),
        EntryRow.delta_version.is_not(None),
    )


def newest_entry(home: Settings) -> int:
    """Number of the newest entry, 0 without one; neither changes an older schema nor leaves a connection open."""
    with sa.create_engine(database_url(home, "ledger"), poolclass=sa.NullPool).connect() as connection:
        if not sa.inspect(connection).has_table("entries"):
            return 0
        return int(connection.scalar(sa.text("SELECT coalesce(max(id), 0) FROM entries")) or 0)


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
        found = sa.select(EnvironmentRow.described).where(EnvironmentRow.digest == entry.environment)
        return dict(connection.scalar(found) or {})


def inputs(entry: Entry) -> list[Input]:
    """What an attempt took in for the batch date of one of its entries, in the order in which it was noted."""
    return inputs_of([entry]).get(entry.id, [])


def inputs_of(entries: Collection[Entry]) -> dict[int, list[Input]]:
    """What the attempts of some entries took in for their batch dates, by the entry's id."""
    by_slice = {(entry.attempt_id, entry.batch_date): entry.id for entry in entries}
    query = sa.select(InputRow).where(
        InputRow.attempt_id.in_({attempt for attempt, _ in by_slice}),
        InputRow.batch_date.in_({date for _, date in by_slice}),
    )
    found: dict[int, list[Input]] = defaultdict(list)
    with orm.Session(engine()) as session:
        for each in session.scalars(query.order_by(InputRow.id)):
            if (number := by_slice.get((each.attempt_id, each.batch_date))) is not None:
                found[number].append(as_value(Input, each))
    return dict(found)


def dates_of(attempt_id: uuid.UUID) -> list[dt.date]:
    """The batch dates that an attempt was about."""
    with engine().connect() as connection:
        return list(connection.scalars(sa.select(EntryRow.batch_date).where(EntryRow.attempt_id == attempt_id)))


def profiles(use_case: str, table_name: str, dates: Iterable[dt.date]) -> dict[dt.date, dict[str, Any]]:
    """The profile of the published slice of each batch date that has one.

    Args:
        table_name: like ``silver.orders``.
    """
    newest = visible_attempts(use_case, dates).where(EntryRow.table_name == table_name).subquery()
    query = sa.select(ProfileRow.batch_date, ProfileRow.profile).join(
        newest,
        sa.and_(ProfileRow.attempt_id == newest.c.attempt_id, ProfileRow.batch_date == newest.c.batch_date),
    )
    with engine().connect() as connection:
        return {row.batch_date: row.profile for row in connection.execute(query)}


def visible_attempts(use_case: str, dates: Iterable[dt.date] | None) -> sa.Select[uuid.UUID, dt.date, str]:
    """What finds attempt and batch date of what readers see now, per table, for modules of this room."""
    query = sa.select(EntryRow.attempt_id, EntryRow.batch_date, EntryRow.table_name).where(
        EntryRow.use_case == use_case, EntryRow.status == "published", EntryRow.delta_version.is_not(None)
    )
    if dates is not None:
        query = query.where(EntryRow.batch_date.in_(list(dates)))
    return query.distinct(EntryRow.table_name, EntryRow.batch_date).order_by(
        EntryRow.table_name, EntryRow.batch_date, EntryRow.id.desc()
    )
