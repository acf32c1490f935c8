"""Deliveries checked against their manifests and the declared sources, and brought into the archive."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.source import FileSource
from nightshift.declarations.tables import Column, Table
from nightshift.errors import DeliveryError
from nightshift.home.outside_errors import unusable
from nightshift.home.settings import Settings
from nightshift.ingest import archive
from nightshift.ingest.delivery.column_drift import (
    DriftError,
    Fit,
    Found,
    best_fit,
    columns_at,
    delivered_name,
    every_delivered_name,
    listed_briefly,
    older_versions,
    text_type,
)
from nightshift.ingest.delivery.delivered_folder import Folder
from nightshift.ingest.delivery.landed_files import Delivery, Fault, LandedFile
from nightshift.ingest.delivery.landing_zone import READERS, delivered_digests, delivery_folder, is_complete
from nightshift.ingest.delivery.manifest import Manifest, ManifestFile, missing, read_manifest
from nightshift.ingest.delivery.manifest_listing import FileTask, is_required, listed_files
from nightshift.ingest.delivery.parquet_types import fits, needs_arrow, untyped
from nightshift.ingest.delivery.read_file import Contents, Reader, archived_suffix
from nightshift.ingest.delivery.repeated_files import (
    NamesByDate,
    mark_duplicates,
    of_other_dates,
    of_other_sources,
    without_rows,
)
from nightshift.ingest.delivery.undeclared_values import unkept
from nightshift.ingest.privacy.tokens import masked_words, personal_columns
from nightshift.storage import Location


def verify(
    catalog: Catalog,
    dates: BatchDates,
    history: Callable[[Sequence[str]], NamesByDate] = lambda _: {},
) -> Delivery:
    """Bring the files of some batch dates into the archive, and check them against manifests and declarations.

    Every file is read once. Faults are collected, not raised one by one.

    Args:
        history: tells of which batch dates some of these files, by their digests, were landed before.

    Raises:
        NightshiftError: if a delivery is not complete, naming the manifest waited for; if a manifest, folder or file
            can't be read, or the archive not be written.
    """
    use_case, place = catalog.use_case, archive.of(catalog.use_case)
    folders = {date: delivery_folder(use_case, date) for date in dates}
    with ThreadPoolExecutor(READERS) as pool:
        manifests = expected_manifests(pool, folders, dates, use_case.home)
        known = history([file.sha256 for manifest in manifests.values() for file in manifest.files])
        elsewhere = delivered_digests(use_case, [date for date in known if date not in dates])
        archive.sweep(place)
        listings = list(pool.map(lambda date: listed_files(catalog, date, folders[date], manifests[date]), dates))
        tasks = [task for listing in listings for task in listing.tasks]
        verdicts = list(pool.map(lambda task: _examine(task, place), tasks))

    faults = [fault for listing in listings for fault in listing.faults]
    faults += [verdict for verdict in verdicts if isinstance(verdict, Fault)]
    files = list(mark_duplicates([verdict for verdict in verdicts if isinstance(verdict, LandedFile)]))
    found_out = [*of_other_dates(files, dates, known, elsewhere), *without_rows(files)]
    refused = {(fault.batch_date, fault.file) for fault in found_out}
    files = [file for file in files if (file.batch_date, file.name) not in refused]
    came = {(file.batch_date, file.table.name) for file in files}
    faults = sorted(weighed(catalog, [*faults, *found_out], came), key=lambda fault: (fault.batch_date, fault.file))
    return Delivery(use_case, dates, tuple(files), tuple(faults), tuple(_warnings(files)))


def weighed(catalog: Catalog, faults: Sequence[Fault], came: Set[tuple[dt.date, str]]) -> Iterator[Fault]:
    """The faults; what leaves a required source without any file can't be tolerated, as its day would be cleared.

    Args:
        came: batch dates and names of the sources of which there is a good file.
    """
    sources = {table.name: table.source for table in catalog.sources if isinstance(table.source, FileSource)}
    for fault in faults:
        source = sources.get(fault.source)
        is_missed = (fault.batch_date, fault.source) not in came
        if source is not None and is_missed and is_required(catalog, source, fault.batch_date):
            yield replace(fault, tolerable=False)
        else:
            yield fault


def expected_manifests(
    pool: ThreadPoolExecutor, folders: Mapping[dt.date, Folder], dates: BatchDates, home: Settings
) -> dict[dt.date, Manifest]:
    """The manifests of some deliveries.

    Raises:
        NightshiftError: if one is not there, naming it, or can't be read.
    """
    complete = pool.map(lambda folder: is_complete(folder, home), folders.values())
    waited_for = [folder for folder, is_there in zip(folders.values(), complete, strict=True) if not is_there]
    if waited_for:
        more = f" (and {len(waited_for) - 1} more of {dates})" if len(waited_for) > 1 else ""
        raise DeliveryError(missing(waited_for[0]) + more)
    return dict(zip(folders, pool.map(read_manifest, folders.values()), strict=True))


def _examine(task: FileTask, place: Location) -> LandedFile | Fault:
    """Bring one file into its place in the archive and give the verdict.

    Raises:
        NightshiftError: if the file can't be read, or the archive not be written, which says nothing of the file.
    """
    table, expected = task.table, task.expected

    def fault(rule: str, reason: str, found: Contents) -> Fault:
        return Fault(
            *(task.batch_date, table.name, expected.name, reason, rule, found.sha256),
            promised=expected.sha256,
            rows=expected.rows if found.damage else found.rows,
        )

    form, suffix = task.source.format, archived_suffix(task.source.format, expected.name)
    with archive.archiving(place), archive.deposit(place, expected.sha256, suffix, expected.bytes) as copy:
        reader = Reader(task.folder, expected.name, form, copy, every_delivered_name(table))
        try:
            contents = reader.read()
        except OSError as error:
            unread = f"{task.folder / expected.name} can't be read"
            raise unusable(unread, error, "run the stage again; nothing was published") from error
        if reasons := list(_disagreements(contents, expected)):
            return fault("unreadable" if contents.damage else "manifest", "; ".join(reasons), contents)
        try:
            fitting = _fit(task, contents)
        except DriftError as error:
            return fault("columns", str(error), contents)
        called = {delivered_name(table, column): column.type for column in columns_at(table, fitting.version)}
        if reason := next((reason for name, reason in contents.odd.items() if name in called), None):
            return fault("unreadable", reason, contents)
        schema = contents.schema
        return LandedFile(
            table,
            task.batch_date,
            expected.name,
            copy.keep(),
            contents.rows,
            contents.sha256,
            contents.columns,
            fitting.version,
            origin=str(task.folder),
            untyped=untyped(schema) if schema is not None else (),
            by_arrow=schema is not None and needs_arrow(schema, called, contents.odd),
            left_out=() if schema is None else unkept(schema, called, contents.unread),
        )


def _disagreements(contents: Contents, expected: ManifestFile) -> Iterator[str]:
    """How a file differs from its manifest."""
    if contents.size != expected.bytes:
        yield f"has {contents.size} bytes, the manifest says {expected.bytes}"
    if contents.sha256 != expected.sha256:
        yield f"has SHA-256 {contents.sha256}, the manifest says {expected.sha256}"
    if contents.damage:
        yield contents.damage
    elif contents.rows != expected.rows:
        yield f"has {contents.rows} rows, the manifest says {expected.rows}"


def _fit(task: FileTask, contents: Contents) -> Fit:
    """Check a file's columns against the declaration; of JSON Lines without a readable record there are none."""
    if task.source.format == "jsonl" and not contents.columns:
        return Fit(task.table.version, ())
    schema = contents.schema

    def other_type(name: str, column: Column) -> str | None:
        if schema is None:
            return text_type(column, contents.sample.get(name, []), task.source.format == "jsonl")
        found = schema.field(schema.names.index(name)).type
        return None if fits(found, column.type) else str(found)

    form = task.source.format
    came = Found(contents.columns, form == "csv", other_type)
    return best_fit(task.table, came, older_versions(task.table, task.batch_date))


