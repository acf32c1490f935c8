"""Follow the columns of a query down to the published tables that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nightshift.catalogue.lineage.column_lineage import NO_LINEAGE, Lineage, Origin, union
from nightshift.catalogue.lineage.known_columns import (
    ANY_OUTPUT,
    Inputs,
    Outputs,
    elements,
    equalities,
    inputs_given,
    outputs_given,
    path_of,
)
from nightshift.catalogue.lineage.window_frames import join_windows, window_frame
from nightshift.declarations.raising_predicates import DIALECT
from nightshift.declarations.tables import PARTITION, Table
from nightshift.errors import DeclarationError

if TYPE_CHECKING:
    from sqlglot import Expr, exp
    from sqlglot.optimizer import Scope


def lineage(name: str, sql: str, tables: Iterable[Table], read_in: Path) -> dict[str, Lineage]:
    """The lineage of each column that a query gives.

    Args:
        name: of the model, for messages.
        sql: one query in Spark's SQL, which reads views of published tables (`Table.view`).
        tables: the tables that it may read.
        read_in: the folder that holds the SQL, for messages.

    Raises:
        NightshiftError: if the SQL cannot be parsed, or a table or column in it is unknown or ambiguous.
    """
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer import build_scope
    from sqlglot.optimizer.qualify import qualify

    schema: dict[str, dict[str, dict[str, str]]] = {}
    views: dict[str, str] = {}
    for table in tables:
        database, _, view = table.view.partition(".")
        types = {column.name: column.type for column in table.data_columns}
        schema.setdefault(database, {})[view] = {PARTITION: "date", **types}
        views[table.view] = table.short_name
    try:
        parsed = parse_one(sql, dialect=DIALECT)
        _refuse_unknown(parsed, views)
        query = qualify(parsed, dialect=DIALECT, schema=schema)  # type: ignore[arg-type]
        scope = build_scope(query)
        if scope is None or not isinstance(query, exp.Query):
            raise _Untraceable("it is no query")
        tracer = _Tracer(views)
        return {column: tracer.column(scope, column) for column in query.named_selects}
    except (SqlglotError, _Untraceable) as error:
        raise DeclarationError(
            f"the lineage of {name} cannot be read from its SQL: {error}\n"
            "  next: name the table before the column, or declare the table or column that is not known; "
            f"the SQL as it is read lies below {read_in}"
        ) from error


class _Untraceable(Exception):
    """A column or table that leads nowhere."""


class _Tracer:
    """Follows columns through the scopes of one qualified query."""

    def __init__(self, views: Mapping[str, str]) -> None:
        """Args: name of each view, and of the table behind it."""
        self._views = views
        self._known: dict[tuple[int, str | None, Outputs], Lineage] = {}

    def column(self, scope: Scope, name: str, given: Outputs = ANY_OUTPUT) -> Lineage:
        """Lineage of one output column, looking only at rows that are as ``given``."""
        return self._remembered(scope, name, given)

    def rows(self, scope: Scope, given: Outputs = ANY_OUTPUT) -> Lineage:
        """What decides which rows a relation has."""
        return self._remembered(scope, None, given)

    def _remembered(self, scope: Scope, name: str | None, given: Outputs) -> Lineage:
        key = (id(scope), name, given)
        if key not in self._known:
            # A recursive query meets itself here, and adds nothing to what it starts from.
            self._known[key] = NO_LINEAGE
            self._known[key] = self._traced(scope, name, given)
        return self._known[key]

    def _traced(self, scope: Scope, name: str | None, given: Outputs) -> Lineage:
        from sqlglot import exp

        query = scope.expression
        if isinstance(query, exp.SetOperation):
            return self._branches(scope, name, given)
        if isinstance(query, exp.Subquery) and scope.subquery_scopes:
            return self._remembered(scope.subquery_scopes[0], name, given)
        if not isinstance(query, exp.Select):
            # Rows that are written out, like VALUES, come from no table.
            return NO_LINEAGE
        if scope.pivots:
            raise _Untraceable(f"PIVOT is not followed: {scope.pivots[0].sql(DIALECT)}")
        projections = {select.alias_or_name: select.unalias() for select in query.selects}
        if any(query.args.get(part) for part in ("limit", "distinct")):
            given = ANY_OUTPUT
        inputs = inputs_given(projections, given)
        if inputs is None:
            return NO_LINEAGE
        if name is not None:
            if name not in projections:
                raise _Untraceable(f"there is no column {name!r} among {', '.join(projections)}")
            return self._expression(scope, projections[name], inputs)
        chosen = [query.args[part] for part in ("having", "qualify") if query.args.get(part)]
        return union(self._taken(scope, inputs), *(self._expression(scope, part, inputs).steering for part in chosen))

    def _branches(self, scope: Scope, name: str | None, given: Outputs) -> Lineage:
        """A column of a UNION is the column of that position in each of its queries."""
        names = _names(scope)
        found = NO_LINEAGE
        for branch in scope.set_operation_scopes:
            renamed = dict(zip(names, _names(branch), strict=True))
            known = frozenset((renamed[column], value) for column, value in given)
            found |= self._remembered(branch, None if name is None else renamed[name], known)
        return found

    def _expression(self, scope: Scope, node: Expr, given: Inputs) -> Lineage:
        from sqlglot import exp

        if isinstance(node, exp.Column):
            return self._resolved(scope, node, None, given)
        if isinstance(node, exp.Dot) and isinstance(node.this, exp.Column):
            return self._resolved(scope, node.this, node.expression.name, given)
        if isinstance(node, exp.Query):
            return self._subquery(scope, node)
        if isinstance(node, exp.Window):
            return self._window(scope, node, given)
        if isinstance(node, exp.Filter):
            kept = self._expression(scope, node.expression, given).steering
            return kept | self._expression(scope, node.this, given | equalities(node.expression))
        if isinstance(node, exp.ArgMax | exp.ArgMin):
            # max_by(value, order): the second only says which value it is.
            order = self._expression(scope, node.expression, given).steering
            value = self._expression(scope, node.this, given)
            return value | order | self._aggregated(scope, value, given)
        parts = union(*(self._expression(scope, part, given) for part in node.iter_expressions()))
        return parts | self._aggregated(scope, parts, given) if isinstance(node, exp.AggFunc) else parts

    def _aggregated(self, scope: Scope, values: Lineage, given: Inputs) -> Lineage:
        """What an aggregate adds to its arguments: the rows that it takes; it counts them where it has none."""
        taken = self._taken(scope, given)
        return taken if values.computed_from else taken | Lineage(self._counted(scope))

    def _taken(self, scope: Scope, given: Inputs) -> Lineage:
        """What decides which rows a query takes, and how it groups them."""
        from sqlglot import exp
        from sqlglot.optimizer import Scope

        query = scope.expression
        conditions = [query.args[part] for part in ("where", "group") if query.args.get(part)]
        conditions += [join.args["on"] for join in query.args.get("joins") or () if join.args.get("on")]
        # Only those of this query itself; a subquery in a condition is followed by `_subquery`.
        parts = [self._expression(scope, condition, given).steering for condition in conditions]
        for alias, (_, source) in scope.selected_sources.items():
            if isinstance(source, Scope):
                parts.append(self.rows(source, outputs_given(alias, given)))
        for lateral in query.args.get("laterals") or ():
            if not isinstance(lateral.this.this, exp.Array):
                # As many rows as the array has elements, which only its value tells.
                parts.append(self._expression(scope, lateral.this, given).steering)
        return union(*parts)

    def _counted(self, scope: Scope) -> frozenset[Origin]:
        """The tables whose rows a query takes."""
        from sqlglot import exp
        from sqlglot.optimizer import Scope

        counted: set[Origin] = set()
        inner = list(scope.set_operation_scopes or ())
        for _, source in scope.selected_sources.values():
            if isinstance(source, exp.Table):
                counted.add(Origin(self._table(source), "*"))
            elif isinstance(source, Scope):
                inner.append(source)
        return frozenset(counted).union(*(self._counted(source) for source in inner))

    def _window(self, scope: Scope, window: exp.Window, given: Inputs) -> Lineage:
        from sqlglot import exp

        named = window.args.get("alias")
        frame = window
        if named is not None:
            frame = next(known for known in scope.expression.args["windows"] if known.name == named.name)
        # Rows of other partitions play no part, so what is known of the partition's columns is known of all rows.
        partition = frame.args.get("partition_by") or []
        within = frozenset(known for known in given if known[:2] in {path_of(column) for column in partition})
        values = self._expression(scope, window.this, within)
        if not window.this.find(exp.AggFunc):
            values |= self._aggregated(scope, values, within)
        order = frame.args.get("order")
        ordered = self._expression(scope, order, within) if order else NO_LINEAGE
        steering = union(ordered, *(self._expression(scope, part, within) for part in partition)).steering
        reach = window_frame(frame, {origin.column for origin in ordered.computed_from})
        return values | steering | Lineage(windows=frozenset(reach))

    def _subquery(self, scope: Scope, query: exp.Query) -> Lineage:
        inner = next((found for found in scope.subquery_scopes if found.expression is query.unnest()), None)
        if inner is None:
            raise _Untraceable(f"this subquery is not followed: {query.sql(DIALECT)}")
        columns = (self.column(inner, name) for name in _names(inner))
        return union(*columns, self.rows(inner).steering)

    def _resolved(self, scope: Scope, column: exp.Column, field: str | None, given: Inputs) -> Lineage:
        """A column of one of the relations of a query, and what the join asks that brings it in."""
        value = self._source_column(scope, column, field, given)
        joins = scope.expression.args.get("joins") or ()
        join = next((join for join in joins if join.alias_or_name == column.table), None)
        if join is None or not join.args.get("on"):
            return value
        from sqlglot import exp

        condition = join.args["on"]
        keys = (self._source_column(scope, key, None, given) for key in condition.find_all(exp.Column))
        return value | union(*keys).steering | Lineage(windows=join_windows(condition))

    def _source_column(self, scope: Scope, column: exp.Column, field: str | None, given: Inputs) -> Lineage:
        from sqlglot import exp

        source = scope.sources.get(column.table)
        if source is None:
            raise _Untraceable(f"the column {column.sql(DIALECT)} belongs to no table")
        if isinstance(source, exp.Table):
            return Lineage(frozenset({Origin(self._table(source), column.name)}))
        if isinstance(source.expression, exp.Lateral):
            known = {name: value for alias, name, value in given if alias == column.table}
            chosen = elements(source.expression, column.name, field, known)
            return union(*(self._expression(scope, part, given) for part in chosen))
        return self.column(source, column.name, outputs_given(column.table, given))

    def _table(self, table: exp.Table) -> str:
        name = f"{table.db}.{table.name}"
        if name not in self._views:
            raise _Untraceable(f"{table.sql(DIALECT)} is none of the declared tables")
        return self._views[name]


def _refuse_unknown(query: Expr, views: Mapping[str, str]) -> None:
    """Name tables that are not declared, before their columns are said to be unknown."""
    from sqlglot import exp

    read = {f"{table.db}.{table.name}" for table in query.find_all(exp.Table) if table.db}
    if unknown := sorted(read - views.keys()):
        raise _Untraceable(f"{', '.join(unknown)} is none of the declared tables: {', '.join(sorted(views))}")


def _names(scope: Scope) -> list[str]:
    """The columns that a query gives."""
    from sqlglot import exp

    return scope.expression.named_selects if isinstance(scope.expression, exp.Query) else []
