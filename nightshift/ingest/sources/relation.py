"""A table or view of a database, as its catalog knows it: found by name, with the columns that it has."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightshift.declarations.source import RELATION_PART
from nightshift.errors import DeclarationError
from nightshift.ingest.sources.database_connection import Connection, as_sql, quoted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Tables, partitioned and foreign ones, views and materialised views.
_KINDS = "('r', 'p', 'f', 'v', 'm')"
_OWN = ("pg_catalog", "information_schema")
_NEAR = 5


@dataclass(frozen=True)
class RelationColumn:
    """A column as the catalog has it.

    Attributes:
        type: as PostgreSQL writes it, like ``numeric(9,2)``.
        base: PostgreSQL's own type that its values have, like ``int4``, also of a domain; "" for another's type.
        readable: whether the user may read it.
    """

    name: str
    type: str
    base: str
    readable: bool = True

    @property
    def sql(self) -> str:
        """Its name in SQL."""
        return quoted(self.name)


@dataclass(frozen=True)
class Relation:
    """A table or view, with its columns in their order."""

    schema: str
    name: str
    columns: tuple[RelationColumn, ...]

    @property
    def sql(self) -> str:
        """Its name in SQL."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    def column(self, name: str) -> RelationColumn | None:
        """The column of a name: as it is written, as PostgreSQL folds it, or the only one that differs in case."""
        by_name = {each.name: each for each in self.columns}
        alike = [each for each in self.columns if each.name.casefold() == name.casefold()]
        return by_name.get(name) or by_name.get(name.lower()) or (alike[0] if len(alike) == 1 else None)

    def near(self, name: str) -> str:
        """Its columns whose names are near another one, in words."""
        return _near(name, [each.name for each in self.columns])


def parts(written: str) -> list[tuple[str, bool]]:
    """Schema and name, or the name alone, as `relation` has them, each with whether it is quoted."""
    found = re.findall(RELATION_PART, written)
    return [(part[1:-1].replace('""', '"'), True) if part.startswith('"') else (part, False) for part in found]


def relation(spark: SparkSession, connection: Connection, written: str) -> Relation:
    """The relation that a source names: exactly as it is written, else as PostgreSQL folds names without quotes.

    Raises:
        DeclarationError: if there is none, naming near ones.
        DatabaseError: if the catalog can't be read.
    """
    *schema, (name, is_quoted) = parts(written)
    there = _known(spark, connection, f"AND c.relname IN ({as_sql(name)}, {as_sql(name.lower())})")
    for folded in (False, True):
        found = [
            each
            for each in there
            if (_is(each["schema"], *schema[0], folded) if schema else each["visible"])
            and _is(each["name"], name, is_quoted, folded)
        ]
        if len(found) == 1:
            return Relation(found[0]["schema"], found[0]["name"], _columns(spark, connection, found[0]["oid"]))
    known = [_written(each) for each in found or _known(spark, connection) if each["schema"] not in _OWN]
    what = "several relations" if found else "no relation"
    said = f"; they are {', '.join(known)}" if found else _near(written, known)
    raise DeclarationError(
        f"the database {connection.name!r} has {what} {written!r}{said}",
        remedy="correct `relation` in tables.yaml (docs/landing-contract.md says how names are written), or, where "
        f"this is another database than was meant, NIGHTSHIFT_JDBC_{connection.name.upper()}_URL",
    )


def _known(spark: SparkSession, connection: Connection, condition: str = "") -> list[dict[str, Any]]:
    """The relations that may be read as far as their kind goes."""
    return connection.ask(
        spark,
        "SELECT CAST(c.oid AS bigint) AS oid, n.nspname AS schema, c.relname AS name, "
        "pg_table_is_visible(c.oid) AS visible FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE c.relkind IN {_KINDS} AND n.nspname !~ '^pg_(toast|temp)' {condition}",
    )


def _is(name: str, written: str, is_quoted: bool, folded: bool) -> bool:
    return name == written or (folded and not is_quoted and name == written.lower())


def _written(found: Mapping[str, Any]) -> str:
    """A relation as `relation` would have it."""
    return ".".join(
        part if re.fullmatch(r"[^\s\".]+", part) else quoted(part) for part in (found["schema"], found["name"])
    )


def _columns(spark: SparkSession, connection: Connection, oid: int) -> tuple[RelationColumn, ...]:
    found: list[dict[str, Any]] = connection.ask(
        spark,
        "WITH RECURSIVE base AS (SELECT oid, oid AS own FROM pg_type WHERE typtype <> 'd' UNION ALL SELECT d.oid, "
        "base.own FROM pg_type d JOIN base ON d.typbasetype = base.oid WHERE d.typtype = 'd') "
        "SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, "
        "CASE WHEN t.typnamespace = CAST('pg_catalog' AS regnamespace) THEN t.typname ELSE '' END AS base, "
        "has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable "
        "FROM pg_attribute a JOIN base ON base.oid = a.atttypid JOIN pg_type t ON t.oid = base.own "
        f"WHERE a.attrelid = {int(oid)} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
    )
    return tuple(RelationColumn(**each) for each in found)


def _near(name: str, known: Iterable[str]) -> str:
    by_folded: dict[str, list[str]] = {}
    for each in sorted(known):
        by_folded.setdefault(each.casefold(), []).append(each)
    found = difflib.get_close_matches(name.casefold(), by_folded, n=_NEAR, cutoff=0.5)
    near = [each for folded in found for each in by_folded[folded]]
    return f"; near are {', '.join(near)}" if near else ""
