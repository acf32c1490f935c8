"""What happened to each batch: kept in PostgreSQL, one row per attempt, table and batch date.

`attempts` writes it, `queries` reads it, `schema` defines it and migrates older ones. `row_accounting` balances rows
that went in with rows that came out. Rows themselves are in `lake`.
"""

from nightshift.ledger.attempts import Attempt, Overtaking, attempt
from nightshift.ledger.code_of_attempt import code_version
from nightshift.ledger.queries import (
    computed_by,
    dates_of,
    delivered,
    delivered_before,
    environment_of,
    inputs,
    latest,
    profiles,
    publications,
)
from nightshift.ledger.schema import BY_FILE, LOOKED_UP, SET_ASIDE, Base, Entry, Input, engine

__all__ = [
    "BY_FILE",
    "LOOKED_UP",
    "SET_ASIDE",
    "Attempt",
    "Base",
    "Entry",
    "Input",
    "Overtaking",
    "attempt",
    "code_version",
    "computed_by",
    "dates_of",
    "delivered",
    "delivered_before",
    "engine",
    "environment_of",
    "inputs",
    "latest",
    "profiles",
    "publications",
]
