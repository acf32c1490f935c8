"""What no use case has to declare: batch_date, the columns of landed rows and of scores, the quarantine."""

from __future__ import annotations

from typing import Any

from nightshift.declarations.score_names import NONE, WARN
from nightshift.declarations.tables import PARTITION, REASONS, Column, Table
from nightshift.declarations.training_section import BINARY, Target, Task

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
SCORES_NAME = "scores"
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
QUARANTINE_TABLE: dict[str, Any] = {
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


def score_columns(task: Task, target: Target) -> tuple[dict[str, Any], ...]:
    """The columns that scoring adds to the keys, and to what else of the features a score table declares."""
    event = f"{target.table}.{target.column}"
    binary: tuple[dict[str, Any], ...] = (
        _always("raw_score", "double", "The model's own score, before calibration: log-odds of the event."),
        _always(
            "probability",
            "double",
            f"Calibrated probability of the event: that {event} will be true.",
            minimum=0,
            maximum=1,
        ),
        _always(
            "decision",
            "string",
            f"`{WARN}` where the probability reaches the threshold, else `{NONE}`.",
            accepted=[WARN, NONE],
        ),
        _always(
            "threshold",
            "double",
            "Probability from which the model's decision is to warn; on validation, it cost least.",
        ),
    )
    regression: tuple[dict[str, Any], ...] = (
        _always("raw_score", "double", "The model's own score; for a regression the predicted value itself."),
        _always("value", "double", f"Predicted {event}."),
        _always("lower", "double", "Lower end of the interval that holds the declared share of outcomes."),
        _always("upper", "double", "Upper end of that interval."),
    )
    return (*(binary if task == BINARY else regression), *_EXPLANATION)


def _always(name: str, kind: str, description: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "required": True, "description": description, **more}


_EXPLANATION = (
    _always("base_contribution", "double", "What the raw score is of a row of which nothing is known."),
    _always(
        "reasons",
        REASONS,
        "The features that moved the raw score most, the strongest first: name, value (null where missing), exact "
        "TreeSHAP contribution to the raw score, and a phrase for people.",
    ),
    _always(
        "other_contribution",
        "double",
        "Sum of the contributions of all other features; with base and reasons, it gives the raw score.",
    ),
    _always("model_name", "string", "Registered model that made the score."),
    _always("model_version", "int", "Its version in the registry.", minimum=1, role="version"),
    _always(
        "feature_version",
        "bigint",
        "Delta version of gold.features that the row was scored from; with the model, it gives the same score again.",
        minimum=0,
        role="version",
    ),
)


def all_columns(table: Table) -> tuple[Column, ...]:
    """The columns as a reader sees them, batch_date first, which only dbt's models declare themselves."""
    partition = next((column for column in table.columns if column.name == PARTITION), None)
    is_scores = (table.layer, table.name) == ("gold", SCORES_NAME)
    return (partition or (_SCORED_DATE if is_scores else _BATCH_DATE), *table.data_columns)


_BATCH_DATE = Column(
    name=PARTITION, type="date", required=True, description="Date of the delivery that the row belongs to."
)
_SCORED_DATE = _BATCH_DATE.model_copy(update={"description": "Date of the delivery whose cases were scored."})
