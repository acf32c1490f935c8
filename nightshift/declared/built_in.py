"""What no use case has to declare: batch_date, the columns that say where a landed row comes from, the quarantine."""

from __future__ import annotations

from typing import Any

from nightshift.tables import PARTITION, Column, Table

# Where a landed row comes from; every table with a source has these columns.
LINEAGE: tuple[dict[str, Any], ...] = (
    {"name": "file", "type": "string", "required": True, "description": "Name of the delivered file, or of the query."},
    {
        "name": "file_sha256",
        "type": "string",
        "required": True,
        "description": "SHA-256 of that file as it was landed.",
    },
    {
        "name": "record",
        "type": "bigint",
        "required": True,
        "minimum": 1,
        "description": "Line (text, its header is line 1) or record number (Parquet) within the file.",
    },
    {"name": "extra", "type": "string", "description": "Delivered fields that are not declared, as a JSON object."},
)
# Names that a declared column can't have, by layer, as the stages add columns of these names to the rows: landing
# its lineage and what it finds about a record, reference data its validity, refining the record that is newest.
RESERVED: dict[str, frozenset[str]] = {
    "bronze": frozenset(
        {"batch_date", "raw", "faults", "fault_rules", "fields", "reason", "rules", "valid_from", "valid_until"}
        | {column["name"] for column in LINEAGE}
    ),
    "silver": frozenset({"batch_date", "record"}),
    "gold": frozenset({"batch_date"}),
}
QUARANTINE: dict[str, Any] = {
    "layer": "bronze",
    "name": "quarantine",
    "description": "Every landed row, or whole file, that was not accepted, with the reason and what a person decided.",
    "grain": "one row per rejected record or file",
    "keys": ["source", "file", "record"],
    "columns": [
        {"name": "source", "type": "string", "required": True, "description": "Table that the row was meant for."},
        {"name": "file", "type": "string", "required": True, "description": "File name within the delivery."},
        {"name": "file_sha256", "type": "string", "description": "SHA-256 of the file as landed."},
        {
            "name": "record",
            "type": "bigint",
            "required": True,
            "minimum": 0,
            "description": "Line (text, its header is line 1) or record number (Parquet), from 1; 0 for a whole file.",
        },
        {"name": "rules", "type": "string", "required": True, "description": "Names of the broken rules, by commas."},
        {"name": "reason", "type": "string", "required": True, "description": "What is wrong, in words."},
        {"name": "raw", "type": "string", "description": "The record as it was delivered, personal data masked."},
        {
            "name": "status",
            "type": "string",
            "required": True,
            "accepted": ["open", "rejected"],
            "description": "`rejected` where a person has decided that the row stays out.",
        },
        {"name": "decided_by", "type": "string", "description": "Who decided."},
        {"name": "decided_why", "type": "string", "description": "Why, in their words."},
    ],
}


def all_columns(table: Table) -> tuple[Column, ...]:
    """The columns as a reader sees them, batch_date first, which only dbt's models declare themselves."""
    partition = next((column for column in table.columns if column.name == PARTITION), None)
    return (partition or _BATCH_DATE, *table.data_columns)


_BATCH_DATE = Column(
    name=PARTITION, type="date", required=True, description="Date of the delivery that the row belongs to."
)
