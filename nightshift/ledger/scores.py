"""Which version of a model made the scores of a batch date, and which is making them now."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from nightshift.declarations.score_names import SCORES
from nightshift.declarations.use_case import UseCase
from nightshift.ledger.database_engine import engine
from nightshift.ledger.entries import Entry, entries_of
from nightshift.ledger.ledger_tables import EntryRow


@dataclass(frozen=True)
class Scoring:
    """Scores of a batch date that were published: by which version, when its job began to write them, in which run."""

    version: int
    at: dt.datetime
    run_id: str


def scorings(use_case: UseCase, date: dt.date) -> list[Scoring]:
    """The versions that scored a batch date, each with its last time; readers see the scores of the first."""
    columns = (EntryRow.model_version, EntryRow.started_at, EntryRow.run_id)
    query = sa.select(*columns).where(*_made(use_case, "published"), EntryRow.batch_date == date)
    found: dict[int, Scoring] = {}
    with engine().connect() as connection:
        for row in connection.execute(query.order_by(EntryRow.id.desc())):
            found.setdefault(row.model_version, Scoring(row.model_version, row.started_at, row.run_id))
    return list(found.values())


def published_by(use_case: UseCase, first: dt.date) -> dict[dt.date, int | None]:
    """The version that made the scores that readers see of each batch date from ``first`` on."""
    return _newest(use_case, "published", EntryRow.batch_date >= first)


def open_by(use_case: UseCase) -> dict[dt.date, int | None]:
    """The version of the newest open entry of each batch date that is being scored; its process may be gone."""
    return _newest(use_case, "running")


def attempts_of_version(use_case: UseCase, version: int) -> list[tuple[Entry, bool]]:
    """Every attempt of a version to score a batch date, and whether readers see its scores now."""
    mine = entries_of(
        sa.select(EntryRow)
        .where(*_of(use_case), EntryRow.model_version == version)
        .order_by(EntryRow.batch_date, EntryRow.id)
    )
    dates = {each.batch_date for each in mine}
    seen = sa.select(EntryRow.batch_date, sa.func.max(EntryRow.id)).where(
        *_made(use_case, "published"), EntryRow.batch_date.in_(dates)
    )
    with engine().connect() as connection:
        visible = {number for _, number in connection.execute(seen.group_by(EntryRow.batch_date))}
    return [(each, each.id in visible) for each in mine]


def _newest(use_case: UseCase, status: str, *asked: sa.ColumnElement[bool]) -> dict[dt.date, int | None]:
    query = (
        sa.select(EntryRow.batch_date, EntryRow.model_version)
        .where(*_made(use_case, status), *asked)
        .distinct(EntryRow.batch_date)
        .order_by(EntryRow.batch_date, EntryRow.id.desc())
    )
    with engine().connect() as connection:
        return {row.batch_date: row.model_version for row in connection.execute(query)}


def _made(use_case: UseCase, status: str) -> tuple[sa.ColumnElement[bool], ...]:
    # An erasure publishes scores again without having made them.
    return (*_of(use_case), EntryRow.status == status, EntryRow.model_version.is_not(None))


def _of(use_case: UseCase) -> tuple[sa.ColumnElement[bool], ...]:
    return EntryRow.use_case == use_case.name, EntryRow.table_name == SCORES
