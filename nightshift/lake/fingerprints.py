"""A digest of each published slice, which tells whether two lakes hold the same rows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from nightshift.declarations.tables import Table
from nightshift.lake.sql_queries import query

_HALF = 2**64


@dataclass(frozen=True)
class Fingerprint:
    """The rows of a batch date: how many, and a digest of them, 32 hexadecimal digits.

    The digest is the same for the same rows, in whatever order and files they lie, and another where a value differs.
    """

    batch_date: dt.date
    rows: int
    digest: str


def fingerprints(table: Table) -> list[Fingerprint]:
    """Those of each slice of a table's newest version, by batch date."""
    # Sums of digests: neither the order nor the files of the rows count, and a row that is there twice does.
    # Of each row as JSON, in which text and null are told apart.
    parts = ", ".join(f"sum(CAST(md5_number_{half}(to_json(row)) AS HUGEINT))" for half in ("upper", "lower"))
    asked = f"SELECT batch_date, count(*), {parts} FROM {table.full_name} AS row GROUP BY 1 ORDER BY 1"
    found = query(asked, table.home)
    return [
        Fingerprint(date, rows, f"{int(upper) % _HALF:016x}{int(lower) % _HALF:016x}")
        for date, rows, upper, lower in zip(*(column.to_pylist() for column in found.columns), strict=True)
    ]
