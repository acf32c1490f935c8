"""Files that say what another file says, and sources that came without a single row."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from nightshift.dates import BatchDates
from nightshift.declarations.source import FileSource
from nightshift.ingest.delivery.landed_files import Fault, LandedFile
from nightshift.ingest.delivery.manifest import MANIFEST

# Longer numbers in names are compared as text.
NATURAL_DIGITS = 40
# SHA-256 by file name, of each batch date that was published.
NamesByDate = Mapping[dt.date, Mapping[str, str]]


def natural_order(name: str) -> str:
    """What sorts names of files as people count: orders_9 before orders_10."""
    return re.sub("[0-9]+", lambda digits: digits[0].zfill(NATURAL_DIGITS), name)


def mark_duplicates(files: Sequence[LandedFile]) -> Iterator[LandedFile]:
    """The files, each that doubles another one of the same source and delivery marked with that one's name.

    The newest by its name is read: what it says again counts more than what came in between.
    """
    newest: dict[tuple[dt.date, str, str], str] = {}
    for file in sorted(files, key=lambda file: (natural_order(file.name), file.name)):
        newest[file.batch_date, file.table.name, file.sha256] = file.name
    for file in files:
        name = newest[file.batch_date, file.table.name, file.sha256]
        yield file if name == file.name else replace(file, duplicate_of=name)


def of_other_sources(files: Sequence[LandedFile]) -> Iterator[str]:
    """What to say of files that came, byte for byte, for another source of their delivery too."""
    first: dict[tuple[dt.date, str], LandedFile] = {}
    for file in files:
        other = first.setdefault((file.batch_date, file.sha256), file)
        if file.rows and other.table.name != file.table.name:
            yield (
                f"{file.batch_date}/{file.name} is byte for byte {other.name}, which is of another source: both were "
                f"taken, {other.table.short_name} and {file.table.short_name} hold the same"
            )


def of_other_dates(
    files: Sequence[LandedFile], dates: BatchDates, history: NamesByDate, delivered: NamesByDate
) -> Iterator[Fault]:
    """Files of required sources that were published, byte for byte, for another date, where they are not to repeat.

    What was published for the dates themselves does not count, as it is about to be replaced; neither does what the
    other date's delivery no longer holds, as after two dates were mixed up.

    Args:
        delivered: what lies in the landing zone for the other dates.
    """

    def is_withdrawn(date: dt.date, sha256: str) -> bool:
        # A delivery that was removed, or whose manifest can't be read, withdraws nothing.
        current = delivered.get(date, {MANIFEST: ""})
        return MANIFEST not in current and sha256 not in current.values()

    known = {
        sha256: (date, name)
        for date in sorted(history, reverse=True)
        if date not in dates
        for name, sha256 in history[date].items()
        if not is_withdrawn(date, sha256)
    }
    for file in sorted(files, key=lambda file: file.batch_date):
        source = file.table.source
        if not isinstance(source, FileSource) or not source.required or source.may_repeat or not file.rows:
            continue
        date, name = known.setdefault(file.sha256, (file.batch_date, file.name))
        if date != file.batch_date:
            reason = f"is byte for byte {name} of {date}: it was delivered for the wrong date, or a second time"
            yield Fault(
                *(file.batch_date, file.table.name, file.name, reason, "other_date", file.sha256),
                promised=file.sha256,
                rows=file.rows,
            )


def without_rows(files: Sequence[LandedFile]) -> Iterator[Fault]:
    """Sources that came, but without a row, where that is not allowed."""
    came: dict[tuple[dt.date, str], list[LandedFile]] = {}
    for file in files:
        came.setdefault((file.batch_date, file.table.name), []).append(file)
    for (date, source), parts in came.items():
        declared = parts[0].table.source
        if declared is None or declared.empty_allowed or any(part.rows for part in parts):
            continue
        digest = parts[0].sha256
        reason = "is empty: 0 rows, and the source is declared without `empty_allowed`"
        yield Fault(date, source, parts[0].name, reason, "empty", digest, tolerable=False, promised=digest)