def _warnings(files: Sequence[LandedFile]) -> Iterator[str]:
    """What is taken as it is, and deserves a look."""
    yield from of_other_sources(files)
    for file in files:
        place = f"{file.batch_date}/{file.name}"
        if file.duplicate_of is not None:
            yield f"{place} is byte for byte {file.duplicate_of}: its {file.rows} rows count as deduplicated"
        if file.version < file.table.version:
            yield (
                f"{place} has the columns of version {file.version} of {file.table.short_name}, of before its change: "
                f"what came with version {file.table.version} is null in it; deliver again if it is a new file "
                "(docs/schema-changes.md)"
            )
        if added := file.added:
            yield kept_aside(place, file.table, added)
        if file.left_out:
            yield (
                f"{place} has the undeclared {_shown(file.table, file.left_out)}, of a type that is no text: left out "
                f"of {file.table.short_name}; the archive has the whole file (docs/landing-contract.md)"
            )


def kept_aside(place: str, table: Table, names: Sequence[str]) -> str:
    """The warning that a delivery has columns which nobody declared."""
    return (
        f"{place} has the undeclared {_shown(table, names)}: kept aside in {table.short_name}, column extra; "
        "declare them to use them (docs/schema-changes.md)"
    )


def _shown(table: Table, names: Sequence[str]) -> str:
    quoted = listed_briefly([repr(name) for name in names], ", ")
    # Where personal data is awaited, a key may be a value that slipped into its place.
    return masked_words(quoted) if personal_columns(table) else quoted
