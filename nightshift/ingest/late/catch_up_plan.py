"""How deliveries differ from what was landed, and what each stage must redo because of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from nightshift.dates import BatchDates, as_ranges
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.ingest.late.due_slices import due
from nightshift.ingest.late.landing_history import LandingHistory
from nightshift.stages import LAND, STAGES

ChangeKind = Literal["late", "corrected", "completed"]


@dataclass(frozen=True)
class DeliveryChange:
    """A delivery that differs from what was landed.

    Attributes:
        kind: ``late``: its date was passed over; ``corrected``: files have other content, or are gone; ``completed``:
            a source came that was absent.
        files: names of the files that are new or have other content.
        gone: sources of which nothing is delivered any more.
    """

    date: dt.date
    kind: ChangeKind
    files: tuple[str, ...]
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Changes:
    """What came late or was corrected, and what follows from it.

    Attributes:
        dates: the batch dates that were looked at; None if nothing was ever landed.
        found: deliveries that are still to be landed.
        stages: the ranges that each stage must redo, in the order of the night; a stage may have none.
    """

    dates: BatchDates | None = None
    found: tuple[DeliveryChange, ...] = ()
    stages: Mapping[str, tuple[BatchDates, ...]] = field(default_factory=lambda: dict.fromkeys(STAGES, ()))

    def __bool__(self) -> bool:
        """Whether there is anything to do, be it only the rest of what was begun."""
        return any(self.stages.values())


def plan(use_case: UseCase, catalog: Catalog, history: LandingHistory | None) -> Changes:
    """The changes in a history, and the dates that each stage must redo because of them."""
    if history is None:
        return Changes()
    found = tuple(change for date in history.dates if (change := _change(history, date)))
    dates = due(use_case, catalog, history, {change.date for change in found})

    def ranges(stage: str) -> tuple[BatchDates, ...]:
        return tuple(as_ranges(dates[stage], use_case.dates.max_range, use_case.calendar))

    return Changes(history.dates, found, {stage: ranges(stage) for stage in STAGES})


def _change(history: LandingHistory, date: dt.date) -> DeliveryChange | None:
    """How the delivery of a date differs from what was landed: digests count, not names."""
    delivered = history.delivered.get(date)
    if delivered is None:
        return None
    if date not in history.attempts.get(LAND, {}):
        return DeliveryChange(date, "late", tuple(sorted({name for files in delivered.values() for name in files})))
    new: set[str] = set()
    gone: list[str] = []
    is_correction = False
    for source, files in delivered.items():
        if not history.differs(date, source):
            continue
        landed = history.landed(date, source) or frozenset()
        new |= {name for name, sha256 in files.items() if sha256 not in landed}
        is_correction |= bool(landed)
        if not files:
            gone.append(source)
    if is_correction:
        return DeliveryChange(date, "corrected", tuple(sorted(new)), tuple(sorted(gone)))
    return DeliveryChange(date, "completed", tuple(sorted(new))) if new else None
