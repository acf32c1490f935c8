"""Writes the deliveries of a sample in the form of the landing contract, the manifest last.

For sample sources, which know what is in the files. The same files give the same bytes every time.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightshift.dates import BatchDates
from nightshift.declarations.use_case import UseCase
from nightshift.errors import UsageError
from nightshift.ingest.delivery.manifest import MANIFEST
from nightshift.storage import Location

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class SampleFile:
    """One file of a delivery, complete in memory."""

    name: str
    rows: int
    content: bytes

    @classmethod
    def of_csv(cls, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> SampleFile:
        """Rows as CSV, with the names of their columns first; None is an empty field."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        count = 0
        for row in rows:
            writer.writerow(["" if value is None else value for value in row])
            count += 1
        return cls(name, count, text.getvalue().encode())

    @classmethod
    def of_parquet(cls, name: str, rows: pa.Table) -> SampleFile:
        """Rows as Parquet."""
        import pyarrow.parquet as pq

        buffer = io.BytesIO()
        pq.write_table(rows, buffer, compression="snappy", version="2.6", store_schema=False)
        return cls(name, rows.num_rows, buffer.getvalue())

    def manifest_entry(self) -> dict[str, Any]:
        """The file's line in the manifest."""
        digest = hashlib.sha256(self.content).hexdigest()
        return {"name": self.name, "bytes": len(self.content), "rows": self.rows, "sha256": digest}


@dataclass
class Delivered:
    """What a call did: the dates it wrote, and those that it found equal and left alone."""

    written: list[dt.date] = field(default_factory=list)
    unchanged: list[dt.date] = field(default_factory=list)


@dataclass(frozen=True)
class SampleSource:
    """All deliveries that a sample source can play.

    Attributes:
        dates: its batch dates.
        files: the data files of one of them.
    """

    dates: BatchDates
    files: Callable[[dt.date], Iterable[SampleFile]]

    def deliver(
        self,
        use_case: UseCase,
        dates: BatchDates,
        landing_root: Location,
        progress: Callable[[str], None] = lambda line: None,
        force: bool = False,
    ) -> Delivered:
        """Deliver each of ``dates`` to ``<landing_root>/<use case>/<batch date>/``.

        Args:
            use_case: whose landing zone it is.
            dates: batch dates of the sample.
            landing_root: root of the landing zone.
            progress: told one line per date.
            force: write a complete delivery again, even when its content differs from the sample's.

        Raises:
            NightshiftError: if a date is outside the sample, or a delivery of other content is already there.
        """
        if dates.first not in self.dates or dates.last not in self.dates:
            raise UsageError(
                f"the sample of {use_case.name} has the batch dates {self.dates}, and {dates} is not within them",
                remedy="ask for some of these",
            )
        done = Delivered()
        for date in dates:
            folder = landing_root / use_case.name / date.isoformat()
            files = list(self.files(date))
            if not force and _is_equal(folder, date, files):
                done.unchanged.append(date)
                progress(f"{date}: is already there, with equal content; left as it is")
                continue
            _write(folder, date, files)
            done.written.append(date)
            progress(f"{date}: " + ", ".join(f"{file.name} {file.rows}" for file in files))
        return done


def _manifest(date: dt.date, files: list[SampleFile]) -> bytes:
    manifest = {"batch_date": date.isoformat(), "files": [file.manifest_entry() for file in files]}
    return (json.dumps(manifest, indent=2) + "\n").encode()


def _is_equal(folder: Location, date: dt.date, files: list[SampleFile]) -> bool:
    """Whether a complete delivery of this very content is there; False when there is none or half of one."""
    if not (folder / MANIFEST).exists():
        return False
    expected = {file.name: file.content for file in files} | {MANIFEST: _manifest(date, files)}
    found = {file.name: (folder / file.name).read() for file in folder.files()}
    if found == expected:
        return True
    differing = sorted(name for name in expected | found if expected.get(name) != found.get(name))
    raise UsageError(
        f"{folder} holds a complete delivery that differs from the sample's in {', '.join(differing)}: "
        "give --force to replace it"
    )


def _write(folder: Location, date: dt.date, files: list[SampleFile]) -> None:
    """Write the files, then the manifest: until it appears, the delivery is not complete."""
    (folder / MANIFEST).delete()
    for leftover in folder.files():
        (folder / leftover.name).delete()
    for file in files:
        (folder / file.name).write(file.content)
    (folder / MANIFEST).write(_manifest(date, files))
