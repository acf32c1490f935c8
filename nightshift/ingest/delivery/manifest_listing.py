"""What the manifest of a delivery promises, checked against the declared sources, before any data file is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.source import FileSource
from nightshift.declarations.tables import Table
from nightshift.home.outside_errors import unusable
from nightshift.ingest.delivery.delivered_folder import Folder
from nightshift.ingest.delivery.landed_files import Fault
from nightshift.ingest.delivery.manifest import MANIFEST, Manifest, ManifestFile


@dataclass(frozen=True)
class FileTask:
    """A file to read, and what must be found."""

    table: Table
    source: FileSource
    batch_date: dt.date
    folder: Folder
    expected: ManifestFile
    size: int


@dataclass(frozen=True)
class Listing:
    """The files to read of one delivery, and what can be said against it without reading them."""

    tasks: tuple[FileTask, ...] = ()
    faults: tuple[Fault, ...] = ()


def listed_files(catalog: Catalog, date: dt.date, folder: Folder, manifest: Manifest) -> Listing:
    """The files of a delivery, by the source that each belongs to.

    Raises:
        NightshiftError: if the folder can't be listed.
    """
    if manifest.batch_date != date:
        reason = f"is the manifest of {manifest.batch_date}, but lies in the folder of {date}"
        return Listing(faults=(Fault(date, "manifest", MANIFEST, reason, tolerable=False),))
    sources = {table: table.source for table in catalog.sources if isinstance(table.source, FileSource)}
    try:
        found = folder.sizes()
    except OSError as error:
        raise unusable(f"{folder} can't be listed", error) from error
    tasks: list[FileTask] = []
    faults: list[Fault] = []
    for entry in manifest.files:
        # Two sources never have a name in common: the catalog refuses such declarations.
        table = next((table for table, source in sources.items() if source.holds(entry.name)), None)
        if table is None:
            known = ", ".join(sorted(source.file for source in sources.values()))
            reason = f"is not a declared source; declared are: {known}"
            faults.append(Fault(date, entry.name, entry.name, reason, rule="undeclared", promised=entry.sha256))
        elif (size := found.get(entry.name)) is None:
            reason = folder.broken_link(entry.name) or "is listed in the manifest, but is no file in the folder"
            faults.append(Fault(date, table.name, entry.name, reason, promised=entry.sha256, rows=entry.rows))
        else:
            tasks.append(FileTask(table, sources[table], date, folder, entry, size))
    faults += _absent(catalog, sources, date, manifest)
    faults += _unlisted(date, found, manifest)
    return Listing(tuple(tasks), tuple(faults))


def is_required(catalog: Catalog, source: FileSource, date: dt.date) -> bool:
    """Whether a delivery must hold a source."""
    return source.required and date >= source.starts(catalog.use_case.dates.first)


def _absent(
    catalog: Catalog, sources: Mapping[Table, FileSource], date: dt.date, manifest: Manifest
) -> Iterator[Fault]:
    """Sources that a delivery must hold, and does not."""
    for table, source in sources.items():
        if is_required(catalog, source, date) and not any(source.holds(entry.name) for entry in manifest.files):
            reason = "is required in every delivery, and the manifest does not list it"
            yield Fault(date, table.name, source.file, reason, rule="required", tolerable=False)


def _unlisted(date: dt.date, found: Mapping[str, int | None], manifest: Manifest) -> Iterator[Fault]:
    """Files that came, but that the manifest does not speak of."""
    known = {entry.name for entry in manifest.files} | {MANIFEST}
    for name in found:
        if name not in known and not name.startswith("."):
            yield Fault(date, name, name, "lies in the folder, but the manifest does not list it")
