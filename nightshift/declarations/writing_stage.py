"""Which stage writes a table, and so what a person types where a slice of it is missing."""

from __future__ import annotations

from nightshift.dates import BatchDates
from nightshift.declarations.feature_registry_table import REGISTRY_TABLE as REGISTRY
from nightshift.declarations.score_names import SCORES
from nightshift.declarations.tables import Table
from nightshift.stages import FEATURES, LAND, MARTS, REFINE, SCORE, command


def command_to_write(table: Table, dates: BatchDates | str = "<first>..<last>") -> str:
    """What a person types in the checkout to have slices of a table written."""
    if table.short_name == f"gold.{REGISTRY}":
        return f".venv/bin/nightshift features --use-case {table.use_case} --publish"
    return command(_stage(table), table.use_case, dates)


def _stage(table: Table) -> str:
    if table.layer != "gold":
        return {"bronze": LAND, "silver": REFINE}[table.layer]
    if table.features:
        return FEATURES
    return SCORE if table.short_name == SCORES else MARTS
