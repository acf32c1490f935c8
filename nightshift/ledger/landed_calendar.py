"""Which days are batch dates of a use case, since something was landed: its cadence can't change any more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from nightshift.dates import Calendar, Listed, calendar_from, calendar_values
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError
from nightshift.ledger.engine import engine
from nightshift.ledger.landings import LANDED
from nightshift.ledger.ledger_tables import BatchDatesRow, EntryRow


def refuse_other_calendar(use_case: UseCase) -> None:
    """Refuse another cadence than the landed data have, and a list that lacks a date which was landed.

    Weeks that become days, for one, would make every delivery but one in seven a missing one.

    Raises:
        DeclarationError: naming what was landed, and what to do.
    """
    now = use_case.calendar
    with engine().begin() as connection:
        kept = connection.scalar(sa.select(BatchDatesRow.calendar).where(BatchDatesRow.use_case == use_case.name))
        if kept == calendar_values(now):
            return
        then = None if kept is None else calendar_from(kept)
        newest = connection.scalar(_landed(use_case).order_by(EntryRow.batch_date.desc()).limit(1))
        is_another = then is not None and not (isinstance(then, Listed) and isinstance(now, Listed))
        if then is not None and is_another and newest is not None:
            raise _refused(
                use_case,
                f"batch dates of {use_case.name} were {then.words} when {newest} was landed, and are now {now.words}",
            )
        _refuse_lost_dates(use_case, now, connection.scalars(_possibly_lost(use_case, then, now)).all())
        row = insert(BatchDatesRow).values(use_case=use_case.name, calendar=calendar_values(now))
        connection.execute(
            row.on_conflict_do_update(
                index_elements=["use_case"], set_={"calendar": row.excluded.calendar, "recorded_at": sa.func.now()}
            )
        )


def _landed(use_case: UseCase) -> sa.Select[dt.date]:
    return sa.select(EntryRow.batch_date).where(EntryRow.use_case == use_case.name, *LANDED)


def _possibly_lost(use_case: UseCase, then: Calendar | None, now: Calendar) -> sa.Select[dt.date]:
    """Landed dates that may be none any more: those that left the list, or all where nothing was kept yet."""
    landed = _landed(use_case).distinct().order_by(EntryRow.batch_date)
    if isinstance(then, Listed) and isinstance(now, Listed):
        return landed.where(EntryRow.batch_date.in_(set(then.dates) - set(now.dates)))
    return landed


def _refuse_lost_dates(use_case: UseCase, now: Calendar, landed: Collection[dt.date]) -> None:
    if lost := [date for date in landed if date not in now]:
        raise _refused(
            use_case,
            f"{lost[0]} was landed as a batch date of {use_case.name}, and is none any more: these are {now.words} "
            f"({len(lost)} such dates)",
        )


def _refused(use_case: UseCase, why: str) -> DeclarationError:
    return DeclarationError(
        why,
        remedy=f"put back what `dates` in {use_case.folder / 'use_case.yaml'} said, or the dates that were taken out "
        "of the list; another cadence is another use case, with a folder and deliveries of its own",
    )
