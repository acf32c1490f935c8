"""What the Delta log of a table says, from the log alone; none of this starts Spark."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, Any

from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError
from nightshift.tables import PARTITION, REASONS, Table

if TYPE_CHECKING:
    from deltalake import DeltaTable


def snapshot(table: Table, version: int | None = None) -> DeltaTable:
    """A version of a table, the newest if None.

    Raises:
        NightshiftError: if nothing was ever published to it.
    """
    from deltalake import DeltaTable

    if not table.exists():
        raise NightshiftError(f"nothing was ever published to {table.label}: run the stage that writes it first")
    return DeltaTable(table.path, version=version)


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
            raise NightshiftError(f"{table.label} {date}: {file['path']} has no row count: run its stage again")
        counts[date] += file["num_records"]
    return counts


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
