"""What became of a delivery: the files that are good, what is wrong with the others, and what deserves a look."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from dataclasses import dataclass, field

from nightshift.dates import BatchDates
from nightshift.declarations.source import FileSource
from nightshift.declarations.tables import QUARANTINE, Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeliveryError
from nightshift.figures import amount
from nightshift.ingest.delivery.column_drift import delivered_names
from nightshift.ingest.delivery.landing_zone import landing_folder
from nightshift.stages import LAND, command
from nightshift.storage import Location

log = logging.getLogger("nightshift")
SHOWN_FAULTS = 20


@dataclass(frozen=True)
class LandedFile:
    """A file that is what its manifest says, or an extract of a database, as it lies in the archive.

    Attributes:
        name: as it was delivered.
        path: the copy in the archive, which is what jobs read.
        columns: as the file has them; declared ones and others.
        version: the version of the table that the file is of; an older one only where an older date is landed again.
        duplicate_of: name of a file of the same content in the same delivery, which is read instead.
        origin: where it came from, for people: the delivery's folder, or bounds, count and sums of a query.
        untyped: columns of a Parquet file that have no type, as no row has a value there.
        by_arrow: whether it is a Parquet file with columns that Spark can't read.
        left_out: undeclared columns of a Parquet file that can't be kept aside; the archive has them.
    """

    table: Table
    batch_date: dt.date
    name: str
    path: Location
    rows: int
    sha256: str
    columns: tuple[str, ...]
    version: int = 1
    duplicate_of: str | None = None
    origin: str = ""
    untyped: tuple[str, ...] = ()
    by_arrow: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What it is in the ledger: ``file`` or ``query``."""
        return "file" if isinstance(self.table.source, FileSource) else "query"

    @property
    def added(self) -> tuple[str, ...]:
        """Undeclared columns, which are kept aside."""
        declared = delivered_names(self.table, self.version).values()
        return tuple(dict.fromkeys(name for name in self.columns if name not in (*declared, *self.left_out)))


@dataclass(frozen=True)
class Fault:
    """What is wrong with a delivery, apart from single records.

    Attributes:
        source: the bronze table that the file was meant for; the file's own name where there is none.
        rule: what it breaks, in one word, like ``manifest``, ``unreadable`` or ``columns``.
        sha256: digest of the file as found; None where there is no file to read.
        tolerable: false where there is no file that could be set aside, or none that the run can do without.
        promised: digest by the word of the manifest, where it lists the file.
        rows: records of the file: as they were counted or, where it can't be read, by the word of the manifest.
    """

    batch_date: dt.date
    source: str
    file: str
    reason: str
    rule: str = "manifest"
    sha256: str | None = None
    tolerable: bool = True
    promised: str | None = None
    rows: int = 0

    @property
    def digest(self) -> str:
        """The one that the manifest gives: by it one sees that this very delivery was dealt with."""
        return self.promised or self.sha256 or ""

    def __str__(self) -> str:
        return f"{self.batch_date}/{self.file}: {self.reason}"


@dataclass(frozen=True)
class Delivery:
    """The deliveries of a range of batch dates, verified and in the archive.

    Attributes:
        warnings: what is taken as it is and deserves a look, like an undeclared column.
    """

    use_case: UseCase
    dates: BatchDates
    files: tuple[LandedFile, ...]
    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def of(self, table: Table) -> list[LandedFile]:
        """The good files of one source, by batch date; duplicates among them."""
        return [file for file in self.files if file.table.name == table.name]

    def rows_in(self, table: Table) -> dict[dt.date, int]:
        """Records of one source per batch date, those of duplicates too; 0 where it did not come."""
        rows = dict.fromkeys(self.dates, 0)
        for file in self.of(table):
            rows[file.batch_date] += file.rows
        return rows

    @property
    def is_blocked(self) -> bool:
        """Whether there are more faults of a batch date than the use case tolerates."""
        most = max(Counter(fault.batch_date for fault in self.faults).values(), default=0)
        tolerable = all(fault.tolerable for fault in self.faults)
        return most > self.use_case.delivery.tolerated_corrupt_files or not tolerable

    def refuse_faults(self) -> None:
        """Block the run if there are more faults of a batch date than the use case tolerates; warn of the others.

        Raises:
            NightshiftError: naming each faulty file, what is wrong with it, and what to do.
        """
        tolerated = self.use_case.delivery.tolerated_corrupt_files
        if not self.is_blocked:
            for fault in self.faults:
                log.warning("%s: tolerated, the run continues without this file (%s)", fault, QUARANTINE)
            return
        shown = [f"  {fault}" for fault in self.faults[:SHOWN_FAULTS]]
        if len(self.faults) > len(shown):
            shown.append(f"  and {len(self.faults) - len(shown)} more, in bronze/{self.use_case.name}/quarantine")
        remedies = [remedy for rule, remedy in _REMEDIES.items() if any(fault.rule == rule for fault in self.faults)]
        files = amount(len(self.faults), "file")
        raise DeliveryError(
            f"{files} of the delivery {self.dates} of {self.use_case.name} can't be used, {tolerated} of each batch "
            "date are tolerated (`delivery.tolerated_corrupt_files` in use_case.yaml), "
            "and never what a run can't do without:\n"
            + "\n".join(shown)
            + "\nnothing of these dates was published to the source tables. Next: ask the sender to deliver again "
            f"into {landing_folder(self.use_case)}/<batch date>/, manifest last (docs/landing-contract.md), then run "
            "the stage again: clear its task in Airflow, or run "
            f"`{command(LAND, self.use_case.name, self.dates)}`{''.join(remedies)}"
        )


# What else can be done, by the rule that is broken.
_REMEDIES = {
    "columns": "; or, where the new columns are here to stay, accept them: docs/schema-changes.md",
    "empty": "; or, where a day without rows is right, declare `empty_allowed: true` for the source in tables.yaml",
    "other_date": "; or, where the file belongs to this date, deliver and land the other date again first, or declare "
    "`may_repeat: true` for a source whose files may stay the same for days",
    "query": "; for a database there is nothing to deliver, so fix what the reason says",
}
