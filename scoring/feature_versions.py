"""Which Delta version of the feature table each slice comes from."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import os
from collections import defaultdict
from collections.abc import Sequence

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table
from nightshift.storage import Location


def slice_versions(table: Table, dates: BatchDates, pinned: int) -> dict[dt.date, int]:
    """The version in which each batch date got the rows that it has at ``pinned``.

    So a score names the same version when it is made again, although other dates were published since, or this one once
    more with the same rows. Where the ledger does not know that version, or its files have not the very pages of those
    of ``pinned``, it is ``pinned``, which is as true.
    """
    found = dict.fromkeys(dates, pinned)
    history: dict[dt.date, list[int]] = defaultdict(list)
    for entry in ledger.publications(table.use_case, table.short_name, dates):
        if entry.delta_version is not None and entry.delta_version < pinned:
            history[entry.batch_date].append(entry.delta_version)
    if not history:
        return found
    now = lake.files_of(table, lake.snapshot(table, pinned), dates)
    added = functools.cache(functools.partial(lake.files_added, table))
    for date, versions in history.items():
        for version in versions:
            if not _are_equal(added(version).get(date, ()), now.get(date, ())):
                break
            found[date] = version
    return found


def same_rows(table: Table, date: dt.date, version: int) -> int:
    """A version that can be read and has the same rows of a batch date; ``version`` itself where no other has.

    A slice that was published again with the same bytes outlives a vacuum of the version before.
    """
    published = ledger.publications(table.use_case, table.short_name, [date])
    digest = next((each.stage_sha256 for each in published if (each.delta_version or 0) <= version), None)
    same = [each.delta_version for each in published if digest is not None and each.stage_sha256 == digest]
    for each in [version, *(found for found in reversed(same) if found is not None)]:
        try:
            files = lake.files_of(table, lake.snapshot(table, each), BatchDates.of(date)).get(date)
        except lake.VersionGone:
            continue
        if files and not lake.files_gone(files):
            return each
    return version


def _are_equal(some: Sequence[Location], others: Sequence[Location]) -> bool:
    """Whether files are the same, or hold the same pages; false where one is gone."""
    if set(some) == set(others):
        return bool(some)
    try:
        return sorted(map(_content, some)) == sorted(map(_content, others))
    except FileNotFoundError:
        return False


def _content(file: Location) -> tuple[str, str]:
    """Schema, and SHA-256 of the pages, of a Parquet file.

    Not of the whole file: its footer lists the encodings of a column in an order that differs between JVMs.
    """
    import pyarrow.parquet as pq

    with file.open() as stream:
        metadata = pq.read_metadata(stream)
        # Behind the footer stand its length and the format's name, four bytes each.
        pages = stream.seek(0, os.SEEK_END) - metadata.serialized_size - 8
        stream.seek(0)
        return str(metadata.schema.to_arrow_schema()), hashlib.sha256(stream.read(pages)).hexdigest()
