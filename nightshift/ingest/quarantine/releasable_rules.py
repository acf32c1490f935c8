"""Which rules a person may let a row break."""

from __future__ import annotations

from nightshift.declarations.tables import Table


def releasable(table: Table) -> frozenset[str]:
    """Names of the rules that a person may let a row break.

    What is left out can't be waived: a record that can't be read, a value that is not of its type, and one that is
    missing have nothing that could be published.
    """
    bounds = {
        f"{column.name}.{bound}"
        for column in table.data_columns
        if column.role != "lineage"
        for bound in ("accepted", "pattern", "minimum", "maximum")
        if getattr(column, bound) is not None
    }
    return frozenset(bounds | {rule.name for rule in table.rules})
