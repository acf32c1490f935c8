"""Does a night cost more when there is more history? The same night after 53, 212 and 848 nights.

    python -m benchmarks.history [--rounds 2] [--multiples 1 4 16]

The 53 dates before the night are ingested, trained on and scored as one range. Then each of these nights is published
again, on its own date and on earlier ones, through the path that all slices take: one commit per date and table, with
the accounts, inputs and profiles that the ledger has of it. So lake, Delta logs and ledger are what as many single
nights would have left. Prints seconds, files and KiB read, of rows and of Delta's logs, and in brackets their ratios to
the night with the least history. Logs grow by what a Delta checkpoint holds of each file, about 85 bytes.

Takes about half an hour on two cores: to publish a night again, all its tables, takes half a second to a second.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.nights import USE_CASE, Cost, deliver, home_of_its_own, lake_bytes, run, run_stages
from nightshift import lake, ledger
from nightshift.dates import BatchDates, shifted
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import PARTITION, Table
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import get_settings
from nightshift.job import Job
from nightshift.lake.audit_report import AuditReport
from nightshift.lake.publication import publish
from nightshift.ledger import Entry, Input
from nightshift.ledger.row_accounting import Accounting
from nightshift.models.resolve_version import NEWEST
from nightshift.stages import AFTER_MODEL, INGEST, LAND, REFINE, STAGES
from nightshift.storage import Location

HISTORY = BatchDates(dt.date(2013, 6, 1), dt.date(2013, 7, 23))
# What features of the first nights look back on; ingested as far as silver.
BEFORE = BatchDates(dt.date(2013, 5, 4), dt.date(2013, 5, 31))
NIGHT = BatchDates.of(dt.date(2013, 7, 24))
MULTIPLES = (1, 4, 16)
TRAIN = ("training.train", "--use-case", USE_CASE, "--trials", "1", "--validation-days", "7", "--test-days", "14")


@dataclass(frozen=True)
class KeptSlice:
    """What lake and ledger keep of one slice; of a stage as a whole there is the entry alone."""

    entry: Entry
    table: Table | None = None
    files: Sequence[Location] = ()
    inputs: Sequence[Input] = ()
    profiles: Sequence[Mapping[str, Any]] = ()


Nights = Mapping[dt.date, Sequence[KeptSlice]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="nights per amount of history; the quickest counts")
    parser.add_argument("--multiples", type=int, nargs="+", default=MULTIPLES, help=f"of {len(HISTORY)} nights")
    arguments = parser.parse_args()
    with home_of_its_own():
        deliver(BatchDates(BEFORE.first, NIGHT.last))
        run_stages((LAND, REFINE), BEFORE)
        run_stages(INGEST, HISTORY)
        run([*TRAIN, "--dates", str(HISTORY)])
        # The model is made after the history that it scores.
        run_stages(AFTER_MODEL, HISTORY, NEWEST)
        catalog = Catalog(UseCase.load(USE_CASE, get_settings()))
        nights = nights_one_by_one(catalog, HISTORY)
        columns = ("seconds", "row files", "row KiB", "log files", "log KiB")
        print(f"{'history':<12}{'lake':>9}{''.join(f'{column:>16}' for column in columns)}")
        first: Cost | None = None
        done = 1
        for multiple in sorted(arguments.multiples):
            for copy in range(done, multiple):
                repeat(catalog, nights, shifted(HISTORY, -copy * len(HISTORY)))
            done = multiple
            cost = min((run_stages(STAGES, NIGHT) for _ in range(arguments.rounds)), key=lambda each: each.seconds)
            first = first or cost
            _show(f"{multiple * len(HISTORY):>4} nights", cost, first)


def nights_one_by_one(catalog: Catalog, history: BatchDates) -> Nights:
    """Publish what was published as a range once more, night by night, and forget the range's files."""
    repeat(catalog, _nights(catalog, history), history)
    for table in catalog:
        lake.vacuum(table, hours=0)
    return _nights(catalog, history)


def repeat(catalog: Catalog, nights: Nights, dates: BatchDates) -> None:
    """Publish some nights once more, one after the other, for as many other dates."""
    for night, date in zip(nights.values(), dates, strict=True):
        for kept in night:
            _publish(catalog, kept, date)


def _nights(catalog: Catalog, history: BatchDates) -> Nights:
    """What is kept of each night of a history, in the order in which it was published."""
    tables = {table.short_name: table for table in catalog if table.exists()}
    files = {name: _files(table) for name, table in tables.items()}
    profiles = {name: ledger.profiles(USE_CASE, name, history) for name in tables}

    def kept(entry: Entry) -> KeptSlice:
        name, date = entry.table_name, entry.batch_date
        if name not in tables:
            return KeptSlice(entry)
        found = profiles[name].get(date)
        return KeptSlice(
            entry, tables[name], files[name].get(date, ()), ledger.inputs(entry), () if found is None else (found,)
        )

    # Nights do not train.
    entries = {date: ledger.latest(USE_CASE, date, published=True) for date in history}
    return {date: [kept(entry) for entry in several if entry.stage != "train"] for date, several in entries.items()}


def _files(table: Table) -> dict[dt.date, list[Location]]:
    """The files that readers see now, by batch date."""
    snapshot = lake.snapshot(table)
    dates = lake.published_dates(table)
    return lake.files_of(table, snapshot, BatchDates(min(dates), max(dates))) if dates else {}


def _publish(catalog: Catalog, kept: KeptSlice, date: dt.date) -> None:
    entry, dates = kept.entry, BatchDates.of(date)
    job = Job(entry.stage, catalog.use_case, catalog, dates, f"night-{date}")
    if kept.table is None:
        with ledger.attempt({**job.entry, "table_name": entry.table_name}, {date: {}}):
            return
    folder = lake.stage_folder(kept.table)
    for file in kept.files:
        (folder.location / f"{PARTITION}={date}" / file.name).write(file.read())
    (folder.location / "_SUCCESS").write(b"")
    inputs = [_input(each, entry.batch_date, date) for each in kept.inputs]
    publish(
        job,
        kept.table,
        folder,
        audit=lambda *_: AuditReport((), profiles=dict.fromkeys(dates, *kept.profiles) if kept.profiles else {}),
        accounting=Accounting({date: inputs}, aggregated=entry.rows_in is None),
        models={date: (entry.model_name, entry.model_version)} if entry.model_name and entry.model_version else None,
    )


def _input(each: Input, before: dt.date, date: dt.date) -> Input:
    """Files of other dates have other digests."""
    if each.kind == "table" or before == date:
        return each
    return replace(each, version=hashlib.sha256(f"{each.version} {date}".encode()).hexdigest())


def _show(name: str, cost: Cost, first: Cost) -> None:
    size = f"{lake_bytes() / 2**20:.0f} MiB"
    values = (cost.seconds, cost.rows.files, cost.rows.bytes / 1024, cost.logs.files, cost.logs.bytes / 1024)
    before = (first.seconds, first.rows.files, first.rows.bytes / 1024, first.logs.files, first.logs.bytes / 1024)
    shown = "".join(f"{value:>9,.0f} ({value / base:.2f})" for value, base in zip(values, before, strict=True))
    print(f"{name:<12}{size:>9}{shown}", flush=True)


if __name__ == "__main__":
    main()
