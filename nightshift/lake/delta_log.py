"""What the Delta log of a table says, from the log alone; none of this starts Spark."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from nightshift.dates import BatchDates
from nightshift.declarations.tables import PARTITION, REASONS, Table
from nightshift.errors import MissingError
from nightshift.home.outside_errors import explained
from nightshift.stages import command_to_write
from nightshift.storage import Location
from nightshift.storage.files import AT_ONCE

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
        return DeltaTable(str(table.location), storage_options=table.location.options)
    try:
        return DeltaTable(str(table.location), version=version, storage_options=table.location.options)
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
    counts = dict.fromkeys(dates, 0)
    for file in _files(snapshot(table, version), dates):
        date = dt.date.fromisoformat(str(file["date"]))
        if file["num_records"] is None:
            raise MissingError(f"{table.label} {date}: {file['path']} has no row count: run its stage again")
        counts[date] += file["num_records"]
    return counts


def files_of(table: Table, version: DeltaTable, dates: BatchDates) -> dict[dt.date, list[Location]]:
    """The files of each batch date that has any, at a version; a vacuum may have removed them since."""
    found: dict[dt.date, list[Location]] = defaultdict(list)
    for file in _files(version, dates):
        found[dt.date.fromisoformat(str(file["date"]))].append(table.location / unquote(file["path"]))
    return dict(found)


def paths_of(table: Table, version: DeltaTable, dates: BatchDates | None = None) -> list[Location]:
    """The files of some batch dates, or of all, at a version."""
    return [table.location / unquote(file["path"]) for file in _files(version, dates)]


def files_gone(files: Iterable[Location]) -> list[Location]:
    """Those of a version's files that were removed since, as by a vacuum."""
    named = list(files)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        are_there = pool.map(Location.exists, named)
        return [file for file, is_there in zip(named, are_there, strict=True) if not is_there]


def files_added(table: Table, version: int) -> dict[dt.date, list[Location]]:
    """The files that one commit added; empty if its log entry is missing.

    What `publish` commits replaces whole batch dates, so these are all files that they had at that version. Told by
    the one file that the commit wrote: to open a version costs some tens of milliseconds, and more in a long log.
    """
    found: dict[dt.date, list[Location]] = defaultdict(list)
    for action in _actions(table, version) or ():
        if each := action.get("add"):
            date = dt.date.fromisoformat(each["partitionValues"][PARTITION])
            found[date].append(table.location / unquote(each["path"]))
    return dict(found)


def log_entry(table: Table, version: int) -> Location:
    """The file of one commit."""
    return table.location / "_delta_log" / f"{version:020d}.json"


def is_made_by(table: Table, version: int, attempt_id: uuid.UUID) -> bool | None:
    """Whether an attempt has made a version; None where there is no such version yet."""
    if (actions := _actions(table, version)) is not None:
        return any(_names(each.get("commitInfo", {}).get("userMetadata"), attempt_id) for each in actions)
    # Whose entry was tidied away may be its own; what it has written is then spared.
    return True if table.exists() and newest_version(table) >= version else None


def committed(table: Table, attempt_id: uuid.UUID) -> int | None:
    """The Delta version that an attempt has made, by the metadata of its commit; None where it made none."""
    if not table.exists():
        return None
    for commit in snapshot(table).history():
        if _names(commit.get("userMetadata"), attempt_id):
            return int(commit["version"])
    return None


def _names(note: object, attempt_id: uuid.UUID) -> bool:
    return f'"{attempt_id}"' in str(note)


def _actions(table: Table, version: int) -> list[dict[str, Any]] | None:
    """What one commit wrote; None where its entry is not there."""
    try:
        # https://github.com/delta-io/delta/blob/master/PROTOCOL.md#delta-log-entries
        lines = log_entry(table, version).read().decode().splitlines()
    except FileNotFoundError:
        return None
    return [json.loads(line) for line in lines if line]


def _files(version: DeltaTable, dates: BatchDates | None) -> list[dict[str, Any]]:
    """Path below the table's folder, in the log's encoding, batch date and row count of each file."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = f"partition.{PARTITION}"
    files = pa.table(version.get_add_actions(flatten=True)).select([column, "num_records", "path"])
    if dates is not None:
        days = files[column].cast(pa.string())
        asked = pc.and_(pc.greater_equal(days, str(dates.first)), pc.less_equal(days, str(dates.last)))
        files = files.filter(asked)
    found: list[dict[str, Any]] = files.rename_columns(["date", "num_records", "path"]).to_pylist()
    return found


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
