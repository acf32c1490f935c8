"""What the ledger says of the data behind a version: slices, the files under them, and what it has scored."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from nightshift.dates import BatchDates
from nightshift.declarations.score_names import SCORES
from nightshift.declarations.use_case import UseCase
from nightshift.ledger import Entry, engine
from nightshift.ledger.schema import InputEntry
from nightshift.models.audit_pack.zip_file import as_csv

_SLICES = (
    *("table", "batch_date", "delta_version", "rows_published", "run_id", "attempt_id", "code_version"),
    *("environment", "started_at"),
)
_FILES = ("batch_date", "landed_in", "name", "sha256", "rows", "quarantined", "deduplicated", "origin")
_SCORED = (
    *("batch_date", "status", "is_visible_now", "delta_version", "rows_published", "run_id", "started_at"),
    *("code_version", "environment"),
)


@dataclass(frozen=True)
class Behind:
    """Published slices with what each took in, by the id of the entry."""

    slices: Mapping[int, Entry]
    inputs: Mapping[int, list[InputEntry]]

    def slices_csv(self) -> bytes:
        """A line for each slice."""
        ordered = sorted(self.slices.values(), key=lambda each: (each.table_name, each.batch_date, each.id))
        return as_csv(
            _SLICES,
            (
                (
                    *(each.table_name, each.batch_date, each.delta_version, each.rows_published, each.run_id),
                    *(each.attempt_id, each.code_version, each.environment, _moment(each.started_at)),
                )
                for each in ordered
            ),
        )

    def files_csv(self) -> bytes:
        """A line for each file or query result that was landed."""
        return as_csv(_FILES, sorted(self._files(), key=lambda line: [str(cell) for cell in line]))

    def _files(self) -> Iterator[tuple[Any, ...]]:
        for number, entry in self.slices.items():
            if entry.stage != "land":
                continue
            for each in self.inputs.get(number, ()):
                if each.kind != "table":
                    yield (
                        *(entry.batch_date, entry.table_name, each.name, each.version, each.rows, each.quarantined),
                        *(each.deduplicated, each.origin),
                    )


def behind(use_case: UseCase, versions: Mapping[str, int], dates: BatchDates) -> Behind:
    """All slices behind some tables at pinned Delta versions, hop by hop down to the landed files.

    A slice is taken at the version that its reader read, and at the newest that any reader of the range read: windows
    of later features look back at it. For windows that reach back before the range, the `nightly.lookback_days` before
    it are looked at as well; labels come the maturity later.

    Args:
        use_case: whose tables they are.
        versions: Delta version by ``layer.table``.
        dates: of the training.
    """
    day = dt.timedelta(days=1)
    wide = BatchDates(dates.first - use_case.nightly.lookback_days * day, dates.last)
    label = f"silver.{use_case.target.table}"
    wanted = {
        (name, date, version)
        for name, version in versions.items()
        for date in (dates.shifted(use_case.target.maturity_days) if name == label else dates)
    }
    slices: dict[int, Entry] = {}
    inputs: dict[int, list[InputEntry]] = {}
    asked: set[tuple[str, dt.date, int]] = set()
    while wanted - asked:
        found = _entries(use_case, wanted - asked)
        asked |= wanted
        new = {entry.id: entry for entry in found if entry.id not in slices}
        slices |= new
        taken = _inputs(new.values())
        inputs |= taken
        reads = [(each.name, each.batch_date, int(each.version)) for each in _tables(taken)]
        newest: dict[str, int] = {}
        for name, _, version in reads:
            newest[name] = max(version, newest.get(name, 0))
        wanted = set(reads) | {(name, date, version) for name, version in newest.items() for date in wide}
    return Behind(slices, inputs)


def scored_csv(use_case: UseCase, version: int) -> bytes:
    """The batch dates that a version has scored, every attempt, and whether readers see its scores now."""
    scores = sa.select(Entry).where(Entry.use_case == use_case.name, Entry.table_name == SCORES)
    with orm.Session(engine()) as session:
        mine = list(session.scalars(scores.where(Entry.model_version == version).order_by(Entry.batch_date, Entry.id)))
        dates = {each.batch_date for each in mine}
        # An erasure publishes scores anew without having made them.
        made = Entry.model_version.is_not(None)
        published = scores.where(Entry.status == "published", Entry.batch_date.in_(dates), made)
        visible = {each.batch_date: each.id for each in session.scalars(published.order_by(Entry.id))}
    return as_csv(
        _SCORED,
        (
            (
                *(each.batch_date, each.status, "yes" if visible.get(each.batch_date) == each.id else "no"),
                *(each.delta_version, each.rows_published, each.run_id, _moment(each.started_at), each.code_version),
                each.environment,
            )
            for each in mine
        ),
    )


def _entries(use_case: UseCase, wanted: Iterable[tuple[str, dt.date, int]]) -> list[Entry]:
    """Of each wanted slice the entry that readers of the Delta version saw; one query per table."""
    by_table: dict[str, list[tuple[dt.date, int]]] = defaultdict(list)
    for name, date, version in wanted:
        by_table[name].append((date, version))
    found: list[Entry] = []
    with orm.Session(engine()) as session:
        for name, pairs in by_table.items():
            query = sa.select(Entry).where(
                Entry.use_case == use_case.name,
                Entry.table_name == name,
                Entry.batch_date.in_({date for date, _ in pairs}),
                Entry.delta_version.is_not(None),
            )
            by_date: dict[dt.date, list[Entry]] = defaultdict(list)
            for entry in session.scalars(query.order_by(Entry.id.desc())):
                by_date[entry.batch_date].append(entry)
            for date, version in pairs:
                seen = (each for each in by_date[date] if (each.delta_version or 0) <= version)
                found.extend(itertools.islice(seen, 1))
    return found


def _inputs(entries: Iterable[Entry]) -> dict[int, list[InputEntry]]:
    """What the attempts of some entries took in for their batch dates, by the entry's id."""
    by_slice = {(entry.attempt_id, entry.batch_date): entry.id for entry in entries}
    query = sa.select(InputEntry).where(InputEntry.attempt_id.in_({attempt for attempt, _ in by_slice}))
    found: dict[int, list[InputEntry]] = defaultdict(list)
    with orm.Session(engine()) as session:
        for each in session.scalars(query.order_by(InputEntry.id)):
            if (number := by_slice.get((each.attempt_id, each.batch_date))) is not None:
                found[number].append(each)
    return dict(found)


def _tables(inputs: Mapping[int, list[InputEntry]]) -> Iterator[InputEntry]:
    """Inputs that are tables of the lake, at a Delta version."""
    for several in inputs.values():
        yield from (each for each in several if each.kind == "table" and each.version.isdigit())


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat()
