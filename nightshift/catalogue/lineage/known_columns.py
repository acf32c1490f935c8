"""What is known of the rows that matter to a column.

A query that explodes a row into one row per key, and later filters by the name of the key, computes several things in
one pass. Remembering `key_name = 'customer'` on the way down tells them apart: without it, each would seem to depend on
the columns of every key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import Expr, exp

# What is known of the rows that matter: (output column, its only value) …
Outputs = frozenset[tuple[str, str]]
# … and the same for the relations that a query selects from: (relation, column or field, its only value).
Inputs = frozenset[tuple[str, str, str]]
ANY_OUTPUT: Outputs = frozenset()


def path_of(node: Expr) -> tuple[str, str] | None:
    """Relation and column of a plain column; with the field, where it is one of a struct."""
    from sqlglot import exp

    if isinstance(node, exp.Column):
        return node.table, node.name
    if isinstance(node, exp.Dot) and isinstance(node.this, exp.Column):
        return node.this.table, f"{node.this.name}.{node.expression.name}"
    return None


def equalities(condition: Expr) -> Inputs:
    """The columns that a condition holds to one text."""
    from sqlglot import exp

    known = set()
    for part in condition.this.flatten() if isinstance(condition.this, exp.And) else [condition.this]:
        if isinstance(part, exp.EQ) and isinstance(part.expression, exp.Literal):
            path = path_of(part.this)
            if path is not None:
                known.add((*path, part.expression.name))
    return frozenset(known)


def inputs_given(projections: Mapping[str, Expr], given: Outputs) -> Inputs | None:
    """What is known of a query's rows, said of the relations that it reads; None where it gives no such row."""
    from sqlglot import exp

    known = set()
    for name, value in given:
        projection = projections.get(name)
        if isinstance(projection, exp.Literal) and projection.name != value:
            return None
        path = None if projection is None else path_of(projection)
        if path is not None:
            known.add((*path, value))
    return frozenset(known)


def outputs_given(alias: str, given: Inputs) -> Outputs:
    """What is known of the rows that one relation gives."""
    return frozenset((column, value) for relation, column, value in given if relation == alias)


def elements(lateral: exp.Lateral, column: str, field: str | None, known: Mapping[str, str]) -> list[Expr]:
    """What an exploded column may hold: of an array that is written out, the elements that are as ``known``."""
    from sqlglot import exp

    array = lateral.this.this
    structs = array.expressions if isinstance(array, exp.Array) else []
    if not structs or not all(isinstance(struct, exp.Struct) for struct in structs):
        return [lateral.this]
    chosen: list[Expr] = []
    for struct in structs:
        fields = {part.name: part.expression for part in struct.expressions if isinstance(part, exp.PropertyEQ)}
        literals = {name: value.name for name, value in fields.items() if isinstance(value, exp.Literal)}
        if all(known.get(f"{column}.{name}", value) == value for name, value in literals.items()):
            chosen.append(struct if field is None else fields.get(field, struct))
    return chosen
