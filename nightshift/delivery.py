"""What a delivery is, and whether its files are what its manifest says: `docs/landing-contract.md` in code.

Looking whether a delivery is complete is one file test. Verifying streams every file once and collects faults
of whole files; faults of single records are found later, where the records are parsed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, StringConstraints, ValidationError, model_validator

from nightshift.dates import BatchDates
from nightshift.delivery_files import Contents, FileFaultError, check_columns, read_contents
from nightshift.errors import NightshiftError
from nightshift.settings import get_settings
from nightshift.tables import Catalog, Source, Table
from nightshift.use_case import Declared, UseCase

MANIFEST = "manifest.json"
MANIFEST_BYTES = 10 * 2**20
READERS = 8

# A plain name: no folder, no "..", nothing hidden. A leading dot marks a file that is still being written.
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}$")]


class ManifestFile(Declared):
    """One file as its sender describes it."""

    name: FileName
    bytes: NonNegativeInt
    rows: NonNegativeInt = Field(description="Records; the header line of a CSV file is none.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(Declared):
    """What a delivery consists of."""

    batch_date: dt.date
    files: tuple[ManifestFile, ...]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [file.name for file in self.files]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is listed twice")
        return self


@dataclass(frozen=True)
class LandedFile:
    """A file that is what its manifest says."""

    table: Table
    batch_date: dt.date
    path: Path
    rows: int
    sha256: str


@dataclass(frozen=True)
class Fault:
    """What is wrong with a delivery, apart from single records.

    Attributes:
        source: the bronze table that the file was meant for; the file's own name where there is none.
        sha256: digest of the file as found; None where there is no file to read.
        tolerable: false where there is no file that could be set aside, so that the run can't do without.
    """

    batch_date: dt.date
    source: str
    file: str
    reason: str
    sha256: str | None = None
    tolerable: bool = True

    def __str__(self) -> str:
        return f"{self.batch_date}/{self.file}: {self.reason}"


@dataclass(frozen=True)
class Delivery:
    """The deliveries of a range of batch dates, verified."""

    use_case: UseCase
    dates: BatchDates
    files: tuple[LandedFile, ...]
    faults: tuple[Fault, ...]

    def of(self, table: Table) -> list[LandedFile]:
        """The good files of one source, by batch date."""
        return [file for file in self.files if file.table.name == table.name]

    def rows_in(self, table: Table) -> dict[dt.date, int]:
        """Records of one source per batch date; 0 where it did not come."""
        rows = dict.fromkeys(self.dates, 0)
        for file in self.of(table):
            rows[file.batch_date] += file.rows
        return rows

    def refuse_faults(self) -> None:
        """Block the run if there are more faults than the use case tolerates.

        Raises:
            NightshiftError: naming each faulty file, what is wrong with it, and what to do.
        """
        tolerated = self.use_case.delivery.tolerated_corrupt_files
        if len(self.faults) <= tolerated and all(fault.tolerable for fault in self.faults):
            return
        shown = [f"  {fault}" for fault in self.faults[:20]]
        if len(self.faults) > len(shown):
            shown.append(f"  and {len(self.faults) - len(shown)} more, in bronze/{self.use_case.name}/quarantine")
        raise NightshiftError(
            f"{len(self.faults)} files of the delivery {self.dates} of {self.use_case.name} can't be used, "
            f"{tolerated} are tolerated (`delivery.tolerated_corrupt_files` in use_case.yaml):\n"
            + "\n".join(shown)
            + "\nnothing of these dates was published to the source tables. Next: ask the sender to deliver again "
            f"into {landing_folder(self.use_case)}/<batch date>/, manifest last (docs/landing-contract.md), then run "
            "the stage again"
        )


def landing_folder(use_case: UseCase) -> Path:
    """Where the deliveries of a use case lie."""
    return get_settings().landing / use_case.name


def delivery_folder(use_case: UseCase, date: dt.date) -> Path:
    """Where the delivery of one batch date lies."""
    return landing_folder(use_case) / date.isoformat()


def is_complete(folder: Path) -> bool:
    """Whether a delivery is there as a whole: its manifest is written last."""
    return (folder / MANIFEST).is_file()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a delivery.

    Raises:
        NightshiftError: if it is missing, naming the path waited for, or if it breaks the contract.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise NightshiftError(_missing(path))
    try:
        if path.stat().st_size > MANIFEST_BYTES:
            raise ValueError(f"it is larger than {MANIFEST_BYTES} bytes")
        return Manifest.model_validate(json.loads(path.read_bytes()))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'manifest'}: {fault['msg']}" for fault in error.errors()
        )
        raise NightshiftError(f"{path} breaks the landing contract (docs/landing-contract.md): {faults}") from error
    except ValueError as error:
        raise NightshiftError(f"{path} is not valid JSON: {error}; ask the sender to deliver again") from error


def verify(catalog: Catalog, dates: BatchDates) -> Delivery:
    """Hold the deliveries of some batch dates against their manifests and the declared sources.

    Every file is read once. Faults are collected, not raised one by one.

    Raises:
        NightshiftError: if a delivery is not complete, naming the manifest waited for, or a manifest can't be read.
    """
    use_case = catalog.use_case
    folders = {date: delivery_folder(use_case, date) for date in dates}
    waited_for = [folder / MANIFEST for folder in folders.values() if not is_complete(folder)]
    if waited_for:
        more = f" (and {len(waited_for) - 1} more of {dates})" if len(waited_for) > 1 else ""
        raise NightshiftError(_missing(waited_for[0]) + more)
    manifests = {date: read_manifest(folder) for date, folder in folders.items()}

    files: list[LandedFile] = []
    faults: list[Fault] = []
    with ThreadPoolExecutor(READERS) as pool:
        tasks = [task for date in dates for task in _tasks(catalog, date, folders[date], manifests[date], faults)]
        for verdict in pool.map(_examine, tasks):
            (files if isinstance(verdict, LandedFile) else faults).append(verdict)  # type: ignore[arg-type]
    faults.sort(key=lambda fault: (fault.batch_date, fault.file))
    return Delivery(use_case, dates, tuple(files), tuple(faults))


@dataclass(frozen=True)
class _Task:
    table: Table
    source: Source
    batch_date: dt.date
    path: Path
    expected: ManifestFile


def _tasks(catalog: Catalog, date: dt.date, folder: Path, manifest: Manifest, faults: list[Fault]) -> Iterator[_Task]:
    """The files to read of one delivery; what can be said without reading is put to ``faults``."""
    if manifest.batch_date != date:
        reason = f"is the manifest of {manifest.batch_date}, but lies in the folder of {date}"
        faults.append(Fault(date, "manifest", MANIFEST, reason, tolerable=False))
        return
    tables = {table.source.file: table for table in catalog.sources if table.source is not None}
    for entry in manifest.files:
        table = tables.get(entry.name)
        if table is None or table.source is None:
            known = ", ".join(sorted(tables))
            faults.append(Fault(date, entry.name, entry.name, f"is not a declared source; declared are: {known}"))
            continue
        yield _Task(table, table.source, date, folder / entry.name, entry)
    faults.extend(_absent(catalog, date, manifest))
    faults.extend(_unlisted(date, folder, manifest))


def _absent(catalog: Catalog, date: dt.date, manifest: Manifest) -> Iterator[Fault]:
    """Sources that a delivery must hold, and does not."""
    listed = {entry.name for entry in manifest.files}
    for table in catalog.sources:
        source = table.source
        if source is None or not source.required or source.file in listed:
            continue
        starts = catalog.use_case.dates.first + dt.timedelta(days=source.first_batch_date_offset)
        if date >= starts:
            reason = "is required in every delivery, and the manifest does not list it"
            yield Fault(date, table.name, source.file, reason, tolerable=False)


def _unlisted(date: dt.date, folder: Path, manifest: Manifest) -> Iterator[Fault]:
    """Files that came, but that the manifest does not speak of."""
    listed = {entry.name for entry in manifest.files} | {MANIFEST}
    for path in sorted(folder.iterdir()):
        if path.name not in listed and not path.name.startswith("."):
            yield Fault(date, path.name, path.name, "lies in the folder, but the manifest does not list it")


def _examine(task: _Task) -> LandedFile | Fault:
    """Read one file and give the verdict."""
    table, source, expected = task.table, task.source, task.expected
    sha256: str | None = None
    try:
        if task.path.is_symlink() or not task.path.is_file():
            raise FileFaultError("is listed in the manifest, but is no file in the folder")
        contents = read_contents(task.path, source.format)
        sha256 = contents.sha256
        reasons = list(_disagreements(contents, expected))
        if not reasons:
            check_columns(table, source, contents)
    except FileFaultError as error:
        reasons = [str(error)]
        sha256 = error.sha256 or sha256
    except OSError as error:
        reasons = [f"can't be read: {error}"]
    if reasons:
        return Fault(task.batch_date, table.name, expected.name, "; ".join(reasons), sha256)
    if expected.rows == 0 and source.required:
        reason = "is empty: 0 rows of a source that every delivery must hold"
        return Fault(task.batch_date, table.name, expected.name, reason, sha256, tolerable=False)
    return LandedFile(table, task.batch_date, task.path, expected.rows, expected.sha256)


def _disagreements(contents: Contents, expected: ManifestFile) -> Iterable[str]:
    """How a file differs from its manifest."""
    if contents.size != expected.bytes:
        yield f"has {contents.size} bytes, the manifest says {expected.bytes}"
    if contents.sha256 != expected.sha256:
        yield f"has SHA-256 {contents.sha256}, the manifest says {expected.sha256}"
    if contents.damage:
        yield contents.damage
    elif contents.rows != expected.rows:
        yield f"has {contents.rows} rows, the manifest says {expected.rows}"


def _missing(manifest: Path) -> str:
    return (
        f"waited for {manifest}, and it is not there: the delivery is missing or not complete "
        "(the manifest is written last). Ask the sender, or for the sample data run `nightshift deliver-sample`"
    )
