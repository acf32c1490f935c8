"""Where the rows of a slice came from: hop by hop through the ledger, down to the landed files."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import MissingError
from nightshift.ledger import row_accounting
from nightshift.ledger.entries import BY_FILE, LOOKED_UP, Entry, Input, entries_of, inputs, with_version
from nightshift.ledger.ledger_tables import EntryRow


@dataclass(frozen=True)
class Hop:
    """One published slice and what it was made of.

    Attributes:
        rows: in, published, quarantined and deduplicated stand in the entry.
        sources: each input, with the slice that gave its rows where that is a table.
    """

    table: Table
    entry: Entry
    sources: tuple[tuple[Input, Hop | None], ...]

    @property
    def balances(self) -> bool:
        """Whether rows in = published + quarantined + deduplicated, and inputs gave what the hop before published."""
        entry, taken = self.entry, [each for each, _ in self.sources]
        if entry.rows_in is None:
            return True
        set_aside = (entry.rows_quarantined or 0) + (entry.rows_deduplicated or 0)
        return (
            row_accounting.balances(entry)
            and entry.rows_in == sum(each.rows for each in taken)
            and set_aside == sum(each.quarantined + each.deduplicated for each in taken)
            and all(each.rows == hop.gave(each) for each, hop in self.sources if hop is not None)
        )

    def gave(self, taken: Input) -> int:
        """Rows that this hop passed on: all that it published, or those of one landed file."""
        if taken.kind == "table":
            return self.entry.rows_published or 0
        of_file = [each for each, _ in self.sources if each.version == taken.version]
        return sum(each.rows - each.quarantined - each.deduplicated for each in of_file)

    def walk(self) -> Iterator[Hop]:
        """This hop and all before it."""
        yield self
        for _, hop in self.sources:
            if hop is not None:
                yield from hop.walk()


def trace(catalog: Catalog, table: Table, date: dt.date) -> Hop:
    """The newest published slice of a table's batch date, with all hops before it.

    Raises:
        NightshiftError: if the ledger knows of no such slice.
    """
    entry = _entry(catalog, table, date)
    if entry is None:
        raise MissingError(
            f"{table.label} of {date} was never published: see `nightshift status --date {date}` for what happened"
        )
    return _hop(catalog, table, entry)


def _hop(catalog: Catalog, table: Table, entry: Entry) -> Hop:
    taken = inputs(entry)
    by_file = next((each for each in taken if each.origin == BY_FILE), None)
    rows_of_files = _before(catalog, entry, by_file) if by_file else None

    def before(each: Input) -> Hop | None:
        if each.origin in (LOOKED_UP, BY_FILE):
            return None
        return rows_of_files if each.kind == "file" else _before(catalog, entry, each)

    return Hop(table, entry, tuple((each, before(each)) for each in taken))


def _before(catalog: Catalog, entry: Entry, taken: Input) -> Hop | None:
    """The slice of a table that was read at some version; None where the ledger does not know it."""
    if taken.kind != "table":
        return None
    source = catalog[taken.name]
    found = _entry(catalog, source, entry.batch_date, newest=int(taken.version))
    return _hop(catalog, source, found) if found else None


def _entry(catalog: Catalog, table: Table, date: dt.date, newest: int | None = None) -> Entry | None:
    """The entry of the slice that readers of a Delta version saw."""
    query = with_version(catalog.use_case.name, table.short_name, [date])
    if newest is not None:
        query = query.where(EntryRow.delta_version <= newest)
    return next(iter(entries_of(query.order_by(EntryRow.id.desc()).limit(1))), None)


def seen_by_readers(use_case: UseCase, wanted: Iterable[tuple[str, dt.date, int]]) -> list[Entry]:
    """Of each wanted slice the entry that readers of a Delta version saw; one query per table.

    Args:
        wanted: ``layer.table``, batch date and Delta version of each.
    """
    by_table: dict[str, list[tuple[dt.date, int]]] = defaultdict(list)
    for name, date, version in wanted:
        by_table[name].append((date, version))
    found: list[Entry] = []
    for name, pairs in by_table.items():
        query = with_version(use_case.name, name, {date for date, _ in pairs})
        by_date: dict[dt.date, list[Entry]] = defaultdict(list)
        for entry in entries_of(query.order_by(EntryRow.id.desc())):
            by_date[entry.batch_date].append(entry)
        for date, version in pairs:
            found += [each for each in by_date[date] if (each.delta_version or 0) <= version][:1]
    return found
