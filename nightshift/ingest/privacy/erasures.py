"""What the ledger keeps of personal data: whose key made the tokens, and who was erased."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column

from nightshift.declarations.tables import PiiClass
from nightshift.errors import SettingsError
from nightshift.home.variables.known import PII_KEY
from nightshift.ingest.privacy import tokens
from nightshift.ledger import Base, Entry, engine
from nightshift.ledger.schema import ProfileEntry


class PiiKey(Base):
    """By its fingerprint, the key that made the tokens of a use case."""

    __tablename__ = "pii_keys"

    use_case: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    first_used_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())


class Erasure(Base):
    """One wish to erase a person, by token; its rows are kept out of the lake from then on."""

    __tablename__ = "erasures"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    use_case: Mapped[str]
    pii: Mapped[str] = mapped_column(doc="class of personal data")
    token: Mapped[str]
    who: Mapped[str]
    why: Mapped[str]
    begun_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
    completed_at: Mapped[dt.datetime | None] = mapped_column(sa.DateTime(timezone=True))
    report: Mapped[dict[str, Any] | None] = mapped_column(JSONB, doc="rows per table and date, files")

    __table_args__ = (sa.Index("erasures_by_token", "use_case", "pii", "token"),)


def known_key(use_case: str) -> bytes:
    """The key, if it is the one that made the tokens that the use case has.

    Raises:
        NightshiftError: if it is another one: its tokens would never meet those in the lake.
    """
    key = tokens.load_key()
    mine = tokens.fingerprint(key)
    with engine().begin() as connection:
        connection.execute(insert(PiiKey).values(use_case=use_case, fingerprint=mine).on_conflict_do_nothing())
        known = connection.scalar(sa.select(PiiKey.fingerprint).where(PiiKey.use_case == use_case))
    if known != mine:
        raise SettingsError(
            f"the key for personal data has the fingerprint {mine}, and the tokens of {use_case} were made with the "
            f"key {known}: nothing was read, as the same person would get two tokens. Give back the old key "
            f"({PII_KEY}, or secrets/pii_key in the home); for a new one see docs/privacy.md"
        )
    return key


def begin_erasure(
    use_case: str, pii: PiiClass, token: str, who: str, why: str, report: Mapping[str, Any] | None = None
) -> int:
    """Note a wish before anything is removed, so that no stage brings rows back meanwhile.

    Args:
        report: what was found. Once rows are gone, nothing else tells in which files and older versions they still are.

    Returns:
        The number of the erasure.
    """
    row = Erasure(use_case=use_case, pii=pii, token=token, who=who, why=why, report=dict(report or {}))
    with orm.Session(engine()) as session, session.begin():
        session.add(row)
        session.flush()
        return row.id


def unfinished(use_case: str, pii: PiiClass, token: str) -> list[Mapping[str, Any]]:
    """What erasures of a person found that were cut off, the oldest first."""
    cut_off = sa.select(Erasure.report).where(*_of(use_case, pii, token), Erasure.completed_at.is_(None))
    with engine().connect() as connection:
        reports: list[Mapping[str, Any] | None] = list(connection.scalars(cut_off.order_by(Erasure.id)))
    return [report for report in reports if report is not None]


def complete_erasure(number: int) -> None:
    """Note that all is removed, also what earlier erasures of the same person found that were cut off."""
    with orm.Session(engine()) as session, session.begin():
        mine = session.get_one(Erasure, number)
        same = sa.update(Erasure).where(*_of(mine.use_case, mine.pii, mine.token), Erasure.id <= number)
        session.execute(same.where(Erasure.completed_at.is_(None)).values(completed_at=sa.func.now()))


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


def forget(token: str) -> None:
    """Take a token out of what the ledger tells of slices: profiles that list it, and messages that quote it."""
    with engine().begin() as connection:
        profile = sa.cast(ProfileEntry.profile, sa.Text)
        connection.execute(sa.delete(ProfileEntry).where(profile.contains(token, autoescape=True)))
        masked = sa.update(Entry).where(Entry.message.contains(token, autoescape=True))
        connection.execute(masked.values(message=sa.func.replace(Entry.message, token, tokens.MASK)))


def erased(use_case: str, classes: Iterable[str]) -> list[Erasure]:
    """Who must not come back, the newest wish for each token."""
    query = (
        sa.select(Erasure)
        .where(Erasure.use_case == use_case, Erasure.pii.in_(list(classes)))
        .distinct(Erasure.pii, Erasure.token)
        .order_by(Erasure.pii, Erasure.token, Erasure.id.desc())
    )
    with orm.Session(engine()) as session:
        return list(session.scalars(query))


def _of(use_case: str, pii: str, token: str) -> tuple[sa.ColumnElement[bool], ...]:
    return Erasure.use_case == use_case, Erasure.pii == pii, Erasure.token == token
