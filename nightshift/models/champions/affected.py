"""Which scores are there that another version made than the one that is champion of their batch dates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from nightshift.dates import BatchDates, as_ranges
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.figures import amount
from nightshift.ledger.scores import published_by
from nightshift.models.champions.being_scored import being_scored_by
from nightshift.models.champions.reigns import history
from nightshift.stages import MARTS, SCORE, arguments


@dataclass(frozen=True)
class Affected:
    """Scored batch dates whose champion is another version by now.

    Attributes:
        scored_by: the version whose scores a batch date has.
    """

    use_case: UseCase
    scored_by: Mapping[dt.date, int]

    @property
    def ranges(self) -> list[BatchDates]:
        """The dates as few ranges, none longer than one run may take."""
        return as_ranges(self.scored_by, self.use_case.dates.max_range, self.use_case.calendar)

    def lines(self) -> list[str]:
        """In words, a line for each range and version."""
        by_version: dict[int, list[dt.date]] = {}
        for date, version in self.scored_by.items():
            by_version.setdefault(version, []).append(date)
        return [
            f"{dates} ({amount(len(dates), 'batch date')}): scored by version {version}"
            for version, several in sorted(by_version.items())
            for dates in as_ranges(several, calendar=self.use_case.calendar)
        ]

    def commands(self) -> list[tuple[str, ...]]:
        """What makes the scores again, with all that is made of them: what follows `python -m` (`stages.typed`)."""
        return [
            arguments(stage, self.use_case.name, dates, *options)
            for stage, options in ((SCORE, ("--model", "as_of")), (MARTS, ()))
            for dates in self.ranges
        ]


def affected(catalog: Catalog, first: dt.date) -> Affected:
    """The scored batch dates from ``first`` on that another version scored than the champion of the date.

    A job that is scoring at this moment counts as well, with the version that it began with: its scores come after the
    decision. What a killed one had begun counts for nothing.
    """
    use_case = catalog.use_case
    # In this order: a job that publishes in between is seen at least once.
    running = being_scored_by(catalog)
    published = published_by(use_case, first)
    reigns = history(use_case)
    found: dict[dt.date, int] = {}
    for date in sorted(published.keys() | {date for date in running if date >= first}):
        live = next((reign.version for reign in reigns if date in reign), None)
        for version in (running.get(date), published.get(date)):
            if live is not None and version is not None and version != live:
                found[date] = version
    return Affected(use_case, found)
