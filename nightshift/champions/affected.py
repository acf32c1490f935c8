"""Which scores are there that another version made than the one that is champion of their batch dates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from nightshift.champions.reigns import history
from nightshift.dates import BatchDates, as_ranges
from nightshift.ledger import Entry, engine
from nightshift.use_case import UseCase

SCORES = "gold.scores"


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
        return as_ranges(self.scored_by, self.use_case.dates.max_range_days)

    def lines(self) -> list[str]:
        """In words, a line for each range and version."""
        by_version: dict[int, list[dt.date]] = {}
        for date, version in self.scored_by.items():
            by_version.setdefault(version, []).append(date)
        return [
            f"{dates} ({len(dates)} batch date{'s' if len(dates) > 1 else ''}): scored by version {version}"
            for version, several in sorted(by_version.items())
            for dates in as_ranges(several)
        ]

    def commands(self) -> list[tuple[str, ...]]:
        """What makes the scores anew, with all that is made of them, as arguments of Python."""
        stages = (("scoring.score", ("--model", "as_of")), ("spark_jobs.build", ("--layer", "marts")))
        return [
            ("-m", module, "--use-case", self.use_case.name, "--dates", str(dates), *options)
            for module, options in stages
            for dates in self.ranges
        ]


def affected(use_case: UseCase, first: dt.date) -> Affected:
    """The scored batch dates from ``first`` on that another version scored than the champion of the date.

    A job that is scoring at this moment counts with the version that it began with.
    """
    query = (
        sa.select(Entry.batch_date, Entry.model_version)
        .where(
            Entry.use_case == use_case.name,
            Entry.table_name == SCORES,
            Entry.batch_date >= first,
            Entry.status.in_(("published", "running")),
            Entry.model_version.is_not(None),
        )
        .distinct(Entry.batch_date)
        .order_by(Entry.batch_date, Entry.id.desc())
    )
    reigns = history(use_case)
    with engine().connect() as connection:
        scored = {row.batch_date: row.model_version for row in connection.execute(query)}
    live = {date: next((reign.version for reign in reigns if date in reign), None) for date in scored}
    return Affected(use_case, {date: version for date, version in scored.items() if live[date] not in (None, version)})
