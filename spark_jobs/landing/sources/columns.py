"""The columns of a relation: held against the declaration, and as an extract has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nightshift import tables
from nightshift.delivery.drift import DriftError, Found, delivered_names, fit
from nightshift.source import JdbcSource
from nightshift.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import StructType

TYPES = {
    "string": ("string",),
    "int": ("tinyint", "smallint", "int"),
    "bigint": ("tinyint", "smallint", "int", "bigint"),
    "double": ("float", "double"),
    "boolean": ("boolean",),
    "date": ("date",),
    "timestamp": ("timestamp",),
}
KEPT_AS_THEY_ARE = frozenset(kind for kinds in TYPES.values() for kind in kinds)


def declared(table: Table) -> dict[str, str]:
    """The declared columns under the names by which they are delivered, with their types."""
    names = delivered_names(table, table.version)
    return {names[each.name]: each.type for each in table.delivered_columns}


def added_to(table: Table, source: JdbcSource, schema: StructType) -> tuple[str, ...]:
    """The columns of a relation that nobody declared.

    Raises:
        DriftError: if the others are not as declared.
    """
    types = {each.name: each.dataType.simpleString() for each in schema.fields}

    def other_type(name: str, column: tables.Column) -> str | None:
        return None if types[name] in TYPES[column.type] else types[name]

    fitting = fit(table, Found(tuple(types), False, other_type))
    if source.date_column not in types:
        raise DriftError(f"has no column {source.date_column!r}, the date_column of its source")
    if types[source.date_column] not in ("date", "timestamp"):
        raise DriftError(
            f"{source.date_column!r} is {types[source.date_column]}, and a date_column is a date or a "
            "timestamp with time zone"
        )
    return tuple(name for name in fitting.added if name not in (source.date_column, source.partition_column))


def selected(table: Table, added: Sequence[str], schema: StructType) -> list[Column]:
    """What an extract keeps of a row: declared columns of their types, others as they are or, if need be, as text."""
    from pyspark.sql import functions as F

    kept = [F.col(name).cast(kind) for name, kind in declared(table).items()]
    for name in added:
        column, kind = F.col(f"`{name}`"), schema[name].dataType.simpleString()
        plain = F.base64(column) if kind == "binary" else column.cast("string")
        kept.append((column if kind in KEPT_AS_THEY_ARE else plain).alias(name))
    return kept
