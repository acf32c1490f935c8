"""Reigns: from which batch date to which a version is champion. They follow from the decisions alone.

Each promotion or rollback ends all reigns at its first date and reigns from there on. So on a batch date the
newest decision that speaks of it counts, and a rollback to an earlier date takes that date back, too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from nightshift.declarations.use_case import UseCase
from nightshift.ledger.model_decisions import (
    BLOCKED,
    PROMOTED,
    ROLLED_BACK,
    UNBLOCKED,
    ChampionAction,
    Decision,
    decisions,
)

ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Reign:
    """A version that is champion of some batch dates.

    Attributes:
        first: its first batch date.
        last: its last one; None for the champion of all dates to come.
        action: how it came to reign: promoted, or rolled back to.
    """

    version: int
    first: dt.date
    last: dt.date | None
    who: str
    why: str
    decided_at: dt.datetime
    run_id: str
    action: ChampionAction

    def __contains__(self, date: object) -> bool:
        return isinstance(date, dt.date) and self.first <= date and (self.last is None or date <= self.last)

    @property
    def to(self) -> dt.date | None:
        """The first batch date that it reigns no more: the open end of [first, to); None where there is none yet."""
        return None if self.last is None else self.last + ONE_DAY

    @property
    def dates(self) -> str:
        """In words: ``2013-10-01..2013-10-03``, or ``from 2013-10-01 on``."""
        return f"from {self.first} on" if self.last is None else f"{self.first}..{self.last}"


def reigns_of(made: Iterable[Decision]) -> list[Reign]:
    """The reigns that follow from decisions (in their order), by their dates; no two of them overlap."""
    reigns: list[Reign] = []
    for each in made:
        if each.action not in (PROMOTED, ROLLED_BACK) or each.first is None:
            continue
        reigns = [_until(reign, each.first - ONE_DAY) for reign in reigns if reign.first < each.first]
        reigns.append(
            Reign(each.version, each.first, None, each.who, each.why, each.decided_at, each.run_id, each.action)
        )
    return reigns


def coming(reigns: Sequence[Reign]) -> Reign | None:
    """The reign over all batch dates to come, of those that :func:`reigns_of` gives; None where there is none."""
    return reigns[-1] if reigns else None


def blocked(made: Iterable[Decision]) -> dict[int, Decision]:
    """The versions that are blocked, each with the decision that blocked it."""
    found: dict[int, Decision] = {}
    for each in made:
        if each.action == BLOCKED:
            found.setdefault(each.version, each)
        elif each.action == UNBLOCKED:
            found.pop(each.version, None)
    return found


def history(use_case: UseCase) -> list[Reign]:
    """All reigns over the batch dates of a use case, by their dates."""
    return reigns_of(decisions(use_case))


def live_on(use_case: UseCase, date: dt.date) -> Reign | None:
    """The reign that a batch date is in; None before the first."""
    return reign_on(decisions(use_case), date)


def reign_on(made: Iterable[Decision], date: dt.date, moment: dt.datetime | None = None) -> Reign | None:
    """The reign that a batch date is in, or was in at a moment, whatever was decided since; None before the first."""
    reigns = reigns_of(each for each in made if moment is None or each.decided_at <= moment)
    return next((reign for reign in reigns if date in reign), None)


def _until(reign: Reign, last: dt.date) -> Reign:
    return replace(reign, last=last) if reign.last is None or reign.last > last else reign
