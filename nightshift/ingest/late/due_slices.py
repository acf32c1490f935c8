"""Which slices are due because of deliveries that came late or were corrected.

A slice is due if two things hold: such a delivery touches it, and no attempt of its stage began after what it reads
was last changed. Only changes of content count: files that were landed again and gave as many rows, or a stage that ran
twice, make nothing due. So what ended half-way is found again, whoever began it, and what is done stays done.

Of stages that ran at the same time, clocks do not say which one saw what. So silver is also due if it was published
from an older version of bronze than the one that brought what counts now.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.ingest.late.landing_history import LandingHistory
from nightshift.stages import LAND, REFINE, STAGE, STAGES, DateWindow, RedoneBy, followed_since, tables_read

NEVER_DONE = dt.datetime.min.replace(tzinfo=dt.UTC)
# Of what is still to be made: after every attempt.
PENDING = dt.datetime.max.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class State:
    """Since when something has the content that it has, and whether late or corrected deliveries touch it."""

    since: dt.datetime = NEVER_DONE
    is_touched: bool = False

    def __or__(self, other: State) -> State:
        """The state of what reads both."""
        return State(max(self.since, other.since), self.is_touched or other.is_touched)


@dataclass(frozen=True)
class Content(State):
    """The state of what a source table holds for a batch date, and the Delta version that brought it, if known."""

    version: int | None = None

    def __or__(self, other: State) -> Content:
        """The state of what reads both."""
        both = super().__or__(other)
        versions = [each.version for each in (self, other) if isinstance(each, Content) and each.version is not None]
        return Content(both.since, both.is_touched, max(versions, default=None))

    def is_newer_than(self, version: int) -> bool:
        """Whether who read the table at a version has not seen it."""
        return self.version is not None and self.version > version


@dataclass
class _Slices:
    """The slices of one stage: the state of those that are made or due, and which are due."""

    stage: str
    states: dict[dt.date, State] = field(default_factory=dict)
    due: set[dt.date] = field(default_factory=set)

    def add(self, history: LandingHistory, date: dt.date, reads: Iterable[State], may_be_due: bool) -> None:
        """Conclude from the state of what a slice reads."""
        state = State()
        for each in reads:
            state |= each
        attempts = history.attempts.get(self.stage, {}).get(date, ())
        made = next((span.finished for span in attempts if span.started >= state.since), None)
        if made is None and state.is_touched and may_be_due:
            self.due.add(date)
            made = PENDING
        elif made is None and attempts:
            # It is left as it is, so what reads it is not due on its account.
            made = NEVER_DONE
        if made is not None:
            self.states[date] = State(made, state.is_touched)


def due(
    use_case: UseCase, catalog: Catalog, history: LandingHistory, pending: Collection[dt.date]
) -> dict[str, list[dt.date]]:
    """The dates that each stage must redo, in order.

    Args:
        pending: the dates to land.
    """
    made = {stage: _Slices(stage) for stage in STAGES if stage != LAND}
    for date, reads in _landed_states(use_case, catalog, history, pending):
        made[REFINE].add(history, date, reads, date in pending or date in history.attempts.get(LAND, {}))
    for stage in [each for each in made if each != REFINE]:
        for date in history.dates:
            windows = list(_windows(stage, use_case, made, date))
            # What is older than the first batch date is not missed; any other day that is missing stops the stage.
            is_complete = all(day in read.states for read, days in windows for day in days)
            # From the first scored date on, scores are due every day.
            is_scored = history.first_scored is not None and date >= history.first_scored
            may_be_due = is_complete and (is_scored or not STAGE[stage].needs_model)
            states = [read.states[day] for read, days in windows for day in days if day in read.states]
            made[stage].add(history, date, states, may_be_due)
    return {LAND: sorted(pending), **{stage: sorted(slices.due) for stage, slices in made.items()}}


def _windows(
    stage: str, use_case: UseCase, made: Mapping[str, _Slices], date: dt.date
) -> Iterator[tuple[_Slices, list[dt.date]]]:
    """What a slice is made from, as far as the catch-up redoes it: the slices of other stages and their dates.

    Later slices that the job itself makes again, as marts that tell of earlier scores, are not due on that account.
    """
    for read in STAGE[stage].reads:
        if read.redone_by is RedoneBy.CATCH_UP:
            days = read.window.dates(use_case, use_case.between(date, date))
            yield made[read.stage], [day for day in days if day >= use_case.dates.first]


def _landed_states(
    use_case: UseCase, catalog: Catalog, history: LandingHistory, pending: Collection[dt.date]
) -> Iterator[tuple[dt.date, list[State]]]:
    """What silver of each date reads: the deliveries of the date, and the newest snapshot of each reference source."""
    landed_first = {date: spans[0].finished for date, spans in history.attempts.get(LAND, {}).items()}
    in_order = _earliest_after(history, landed_first)
    by_window = {
        read.window: [table.name for table in tables_read(read, use_case, catalog)] for read in STAGE[REFINE].reads
    }
    references, others = by_window[DateWindow.NEWEST_SNAPSHOT], by_window[DateWindow.OWN_DATE]
    snapshots = dict.fromkeys(references, Content())

    def content(date: dt.date, source: str) -> Content:
        if date in pending and (date not in landed_first or history.differs(date, source)):
            return Content(PENDING, is_touched=True)
        began = history.content_began(date, source)
        if began is None:
            return Content()
        limit = min(landed_first.get(date, PENDING), in_order[date])
        return Content(began.span.finished, began.span.started > limit, began.version)

    for date in use_case.between(followed_since(use_case, history.dates.first), history.dates.first):
        if date < history.dates.first:
            yield date, []
    for date in history.dates:
        for source in references:
            if history.has_content(date, source):
                snapshots[source] = content(date, source)
            elif history.had_content(date, source):
                # A snapshot was withdrawn: the one before counts on.
                snapshots[source] |= content(date, source)
        reads = {source: content(date, source) for source in others} | snapshots
        yield date, [*reads.values(), _overtaken(history, date, reads)]


def _overtaken(history: LandingHistory, date: dt.date, contents: Mapping[str, Content]) -> State:
    """Of what was published to silver from bronze that is out of date: the last time that such an attempt began.

    It stays touched once it is made again, for those who read it in between.
    """
    old = [read.began for read in history.reads.get(date, ()) if contents[read.source].is_newer_than(read.version)]
    return State(max(old), is_touched=True) if old else State()


def _earliest_after(history: LandingHistory, landed_first: dict[dt.date, dt.datetime]) -> dict[dt.date, dt.datetime]:
    """For each date, when the first of the later dates was landed: what comes after that came late."""
    earliest: dict[dt.date, dt.datetime] = {}
    before = PENDING
    for date in reversed(list(history.dates)):
        earliest[date] = before
        before = min(before, landed_first.get(date, PENDING))
    return earliest
