"""Which days are batch dates of a use case, since something was landed: its cadence can't change any more."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Sequence
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from nightshift.dates import DAILY, Calendar, Listed, calendar_from, calendar_values
from nightshift.declarations.dates_section import CALENDAR_FILE
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError
from nightshift.figures import first_of
from nightshift.ledger.advisory_locks import turn
from nightshift.ledger.database_engine import engine
from nightshift.ledger.landings import LANDED
from nightshift.ledger.ledger_tables import BatchDatesRow, EntryRow

log = logging.getLogger("nightshift")

# So many landed dates, no two of them a day apart, are hardly those of a daily use case.
_TELLING_DATES = 3
_NAMED_DATES = 3


def landing_turn(use_case: UseCase) -> str:
    """The name of the turn in which one landing of a use case publishes after the other."""
    return f"landing {use_case.name}"


def refuse_other_calendar(use_case: UseCase) -> None:
    """Refuse another cadence than the landed data have, and a list that changed up to the newest landed date.

    Weeks that become days, for one, would make every delivery but one in seven a missing one.

    Raises:
        DeclarationError: naming what was landed, and what to do.
    """
    with engine().connect() as connection:
        if connection.scalar(_kept(use_case)) == calendar_values(use_case.calendar):
            return
    # A landing that is about to publish has looked at the calendar of before.
    with turn(landing_turn(use_case)):
        keep_calendar(use_case)


def keep_calendar(use_case: UseCase) -> None:
    """Keep which days are batch dates, where what was landed allows it; for whoever has the turn of the landings.

    Raises:
        DeclarationError: as `refuse_other_calendar` says.
    """
    now = use_case.calendar
    with engine().begin() as connection:
        kept = connection.scalar(_kept(use_case))
        if kept == calendar_values(now):
            return
        landed = connection.scalars(_landed(use_case)).all()
        if landed:
            _refuse_what_changed(use_case, None if kept is None else calendar_from(kept), now, landed[-1])
        _refuse_lost_dates(use_case, now, landed)
        if kept is None and now == DAILY and _is_hardly_daily(landed):
            log.warning(
                "no two of the %d deliveries of %s that were landed are a day apart, like %s and %s, and its batch "
                "dates are every day: where these are weekly or monthly, say so with `dates.cadence` in %s",
                *(len(landed), use_case.name, *landed[-2:], use_case.folder / "use_case.yaml"),
            )
            return
        row = insert(BatchDatesRow).values(use_case=use_case.name, calendar=calendar_values(now))
        connection.execute(
            row.on_conflict_do_update(
                index_elements=["use_case"], set_={"calendar": row.excluded.calendar, "recorded_at": sa.func.now()}
            )
        )


def _kept(use_case: UseCase) -> sa.Select[dict[str, object]]:
    return sa.select(BatchDatesRow.calendar).where(BatchDatesRow.use_case == use_case.name)


def _landed(use_case: UseCase) -> sa.Select[dt.date]:
    """The batch dates for which anything was landed, in order."""
    landed = sa.select(EntryRow.batch_date).where(EntryRow.use_case == use_case.name, *LANDED)
    return landed.distinct().order_by(EntryRow.batch_date)


def _is_hardly_daily(landed: Sequence[dt.date]) -> bool:
    return len(landed) >= _TELLING_DATES and all((later - date).days > 1 for date, later in pairwise(landed))


def _refuse_what_changed(use_case: UseCase, then: Calendar | None, now: Calendar, newest: dt.date) -> None:
    if then is None:
        return
    if not (isinstance(then, Listed) and isinstance(now, Listed)):
        raise DeclarationError(
            f"batch dates of {use_case.name} were {then.words} when {newest} was landed, and are now {now.words}",
            remedy=_remedy(use_case),
        )
    before, after = ({date for date in each.dates if date <= newest} for each in (then, now))
    changed = {"added": after - before, "taken out": before - after}
    if words := [f"{what}: {first_of(sorted(dates), _NAMED_DATES)}" for what, dates in changed.items() if dates]:
        file = use_case.folder / CALENDAR_FILE
        raise DeclarationError(
            f"{file} differs up to {newest}, the newest date that was landed ({'; '.join(words)}), and published dates "
            "counted in it as it was",
            remedy=f"put {file} back as it was up to {newest}; dates are added at its end",
        )


def _refuse_lost_dates(use_case: UseCase, now: Calendar, landed: Collection[dt.date]) -> None:
    if lost := [date for date in landed if date not in now]:
        raise DeclarationError(
            f"landed as batch dates of {use_case.name}, and none any more: {first_of(lost, _NAMED_DATES)}; these are "
            f"{now.words}",
            remedy=_remedy(use_case),
        )


def _remedy(use_case: UseCase) -> str:
    return (
        f"put back what `dates` in {use_case.folder / 'use_case.yaml'} said; another cadence is another use case, with "
        "a name, a folder and deliveries of its own (docs/calendar.md)"
    )
