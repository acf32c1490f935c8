"""Personal data: whose key made the tokens of a use case, and who was erased."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import insert

from nightshift.declarations.tables import PiiClass
from nightshift.ledger.database_engine import engine
from nightshift.ledger.entries import as_value
from nightshift.ledger.ledger_tables import EntryRow, ErasureRow, PiiKeyRow, ProfileRow


@dataclass(frozen=True)
class Erasure:
    """One wish to erase a person, by token; its rows are kept out of the lake from then on.

    Attributes:
        pii: class of personal data.
        report: rows per table and date, files.
    """

    id: int
    use_case: str
    pii: str
    token: str
    who: str
    why: str
    begun_at: dt.datetime
    completed_at: dt.datetime | None
    report: Mapping[str, Any] | None


def first_key(use_case: str, fingerprint: str) -> str:
    """The fingerprint of the key that made the tokens of a use case; from now on the given one where there is none."""
    with engine().begin() as connection:
        connection.execute(
            insert(PiiKeyRow).values(use_case=use_case, fingerprint=fingerprint).on_conflict_do_nothing()
        )
        return connection.execute(sa.select(PiiKeyRow.fingerprint).where(PiiKeyRow.use_case == use_case)).scalar_one()


def begin_erasure(
    use_case: str, pii: PiiClass, token: str, who: str, why: str, report: Mapping[str, Any] | None = None
) -> int:
    """Note a wish before anything is removed, so that no stage brings rows back meanwhile.

    Args:
        report: what was found. Once rows are gone, nothing else tells in which files and older versions they still are.

    Returns:
        The number of the erasure.
    """
    row = ErasureRow(use_case=use_case, pii=pii, token=token, who=who, why=why, report=dict(report or {}))
    with orm.Session(engine()) as session, session.begin():
        session.add(row)
        session.flush()
        return row.id


def unfinished(use_case: str, pii: PiiClass, token: str) -> list[Mapping[str, Any]]:
    """What erasures of a person found that were cut off, the oldest first."""
    cut_off = sa.select(ErasureRow.report).where(*_of(use_case, pii, token), ErasureRow.completed_at.is_(None))
    with engine().connect() as connection:
        reports: list[Mapping[str, Any] | None] = list(connection.scalars(cut_off.order_by(ErasureRow.id)))
    return [report for report in reports if report is not None]


def complete_erasure(number: int) -> None:
    """Note that all is removed, also what earlier erasures of the same person found that were cut off."""
    with orm.Session(engine()) as session, session.begin():
        mine = session.get_one(ErasureRow, number)
        same = sa.update(ErasureRow).where(*_of(mine.use_case, mine.pii, mine.token), ErasureRow.id <= number)
        session.execute(same.where(ErasureRow.completed_at.is_(None)).values(completed_at=sa.func.now()))


def merged(reports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Several reports of one person as one; of rows that several of them found, the most count."""
    rows: dict[str, dict[str, int]] = {}
    archived: dict[str, None] = {}
    places: dict[str, dict[str, list[Any]]] = {"landed": {}, "databases": {}}
    for report in reports:
        for table, dates in report.get("rows", {}).items():
            known = rows.setdefault(table, {})
            known.update({date: max(number, known.get(date, 0)) for date, number in dates.items()})
        archived |= dict.fromkeys(report.get("archived", ()))
        for kind, known_places in places.items():
            for place, several in report.get(kind, {}).items():
                known_places[place] = sorted({*known_places.get(place, ()), *several})
    return {"rows": rows, "archived": list(archived), **places}


def forget(token: str, mask: str) -> None:
    """Take a token out of what the ledger tells of slices: profiles that list it, and messages that quote it."""
    with engine().begin() as connection:
        profile = sa.cast(ProfileRow.profile, sa.Text)
        connection.execute(sa.delete(ProfileRow).where(profile.contains(token, autoescape=True)))
        masked = sa.update(EntryRow).where(EntryRow.message.contains(token, autoescape=True))
        connection.execute(masked.values(message=sa.func.replace(EntryRow.message, token, mask)))


def erased(use_case: str, classes: Iterable[str]) -> list[Erasure]:
    """Who must not come back, the newest wish for each token."""
    query = (
        sa.select(ErasureRow)
        .where(ErasureRow.use_case == use_case, ErasureRow.pii.in_(list(classes)))
        .distinct(ErasureRow.pii, ErasureRow.token)
        .order_by(ErasureRow.pii, ErasureRow.token, ErasureRow.id.desc())
    )
    with orm.Session(engine()) as session:
        return [as_value(Erasure, row) for row in session.scalars(query)]


def _of(use_case: str, pii: str, token: str) -> tuple[sa.ColumnElement[bool], ...]:
    return ErasureRow.use_case == use_case, ErasureRow.pii == pii, ErasureRow.token == token
