"""Values of persons, kept out of what an audit shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightshift.declarations.tables import Table
from nightshift.ingest.privacy.tokens import personal_columns

HIDDEN = "(personal data)"


def hidden_columns(table: Table) -> set[str]:
    """Names of the columns whose values are not shown."""
    return {column.name for column in personal_columns(table)}


def masked_row(row: Mapping[str, Any], hidden: set[str]) -> dict[str, Any]:
    """A row as it may be shown."""
    return {name: HIDDEN if name in hidden else value for name, value in row.items()}
