"""A pretended installation: deliveries come, stages run, and a clock goes on by a minute for each."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.ingest.late.catch_up_plan import Changes, plan
from nightshift.ingest.late.landing_history import LandingHistory, by_source
from nightshift.ledger.landings import Landing, SilverInput, Span
from nightshift.stages import FEATURES, LAND, MARTS, REFINE, SCORE
from tests.in_home import UseCaseInHome

REQUIRED = ("schedule.csv", "outcomes.jsonl.gz", "weather.parquet")
REFERENCE = "airlines.csv"
Files = Mapping[str, str]
USE_CASE = UseCaseInHome.load("flight_delays", get_settings())
CATALOG = Catalog(USE_CASE)


def day(number: int) -> dt.date:
    """The batch date of so many days after the first."""
    return USE_CASE.dates.first + dt.timedelta(days=number)


def span(first: int, last: int) -> list[str]:
    """One range, as `stages` shows it."""
    return [str(BatchDates(day(first), day(last)))]


def stages(changes: Changes) -> dict[str, list[str]]:
    """The ranges of each stage as text."""
    return {stage: [str(dates) for dates in several] for stage, several in changes.stages.items()}


class World:
    """What the landing zone and the ledger would say, and what every published slice was made from."""

    def __init__(self, use_case: UseCase = USE_CASE) -> None:
        self.use_case = use_case
        self.catalog = CATALOG
        self.landing: dict[dt.date, Files] = {}
        self._clock = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
        self._landings: dict[dt.date, dict[str, list[Landing]]] = defaultdict(lambda: defaultdict(list))
        self._attempts: dict[str, dict[dt.date, list[Span]]] = defaultdict(lambda: defaultdict(list))
        # Of all source tables, which this pretends to be published together.
        self._version = 0
        self._reads: dict[dt.date, list[SilverInput]] = defaultdict(list)
        self._landed: dict[dt.date, dict[str, dict[str, str]]] = {}
        # Stage and date → what the newest published slice was computed from.
        self.slices: dict[tuple[str, dt.date], object] = {}

    def deliver(self, date: dt.date, version: str = "1", names: Iterable[str] = REQUIRED) -> None:
        """A complete delivery whose files have the content of a version."""
        self.landing[date] = {name: f"{name} of {date}, {version}" for name in names}

    def land(self, *dates: dt.date, are_digests_kept: bool = True, rows: int = 9) -> None:
        stage = self._now()
        landed = self._now()
        self._version += 1
        for date in dates:
            self._landed[date] = by_source(self.catalog, self.landing[date])
            for source, files in self._landed[date].items():
                digests = frozenset(files.values()) if are_digests_kept else None
                self._landings[date][source].append(Landing(Span(landed, self._clock), digests, rows, self._version))
        self._publish(LAND, dates, stage)

    def run(self, stage: str, *dates: dt.date) -> None:
        """Run a stage over some dates; one that misses anything is refused, and leaves no published attempt."""
        if stage == REFINE:
            with self.refining(*dates):
                return
        began = self._now()
        done = []
        for date in dates:
            value = self.value(stage, date)
            if value is not None:
                self.slices[stage, date] = value
                done.append(date)
        self._publish(stage, done, began)

    @contextmanager
    def refining(self, *dates: dt.date) -> Iterator[None]:
        """Refine some dates from what is landed now, and publish after all that is done within."""
        began, version = self._now(), self._version
        values = {date: value for date in dates if (value := self.value(REFINE, date)) is not None}
        known = {name for several in self._landed.values() for name, files in several.items() if files}
        yield
        audited = self._now()
        for date, value in values.items():
            self.slices[REFINE, date] = value
            self._reads[date] += [SilverInput(audited, name, version) for name in sorted(known)]
        self._publish(REFINE, values, began)

    def begin_versions_again(self) -> None:
        """What removing the folders of the source tables does."""
        self._version = 0

    def night(self, date: dt.date, stages: Iterable[str] = (REFINE, FEATURES, SCORE, MARTS)) -> None:
        """Land a date, and run the stages in turn."""
        self.land(date)
        for stage in stages:
            self.run(stage, date)

    def value(self, stage: str, date: dt.date) -> object:
        """What a slice would be computed from now; None where something is missing."""
        if stage == REFINE:
            return self._silver(date)
        if stage == FEATURES:
            back = self._back(date)
            silver = tuple(self.slices.get((REFINE, day)) for day in back)
            return silver if all(silver) else None
        if stage == SCORE:
            return self.slices.get((FEATURES, date))
        parts = (self.slices.get((SCORE, date)), self.slices.get((REFINE, date)))
        return parts if all(parts) else None

    def catch_up(self) -> Changes:
        """Plan, and carry it out."""
        changes = self.plan()
        for stage, several in changes.stages.items():
            for dates in several:
                if stage == LAND:
                    self.land(*dates)
                else:
                    self.run(stage, *dates)
        return changes

    def plan(self, first: dt.date | None = None) -> Changes:
        """What catch-up would do, looking back to a first date."""
        newest = max(self._attempts[LAND])
        scored = self._attempts[SCORE]
        dates = BatchDates(first or min([*self.landing, *self._attempts[LAND]]), newest)
        history = LandingHistory(
            dates,
            {date: by_source(self.catalog, files) for date, files in self.landing.items() if date in dates},
            {date: landings for date, landings in self._landings.items() if date in dates},
            self._attempts,
            {date: reads for date, reads in self._reads.items() if date in dates},
            first_scored=min(scored) if scored else None,
        )
        return plan(self.use_case, self.catalog, history)

    def _silver(self, date: dt.date) -> object:
        if date not in self._landed:
            return None
        known = [day for day in sorted(self._landed) if day <= date and self._landed[day]["airlines"]]
        airlines = tuple(self._landed[known[-1]]["airlines"].values()) if known else ()
        own = {
            source: files
            for source, files in self._landed[date].items()
            if source in ("schedule", "outcomes", "weather")
        }
        return tuple(sorted(value for files in own.values() for value in files.values())), airlines

    def _back(self, date: dt.date) -> list[dt.date]:
        back = [date - dt.timedelta(days=days) for days in range(self.use_case.lookback.count)]
        return [day for day in back if day >= self.use_case.dates.first]

    def _publish(self, stage: str, dates: Iterable[dt.date], began: dt.datetime) -> None:
        for date in dates:
            self._attempts[stage][date].append(Span(began, self._clock))
            self._attempts[stage][date].sort(key=lambda span: span.started)
        self._now()

    def _now(self) -> dt.datetime:
        self._clock += dt.timedelta(minutes=1)
        return self._clock
