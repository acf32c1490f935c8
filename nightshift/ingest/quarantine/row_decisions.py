"""What people decide about quarantined rows, kept in the ledger and applied whenever their files are landed.

A decision is about content: a record of a file by its SHA-256, or all records of that file that break certain rules. So
it holds however often the date is run again, and does not hold for a corrected file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import Mapped, mapped_column

from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table
from nightshift.ledger import Base, engine

Action = Literal["release", "reject"]


class RowDecision(Base):
    """What a person decided; of several about the same rule of the same row, the newest counts."""

    __tablename__ = "quarantine_decisions"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    use_case: Mapped[str]
    table_name: Mapped[str] = mapped_column(doc="the source's bronze table, without its layer")
    batch_date: Mapped[dt.date]
    file: Mapped[str]
    file_sha256: Mapped[str]
    record: Mapped[int | None] = mapped_column(sa.BigInteger, doc="null: every record that breaks the rules")
    rules: Mapped[str] = mapped_column(doc="names, by commas, that it speaks about")
    action: Mapped[str] = mapped_column(doc="release or reject")
    who: Mapped[str]
    why: Mapped[str]
    rows: Mapped[int] = mapped_column(sa.BigInteger, doc="that it was about when it was made")
    rows_in_effect: Mapped[int | None] = mapped_column(
        sa.BigInteger, doc="that it let pass or kept out when the date was last landed; null: not landed since"
    )
    decided_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())

    __table_args__ = (sa.Index("quarantine_decisions_by_slice", "use_case", "batch_date", "table_name"),)


def releasable(table: Table) -> frozenset[str]:
    """Names of the rules that a person may let a row break.

    What is left out can't be waived: a record that can't be read, a value that is not of its type, and one that is
    missing have nothing that could be published.
    """
    bounds = {
        f"{column.name}.{bound}"
        for column in table.data_columns
        if column.role != "lineage"
        for bound in ("accepted", "pattern", "minimum", "maximum")
        if getattr(column, bound) is not None
    }
    return frozenset(bounds | {rule.name for rule in table.rules})


def decisions_of(use_case: str, dates: BatchDates, table_name: str | None = None) -> list[RowDecision]:
    """All decisions about some batch dates, the oldest first."""
    query = sa.select(RowDecision).where(
        RowDecision.use_case == use_case, RowDecision.batch_date >= dates.first, RowDecision.batch_date <= dates.last
    )
    if table_name is not None:
        query = query.where(RowDecision.table_name == table_name)
    with orm.Session(engine()) as session:
        return list(session.scalars(query.order_by(RowDecision.id)))


def record_decisions(made: Iterable[RowDecision]) -> None:
    """Keep decisions, all or none of them."""
    with orm.Session(engine()) as session, session.begin():
        session.add_all(made)


def note_effect(use_case: str, table_name: str, dates: BatchDates, rows: Mapping[int, int]) -> None:
    """Keep how many rows each decision about a landed slice was about in the end.

    Args:
        rows: by number of the decision; those that are not named were about none.
    """
    mine = decisions_of(use_case, dates, table_name)
    if mine:
        update = sa.update(RowDecision).where(RowDecision.id == sa.bindparam("number"))
        with engine().begin() as connection:
            connection.execute(
                update.values(rows_in_effect=sa.bindparam("found")),
                [{"number": each.id, "found": rows.get(each.id, 0)} for each in mine],
            )
