"""What the Delta log of a table says, from the log alone; none of this starts Spark."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from nightshift.dates import BatchDates
from nightshift.declarations.tables import PARTITION, REASONS, Table
from nightshift.errors import MissingError
from nightshift.home.outside_errors import explained
from nightshift.stages import command_to_write

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deltalake import DeltaTable


class VersionGone(MissingError):
    """A version of a table was asked for that its log no longer has, or never had."""


def snapshot(table: Table, version: int | None = None) -> DeltaTable:
    """A version of a table, the newest if None.

    Raises:
        NightshiftError: if nothing was ever published to it.
        VersionGone: if its log does not have the version.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    if not table.exists():
        raise MissingError(f"nothing was ever published to {table.label}: first run `{command_to_write(table)}`")
    if version is None:
        return DeltaTable(table.path)
    try:
        return DeltaTable(table.path, version=version)
    except (DeltaError, OSError) as error:
        raise explained(error) or VersionGone(
            f"the log of {table.label} has no version {version}: {error!s:.200}"
        ) from error


def opened(table: Table) -> DeltaTable | None:
    """The newest version of a table; None if nothing was ever published to it."""
    return snapshot(table) if table.exists() else None


def newest_version(table: Table) -> int:
    """The Delta version that readers see now, to be pinned by who reads more than once.

    Raises:
        NightshiftError: if nothing was ever published to the table.
    """
    return snapshot(table).version()


def published_dates(table: Table, version: int | None = None) -> set[dt.date]:
    """The batch dates that have rows, at a version or, if None, at the newest."""
    if not table.exists():
        return set()
    return {dt.date.fromisoformat(str(part[PARTITION])) for part in snapshot(table, version).partitions()}


def rows_by_date(table: Table, dates: BatchDates, version: int | None = None) -> dict[dt.date, int]:
    """Row count per batch date.

    Raises:
        NightshiftError: if a file was written without its row count, so that the number is not known.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    counts = dict.fromkeys(dates, 0)
    column = f"partition.{PARTITION}"
    files = pa.table(snapshot(table, version).get_add_actions(flatten=True)).select([column, "num_records", "path"])
    days = files[column].cast(pa.string())
    asked = pc.and_(pc.greater_equal(days, str(dates.first)), pc.less_equal(days, str(dates.last)))
    for file in files.filter(asked).to_pylist():
        date = dt.date.fromisoformat(str(file[column]))
        if file["num_records"] is None:
            raise MissingError(f"{table.label} {date}: {file['path']} has no row count: run its stage again")
        counts[date] += file["num_records"]
    return counts


def files_of(version: DeltaTable, dates: BatchDates) -> dict[dt.date, list[Path]]:
    """The files of each batch date that has any, at a version; a vacuum may have removed them from the disk since."""
    return _by_date(paths_of(version, dates))


def paths_of(version: DeltaTable, dates: BatchDates | None = None) -> list[str]:
    """The files of some batch dates, or of all, at a version, as paths on the disk."""
    within = None if dates is None else partitions_of(dates)
    return [unquote(uri) for uri in version.file_uris(file_pruning_predicate=within)]


def files_added(table: Table, version: int) -> dict[dt.date, list[Path]]:
    """The files that one commit added; empty if its log entry is missing.

    What `publish` commits replaces whole batch dates, so these are all files that they had at that version. Told by
    the one file that the commit wrote: to open a version costs some tens of milliseconds, and more in a long log.
    """
    try:
        # https://github.com/delta-io/delta/blob/master/PROTOCOL.md#delta-log-entries
        lines = (table.path / "_delta_log" / f"{version:020d}.json").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    added = (json.loads(line).get("add") for line in lines if line)
    return _by_date(str(table.path / unquote(each["path"])) for each in added if each)


def _by_date(files: Iterable[str]) -> dict[dt.date, list[Path]]:
    found: dict[dt.date, list[Path]] = defaultdict(list)
    for path in map(Path, files):
        found[dt.date.fromisoformat(path.parent.name.removeprefix(f"{PARTITION}="))].append(path)
    return dict(found)


def committed(table: Table, attempt_id: uuid.UUID) -> int | None:
    """The Delta version that an attempt has made, by the metadata of its commit; None where it made none."""
    if not table.exists():
        return None
    for commit in snapshot(table).history():
        if f'"{attempt_id}"' in str(commit.get("userMetadata")):
            return int(commit["version"])
    return None


def partitions_of(dates: BatchDates) -> list[tuple[str, str, Any]]:
    """The partitions of some batch dates, as delta-rs filters them."""
    return [(PARTITION, ">=", str(dates.first)), (PARTITION, "<=", str(dates.last))]


def delta_schema(table: Table) -> str:
    """The declared schema in Delta's JSON form."""
    types: dict[str, Any] = {"int": "integer", "bigint": "long", REASONS: _DELTA_REASONS}
    columns = [(PARTITION, "date"), *((column.name, column.type) for column in table.data_columns)]
    fields = [{"name": name, "type": types.get(kind, kind), "nullable": True, "metadata": {}} for name, kind in columns]
    return json.dumps({"type": "struct", "fields": fields})


_DELTA_REASONS = {
    "type": "array",
    "elementType": {
        "type": "struct",
        "fields": [
            {"name": name, "type": kind, "nullable": True, "metadata": {}}
            for name, kind in (
                ("feature", "string"),
                ("value", "string"),
                ("contribution", "double"),
                ("phrase", "string"),
            )
        ],
    },
    "containsNull": True,
}
