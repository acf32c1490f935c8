"""The feature registry as a published table, which every use case with features has."""

from __future__ import annotations

from typing import Any

from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase

REGISTRY_TABLE = "feature_registry"
# (name, type, description, what else is declared)
_COLUMNS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("feature_table", "string", "Table that holds the feature, like gold.features.", {"required": True}),
    ("feature", "string", "Name of the feature.", {"required": True}),
    ("description", "string", "What it means.", {"required": True}),
    ("owner", "string", "Who answers for it.", {"required": True}),
    ("data_type", "string", "Its SQL type.", {"required": True}),
    ("unit", "string", "Its unit, if it has one.", {}),
    ("feature_group", "string", "The family that it belongs to.", {}),
    ("is_categorical", "boolean", "A category, not a quantity.", {"required": True}),
    ("computed_from", "string", "Columns whose values enter it, by commas; `*` where rows are counted.", {}),
    ("also_depends_on", "string", "Columns that choose, group or order the rows that enter, by commas.", {}),
    ("looks_back", "string", "Its windows, by commas; null where it takes its own delivery only.", {}),
    ("slice_date", "date", "Newest published batch date of its table, which the next columns are about.", {}),
    ("rows", "bigint", "Rows of that slice; null where it has no profile.", {"unit": "rows", "minimum": 0}),
    ("null_share", "double", "Share of those rows without a value.", {"unit": "share", "minimum": 0, "maximum": 1}),
    ("distinct_values", "bigint", "About how many values occur.", {"minimum": 0}),
    ("mean", "double", "Mean of the values; null for texts.", {}),
    ("lowest", "double", "Lowest value; null for texts.", {}),
    ("highest", "double", "Highest value; null for texts.", {}),
    ("champion", "int", "Version of the live model; null where there is none.", {"minimum": 1}),
    ("gain_share", "double", "Its share of the champion's gain.", {"unit": "share", "minimum": 0, "maximum": 1}),
    ("used_by", "string", "Model versions with a split on it, by commas; null where there is none.", {}),
    (
        "status",
        "string",
        "Whether anyone uses it.",
        {
            "required": True,
            "accepted": ["used", "not used by the champion", "used by no model", "no champion", "no model yet"],
        },
    ),
)


def registry_table(use_case: UseCase) -> Table:
    """The declaration of ``gold.feature_registry`` of a use case."""
    return Table.model_validate(
        {
            "use_case": use_case.name,
            "layer": "gold",
            "name": REGISTRY_TABLE,
            "description": "What each feature means, comes from and holds, and which models use it.",
            "grain": "one row per feature",
            "keys": ["feature_table", "feature"],
            "owner": use_case.owner,
            "columns": [
                {"name": name, "type": kind, "description": description, **more}
                for name, kind, description, more in _COLUMNS
            ],
        }
    )
