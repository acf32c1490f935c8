"""Which tables a table is made from, read from the code that makes it."""

from __future__ import annotations

import re
from pathlib import Path

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.dbt_files import queries
from nightshift.declarations.refine_functions import refine_functions
from nightshift.declarations.tables import Table

_SOURCE = re.compile(r"""\bsource\(\s*['"](\w+)['"]\s*,\s*['"](\w+)['"]\s*\)""")
_REF = re.compile(r"""\bref\(\s*['"](\w+)['"]\s*\)""")


def derivations(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """For each table the tables that it is computed from, by short names in order of the catalog.

    Silver tables come from the parameters of their refine function, or from the bronze table of their name where they
    have none; dbt's tables from what their models read; other gold tables are scores, made from the features.
    """
    functions = refine_functions(catalog.use_case)
    models = queries(catalog.use_case)
    by_full_name = {table.full_name: table for table in catalog}
    order = [table.short_name for table in catalog]

    def read_by(table: Table) -> set[str]:
        if table.layer == "silver":
            return {f"bronze.{name}" for name in functions.get(table.name, [table.name])}
        if table.layer == "bronze":
            return set()
        if table.identifier in models:
            sources = _sources(table.identifier, models, set())
            return {by_full_name[name].short_name for name in sources if name in by_full_name}
        return {other.short_name for other in catalog if other.features}

    return {table.short_name: tuple(sorted(read_by(table) & set(order), key=order.index)) for table in catalog}


def _sources(model: str, models: dict[str, Path], seen: set[str]) -> set[str]:
    """Full names of the published tables that a model reads, by itself or through other models."""
    if model in seen or model not in models:
        return set()
    seen.add(model)
    sql = models[model].read_text(encoding="utf-8")
    found = {f"{schema}.{name}" for schema, name in _SOURCE.findall(sql)}
    return found.union(*(_sources(other, models, seen) for other in _REF.findall(sql)))
