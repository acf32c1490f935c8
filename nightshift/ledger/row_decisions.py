"""What people decide about quarantined rows, applied whenever their files are landed.

A decision is about content: a record of a file by its SHA-256, or all records of that file that break certain rules. So
it holds however often the date is run again, and does not hold for a corrected file.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import orm

from nightshift.dates import BatchDates
from nightshift.ledger.database_engine import engine
from nightshift.ledger.entries import as_value
from nightshift.ledger.ledger_tables import RowDecisionRow

Action = Literal["release", "reject"]


@dataclass(frozen=True)
class RowDecision:
    """What a person decided; of several about the same rule of the same row, the newest counts.

    Attributes:
        table_name: the source's bronze table, without its layer.
        record: None: every record that breaks the rules.
        rules: names, by commas, that it speaks about.
        rows: that it was about when it was made.
        rows_in_effect: that it let pass or kept out when the date was last landed; None: not landed since.
        id: given when it is kept; newer ones have greater ones.
    """

    use_case: str
    table_name: str
    batch_date: dt.date
    file: str
    file_sha256: str
    record: int | None
    rules: str
    action: Action
    who: str
    why: str
    rows: int
    rows_in_effect: int | None = None
    id: int = 0


def decisions_of(use_case: str, dates: BatchDates, table_name: str | None = None) -> list[RowDecision]:
    """All decisions about some batch dates, the oldest first."""
    query = sa.select(RowDecisionRow).where(
        RowDecisionRow.use_case == use_case, RowDecisionRow.batch_date.between(dates.first, dates.last)
    )
    if table_name is not None:
        query = query.where(RowDecisionRow.table_name == table_name)
    with orm.Session(engine()) as session:
        return [as_value(RowDecision, row) for row in session.scalars(query.order_by(RowDecisionRow.id))]


def record_decisions(made: Iterable[RowDecision]) -> None:
    """Keep decisions, all or none of them."""
    rows = [{name: value for name, value in asdict(each).items() if name != "id"} for each in made]
    if rows:
        with engine().begin() as connection:
            connection.execute(sa.insert(RowDecisionRow), rows)


def note_effect(use_case: str, table_name: str, dates: BatchDates, rows: Mapping[int, int]) -> None:
    """Keep how many rows each decision about a landed slice was about in the end.

    Args:
        rows: by number of the decision; those that are not named were about none.
    """
    mine = decisions_of(use_case, dates, table_name)
    if mine:
        update = sa.update(RowDecisionRow).where(RowDecisionRow.id == sa.bindparam("number"))
        with engine().begin() as connection:
            connection.execute(
                update.values(rows_in_effect=sa.bindparam("found")),
                [{"number": each.id, "found": rows.get(each.id, 0)} for each in mine],
            )
