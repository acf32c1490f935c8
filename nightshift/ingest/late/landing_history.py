"""What lies in the landing zone, and what the ledger knows of it: a bounded number of dates, and no table is read."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.source import FileSource
from nightshift.declarations.use_case import UseCase
from nightshift.ingest.delivery import MANIFEST, delivered_digests
from nightshift.ledger.landings import Landing, SilverInput, Span, first_and_last, landings, reads, stage_spans
from nightshift.stages import LAND, SCORE, followed_since


@dataclass(frozen=True)
class LandingHistory:
    """What is known of the batch dates that are looked at.

    Attributes:
        dates: where changes are looked for; the last one is the newest that was landed.
        delivered: batch date → source → name of file → SHA-256, by the manifests of complete deliveries.
        landings: batch date → source → published attempts, oldest first.
        attempts: stage → batch date → published attempts, oldest first; reaches further back than ``dates`` by what
            features look back.
        reads: batch date → what its published slices of silver were computed from, be they replaced since or not.
        set_aside: batch date → SHA-256 of whole files that the newest landing put into quarantine, as tolerated.
        first_scored: the first batch date that was ever scored.
    """

    dates: BatchDates
    delivered: Mapping[dt.date, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    landings: Mapping[dt.date, Mapping[str, Sequence[Landing]]] = field(default_factory=dict)
    attempts: Mapping[str, Mapping[dt.date, Sequence[Span]]] = field(default_factory=dict)
    reads: Mapping[dt.date, Sequence[SilverInput]] = field(default_factory=dict)
    set_aside: Mapping[dt.date, frozenset[str]] = field(default_factory=dict)
    first_scored: dt.date | None = None

    def landed(self, date: dt.date, source: str) -> frozenset[str] | None:
        """Digests of what a source table holds of a date; none where nothing is, None where they were not kept."""
        landings = self.landings.get(date, {}).get(source)
        return landings[-1].digests if landings else frozenset()

    def differs(self, date: dt.date, source: str) -> bool:
        """Whether the delivery of a date differs from what was landed, as far as it is known."""
        files = self.delivered.get(date, {}).get(source)
        landed = self.landed(date, source)
        if files is None or landed is None:
            return False
        return set(files.values()) - (self.set_aside.get(date, frozenset()) - landed) != landed

    def content_began(self, date: dt.date, source: str) -> Landing | None:
        """The attempt that first landed what a source table holds of a date now.

        Its version is the least that holds it: of a table that was removed and landed again, versions begin again.
        """
        landings = self.landings.get(date, {}).get(source, ())
        same = list(
            itertools.takewhile(
                lambda each: (each.digests, each.rows) == (landings[-1].digests, landings[-1].rows), reversed(landings)
            )
        )
        versions = [each.version for each in same if each.version is not None]
        return replace(same[-1], version=min(versions, default=None)) if same else None

    def has_content(self, date: dt.date, source: str) -> bool:
        """Whether there are files of a source for a date, once its delivery is landed."""
        if self.differs(date, source):
            return bool(self.delivered[date][source])
        return self.landed(date, source) != frozenset()

    def had_content(self, date: dt.date, source: str) -> bool:
        """Whether there ever were files of a source for a date."""
        return any(landing.digests != frozenset() for landing in self.landings.get(date, {}).get(source, ()))


def look_up(
    use_case: UseCase, catalog: Catalog, all_dates: bool = False, leave_out: Collection[dt.date] = ()
) -> LandingHistory | None:
    """The history of the newest dates, or of all; None if nothing was ever landed."""
    landed = first_and_last(use_case.name, LAND)
    if landed is None:
        return None
    newest = landed[1]
    first = use_case.calendar.begin(newest, use_case.delivery.length("late"))
    if all_dates or first < use_case.dates.first:
        first = use_case.dates.first
    dates = use_case.between(first, newest)
    back = use_case.between(followed_since(use_case, first), newest)
    wanted = [date for date in dates if date not in leave_out]
    attempts = stage_spans(use_case.name, back)
    by_table, set_aside = landings(catalog, dates, attempts[LAND])
    scored = first_and_last(use_case.name, SCORE)
    return LandingHistory(
        dates,
        {date: by_source(catalog, files) for date, files in delivered_digests(use_case, wanted).items()},
        by_table,
        attempts,
        reads(catalog, dates),
        set_aside,
        scored[0] if scored else None,
    )


def by_source(catalog: Catalog, files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The digests of delivered files by source and name; files of no declared source are left out.

    A manifest that can't be read stands for all of its sources, so that landing it says what is wrong with it.
    """
    return {
        table.name: {name: sha256 for name, sha256 in files.items() if name == MANIFEST or table.source.holds(name)}
        for table in catalog.sources
        if isinstance(table.source, FileSource)
    }
