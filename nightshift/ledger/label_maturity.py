"""How many labels of each batch date have matured: written by each training that reads them, one row per batch date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects.postgresql import insert

from nightshift.ledger.database_engine import engine
from nightshift.ledger.ledger_tables import LabelMaturityRow


@dataclass(frozen=True)
class LabelMaturity:
    """The labels of one batch date, as the newest training that read them saw them.

    Attributes:
        labels_due: the delivery with which the last of them comes; None where the list of batch dates ends before it.
        rows: of the feature table, whose outcome was open when they were to be scored.
        known: labels that had come.
        matured: those that count; fewer where some are known early, and the date is left out until all are.
        label_table_version: Delta version of the table that holds the outcome.
    """

    use_case: str
    batch_date: dt.date
    labels_due: dt.date | None
    rows: int
    known: int
    matured: int
    label_table_version: int
    run_id: str

    @property
    def share(self) -> float:
        """Matured labels of all rows."""
        return self.matured / self.rows if self.rows else 0.0


_COLUMNS = tuple(LabelMaturity.__dataclass_fields__)
_KEYS = ("use_case", "batch_date")


def record(found: Iterable[LabelMaturity]) -> None:
    """Keep what a training read, in place of what an earlier one saw of the same batch dates."""
    values = [{name: getattr(each, name) for name in _COLUMNS} for each in found]
    if not values:
        return
    query = insert(LabelMaturityRow).values(values)
    newer = {name: query.excluded[name] for name in _COLUMNS if name not in _KEYS}
    with engine().begin() as connection:
        connection.execute(
            query.on_conflict_do_update(index_elements=_KEYS, set_={**newer, "recorded_at": sa.func.now()})
        )


def recorded(use_case: str | None, date: dt.date | None = None, newest_dates: int | None = None) -> list[LabelMaturity]:
    """What is known of the labels of a use case, or of all of them, the newest batch date first.

    Args:
        date: only this batch date.
        newest_dates: only so many of the newest batch dates.
    """
    row = LabelMaturityRow
    query = sa.select(row).order_by(row.batch_date.desc(), row.use_case)
    if use_case is not None:
        query = query.where(row.use_case == use_case)
    if date is not None:
        query = query.where(row.batch_date == date)
    elif newest_dates is not None:
        dates = sa.select(row.batch_date).distinct().order_by(row.batch_date.desc()).limit(newest_dates)
        query = query.where(row.batch_date.in_(dates if use_case is None else dates.where(row.use_case == use_case)))
    with orm.Session(engine()) as session:
        return [LabelMaturity(**{name: getattr(each, name) for name in _COLUMNS}) for each in session.scalars(query)]
