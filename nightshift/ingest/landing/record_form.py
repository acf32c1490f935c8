"""What records of every format have in common on their way from a file to the judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from nightshift.declarations.tables import Table
from nightshift.ingest.delivery.column_drift import landed_columns

if TYPE_CHECKING:
    from pyspark.sql import Column

# concat_ws leaves nulls out, and is compiled; filtering an array of reasons is interpreted and took twice as long.
SEPARATOR = "; "
# Nulls too, and instants to the microsecond, of which JSON has three digits by default.
WITH_NULLS = {
    "ignoreNullFields": "false",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}


def all_fields(table: Table, values: Mapping[str, Column], text: str | None = None) -> Column:
    """All columns of the table: those that came, and null for the rest."""
    fields = [
        values.get(column.name, F.lit(None)).try_cast(text or column.type).alias(column.name)
        for column in landed_columns(table)
    ]
    return F.struct(*fields).alias("fields")


def json_of(columns: Sequence[Column]) -> Column:
    """A JSON object of some columns, nulls among them; null where there are no columns."""
    return F.to_json(F.struct(*columns), WITH_NULLS) if columns else F.lit(None).cast("string")


def reasons_by_rule(reasons: Mapping[str, Sequence[Column]]) -> dict[str, Column]:
    """What is wrong by the rule that is broken, as columns to be added; null where nothing is."""
    return {
        _column_of(rule): F.nullif(F.concat_ws(SEPARATOR, F.lit(None), *found), F.lit(""))
        for rule, found in reasons.items()
    }


def joined(rules: Sequence[str], *first: Column) -> Column:
    """All that is wrong, from the columns of `reasons_by_rule`."""
    return F.concat_ws(SEPARATOR, *first, *[_column_of(rule) for rule in rules])


def broken(rules: Sequence[str], *first: Column) -> Column:
    """Names of the broken rules by commas, from the columns of `reasons_by_rule`."""
    return F.concat_ws(",", *first, *[F.when(F.col(_column_of(rule)).isNotNull(), F.lit(rule)) for rule in rules])


def _column_of(rule: str) -> str:
    return f"_{rule}"
