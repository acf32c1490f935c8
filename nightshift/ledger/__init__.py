"""What happened to each batch: kept in PostgreSQL, one row per attempt, table and batch date.

The only SQL on it is in this room; others get plain values. `ledger_tables` defines it, `database_engine` connects and
migrates, `attempts` writes entries, and a module per subject reads them: `entries`, `landings`, `scores`,
`row_origins`. What people decided is in `model_decisions`, `row_decisions` and `erasures`, and what trainings saw of
labels in `label_maturity`. `row_accounting` balances rows that went in with rows that came out, and `advisory_locks`
keeps processes apart. Rows themselves are in `lake`.
"""

from nightshift.ledger.attempts import Attempt, Overtaking, attempt
from nightshift.ledger.code_of_attempt import code_version
from nightshift.ledger.database_engine import engine
from nightshift.ledger.entries import (
    BY_FILE,
    LOOKED_UP,
    SET_ASIDE,
    Entry,
    Input,
    computed_by,
    dates_of,
    environment_of,
    inputs,
    latest,
    profiles,
    publications,
)
from nightshift.ledger.landings import delivered, delivered_before

__all__ = [
    "BY_FILE",
    "LOOKED_UP",
    "SET_ASIDE",
    "Attempt",
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
