"""Check the SQL in the declarations against the columns that it names, before any job runs it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nightshift.declarations.catalog import Catalog, refuse
from nightshift.declarations.found_use_cases import FoundUseCases, find_use_cases
from nightshift.declarations.raising_predicates import DIALECT, REMEDY, function_name, raising
from nightshift.declarations.tables import PARTITION, Table
from nightshift.declarations.yaml_form import line_of
from nightshift.errors import DeclarationError
from nightshift.home.settings import Settings

if TYPE_CHECKING:
    from sqlglot import Expr

# A cast to anything but text, with brackets one deep in it.
RAISING_CAST = re.compile(
    r"(?<!try_)\bcast\s*\((?:[^()]|\([^()]*\))*\bas\s+(?!string\b)\w+[^()]*\)|\w+\s*::\s*(?!string\b)\w+", re.IGNORECASE
)
CHANGING = {"current_date", "current_timestamp", "curdate", "localtimestamp", "now", "rand", "randn", "random", "uuid"}


def check_sql(catalog: Catalog) -> None:
    """Each rule is one predicate over the row, each side of an agreement one aggregate over the slice.

    Raises:
        NightshiftError: naming file, table and rule or agreement of everything that is wrong.
    """
    refuse(catalog, [fault for table in catalog for fault in _faults(table, catalog)])
    if found := list(known_when_faults(catalog)):
        place = line_of(catalog.use_case.folder / "use_case.yaml", ["target", "known_when"])
        raise DeclarationError(f"{place}: {'; '.join(found)}")


def known_when_faults(catalog: Catalog) -> Iterator[str]:
    """What is wrong with the predicate that says which rows of the target's table hold a label."""
    target = catalog.use_case.target
    # A table that is missing is refused by what reads it.
    if target.known_when is not None and (name := f"silver.{target.table}") in catalog:
        types = {column.name: column.type for column in catalog[name].data_columns}
        for fault in _predicate_faults(target.known_when, types):
            yield f"target.known_when: {fault} (of {name})"


def checked_use_cases(home: Settings) -> FoundUseCases:
    """Every use case, its SQL looked at."""
    return find_use_cases(home).checked(check_sql)


def _faults(table: Table, catalog: Catalog) -> Iterator[tuple[Table, str]]:
    for rule in table.rules:
        for fault in _predicate_faults(rule.must, {column.name: column.type for column in table.delivered_columns}):
            yield table, f"rule {rule.name}: must: {fault}"
    for agreement in table.agrees_with:
        for side, sql, owner in (
            ("own", agreement.own, table),
            ("other", agreement.other, catalog[agreement.table]),
        ):
            for fault in _aggregate_faults(sql, set(owner.column_names)):
                yield table, f"agreement {agreement.name}: {side}: {fault} (of {owner.short_name})"


def _predicate_faults(sql: str, columns: Mapping[str, str]) -> Iterator[str]:
    from sqlglot import exp

    tree = _parsed(sql)
    if isinstance(tree, str):
        yield tree
        return
    if tree.find(exp.AggFunc, exp.Window):
        yield f"{sql!r} looks at more than one row, and each row is judged by itself"
    # The parser takes every cast of this dialect for a try_cast: the text tells them apart.
    if found := [*raising(tree, {**columns, PARTITION: "date"}), *RAISING_CAST.findall(sql)]:
        yield f"{', '.join(found)} would end the run at a value for which it has no result: {REMEDY}"
    yield from _unknown(tree, {*columns, PARTITION})


def _aggregate_faults(sql: str, columns: set[str]) -> Iterator[str]:
    from sqlglot import exp

    tree = _parsed(sql)
    if isinstance(tree, str):
        yield tree
        return
    if tree.find(exp.Window) or not tree.find(exp.AggFunc):
        yield f"{sql!r} is no aggregate, like count(*) or sum(amount)"
    elif loose := sorted(
        {column.sql() for column in tree.find_all(exp.Column) if not column.find_ancestor(exp.AggFunc, exp.Filter)}
    ):
        yield f"{', '.join(loose)} must stand within an aggregate"
    yield from _unknown(tree, columns)


def _parsed(sql: str) -> Expr | str:
    """The one expression, or what is wrong with it."""
    from sqlglot import exp, parse
    from sqlglot.errors import SqlglotError

    try:
        trees = parse(sql, dialect=DIALECT)
    except SqlglotError as error:
        why = str(error).splitlines()[0]
        return f"{sql!r} is not SQL: {why} A column that is called like a word of SQL stands in backticks, like `order`"
    tree = trees[0] if len(trees) == 1 else None
    if not isinstance(tree, (exp.Condition, exp.Filter)) or tree.find(
        exp.Query, exp.Subquery, exp.Placeholder, exp.Parameter
    ):
        return f"{sql!r} must be one expression, without queries or parameters in it"
    if any(node.comments for node in tree.walk()):
        return f"{sql!r} holds a comment: `why` is the place for it"
    if changing := [call.sql(dialect=DIALECT) for call in tree.find_all(exp.Func) if function_name(call) in CHANGING]:
        return f"{', '.join(changing)} differs from run to run, and a rerun must come to the same result"
    return tree


def _unknown(tree: Expr, columns: set[str]) -> Iterator[str]:
    from sqlglot import exp

    named = {
        column.sql(dialect=DIALECT) if column.table else column.name
        for column in tree.find_all(exp.Column)
        if not isinstance(column.this, exp.Star)
    }
    if unknown := sorted(name for name in named if name.lower() not in columns):
        yield f"{', '.join(unknown)} is no column; there are {', '.join(sorted(columns))}"
