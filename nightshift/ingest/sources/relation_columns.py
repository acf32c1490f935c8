"""The columns of a relation: checked against the declaration, and how each is asked for.

Numbers and booleans come as they are. Whatever may hold values that Spark or the lake can't (dates and instants beyond
the years 1 to 9999, `numeric`, all that nobody declared) is written as text by the database itself, and parsed as the
text of CSV is.
"""

from __future__ import annotations

from dataclasses import dataclass

from nightshift.declarations import tables
from nightshift.declarations.source import JdbcSource
from nightshift.declarations.tables import Table
from nightshift.ingest.delivery.column_drift import DriftError, Found, best_fit, delivered_names
from nightshift.ingest.sources.database_refusal import DatabaseError
from nightshift.ingest.sources.relation import Relation, RelationColumn

# PostgreSQL's types whose values are all values of a declared type.
NATIVE_TYPES = {
    "int": ("int2", "int4"),
    "bigint": ("int2", "int4", "int8"),
    "double": ("float4", "float8"),
    "boolean": ("bool",),
}
# PostgreSQL's types whose values may be values of a declared type: which are, their text tells.
AS_TEXT = {
    "int": ("numeric",),
    "bigint": ("numeric",),
    "double": ("numeric",),
    "date": ("date",),
    "timestamp": ("timestamptz",),
}
INTEGER_TYPES = ("int2", "int4", "int8")
# What a declared type of its own holds, whatever its value: where text is declared, the column was another one.
NO_TEXT = (*INTEGER_TYPES, "bool")
_SQL_TYPES = {"int": "int4", "bigint": "int8", "double": "float8", "boolean": "bool"}
# Fixed in width, so that the order of texts is that of instants.
_INSTANT = (
    "CASE WHEN {0} >= '0001-01-01 00:00:00+00' AND {0} < '10000-01-01 00:00:00+00' "
    'THEN to_char({0}, \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\') ELSE CAST({0} AS text) END'
)
# Casts to text that are not as the database sends a value: blanks at the end are cut, a mask is added.
_SENT_AS = {"bpchar": "textin(bpcharout({0}))", "inet": "textin(inet_out({0}))"}


@dataclass(frozen=True)
class Asked:
    """A column as the database is asked for it.

    Attributes:
        name: as files have it; of an undeclared one, the database's own.
        sql: the expression that gives its values.
        type: Spark's type of them.
        source: what the database has.
    """

    name: str
    sql: str
    type: str
    source: RelationColumn


@dataclass(frozen=True)
class Fitting:
    """The columns of a relation that has all that is declared.

    Attributes:
        added: those that nobody declared and that can be kept aside.
        hidden: names of those that nobody declared and that the user may not read.
    """

    declared: tuple[Asked, ...]
    added: tuple[Asked, ...]
    hidden: tuple[str, ...]
    date_column: RelationColumn
    partition_column: RelationColumn | None

    @property
    def is_date(self) -> bool:
        """Whether the batch date follows from a date, and not from an instant."""
        return self.date_column.base == "date"


def fitting(table: Table, source: JdbcSource, there: Relation) -> Fitting:
    """A relation's columns, fitted to the declaration.

    Raises:
        DriftError: if they are not as declared, or the source's own columns can't be used.
        DatabaseError: if the user may not read a declared one.
    """
    names = delivered_names(table, table.version)
    kinds = {names[column.name]: column.type for column in table.delivered_columns}
    written = {names[name]: given for name, given in source.names.items() if name in names}
    came = {name: found for name in kinds if (found := there.column(written.get(name, name)))}
    taken = {column.name for column in came.values()}
    others = [column for column in there.columns if column.name not in taken]

    def other_type(name: str, column: tables.Column) -> str | None:
        return None if _asked(name, came[name], column.type) else came[name].type

    # Beside what is declared, others are told apart by their case, too.
    alike = [column.name for column in others if column.name.casefold() not in kinds]
    best_fit(table, Found((*came, *alike), False, other_type))
    if unreadable := [column.name for column in came.values() if not column.readable]:
        raise DatabaseError("42501", f"permission denied for {', '.join(map(repr, unreadable))}")
    date_column = _used(there, source.date_column, "date_column", ("date", "timestamptz"))
    shared = source.partition_column
    partition_column = shared and _used(there, shared, "partition_column", (*INTEGER_TYPES, "numeric"))
    own = {date_column.name, partition_column.name if partition_column else None}
    added = [column for column in others if column.name not in own]
    return Fitting(
        tuple(asked for name, kind in kinds.items() if (asked := _asked(name, came[name], kind))),
        tuple(Asked(column.name, _text(column), "string", column) for column in added if column.readable),
        tuple(column.name for column in added if not column.readable),
        date_column,
        partition_column or None,
    )


def _used(there: Relation, name: str, field: str, kinds: tuple[str, ...]) -> RelationColumn:
    found = there.column(name)
    if found is None:
        raise DriftError(f"has no column {name!r}, the {field} of its source{there.near(name)}")
    if found.base not in kinds:
        wanted = "a date or a timestamp with time zone" if "date" in kinds else "an integer"
        raise DriftError(f"{name!r} is {found.type}, and a {field} is {wanted}")
    return found


def _asked(name: str, column: RelationColumn, declared: str) -> Asked | None:
    """How a column is asked for; None where it can't be what is declared."""
    if column.base in NATIVE_TYPES.get(declared, ()):
        return Asked(name, f"CAST({column.sql} AS {_SQL_TYPES[declared]})", declared, column)
    if declared == "timestamp" and column.base == "timestamptz":
        return Asked(name, _INSTANT.format(f"CAST({column.sql} AS timestamptz)"), "string", column)
    if column.base in AS_TEXT.get(declared, ()) or (declared == "string" and column.base not in NO_TEXT):
        return Asked(name, _text(column), "string", column)
    return None


def _text(column: RelationColumn) -> str:
    return _SENT_AS.get(column.base, "CAST({0} AS text)").format(column.sql)
