"""Analysts' queries on published tables, without Spark: DuckDB over delta-rs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from nightshift import terminal
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.tables import Column, Table
from nightshift.errors import UsageError
from nightshift.home.settings import Settings
from nightshift.lake.delta_log import snapshot

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

# DuckDB's types whose values are others in Arrow, or in Python.
LOST_IN_ARROW = {
    *("bit", "blob", "bignum", "interval", "time", "time_ns", "time with time zone", "uhugeint", "variant"),
    "timestamp_ns",
}


def published_tables(home: Settings) -> dict[str, Table]:
    """The tables that can be queried, by name, like ``gold.shop_scores``, of use cases that can be read.

    Of those that can't, standard error says why; and of two tables of one name, both of which are left out.
    """
    named: dict[str, list[Table]] = defaultdict(list)
    for catalog in find_use_cases(home).warn().catalogs:
        for table in catalog:
            if table.exists():
                named[table.full_name].append(table)
    for name, tables in named.items():
        if len(tables) > 1:
            labels = " and ".join(table.label for table in tables)
            terminal.echo(f"{name} is the name of two tables, {labels}: rename a use case or a table", err=True)
    return {name: tables[0] for name, tables in named.items() if len(tables) == 1}


def query(sql: str, home: Settings) -> pa.Table:
    """Run one query on the published tables.

    Only the tables that the query names are opened, at their newest version; partitions that its predicates
    exclude are not read. The query can read nothing else: no files, no network, no extensions.

    Returns:
        Its columns, of which several may have one name. What Arrow or Python can't hold is text as DuckDB writes it.

    Raises:
        UsageError: if the query cannot be run, naming the tables that there are where it names another one.
    """
    import duckdb

    tables: dict[str, Table] = {}
    try:
        _refuse_all_but_a_query(sql)
        tables = published_tables(home)
        connection = duckdb.connect(":memory:")
        # Mentioned in a comment or a text, a table is opened for nothing, and no harm is done.
        mentioned = sql.replace('"', "").lower()
        for name, table in tables.items():
            if name in mentioned:
                _open(connection, table)
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return _interruptible(connection, lambda: _fetched(connection, connection.sql(sql)))
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        known = "\n".join(f"  {name}" for name in sorted(tables)) or "  none yet: run `make demo` first"
        raise UsageError(f"{error}\nPublished tables:\n{known}") from error
    except duckdb.Error as error:
        raise UsageError(f"the query can't be answered: {error}") from error


def _interruptible(connection: duckdb.DuckDBPyConnection, ask: Callable[[], pa.Table]) -> pa.Table:
    """What a question gives, unless a person interrupts it, of which DuckDB would hear nothing."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        try:
            return asked.result()
        except KeyboardInterrupt:
            connection.interrupt()
            raise


def _refuse_all_but_a_query(sql: str) -> None:
    import duckdb

    asked = duckdb.extract_statements(sql)
    if len(asked) != 1:
        raise UsageError(f"one query is answered at a time, and {len(asked)} were given")
    # A pivot is of several parts.
    queries = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI)
    if asked[0].type not in (*queries, duckdb.StatementType.PRAGMA, duckdb.StatementType.CALL):
        raise UsageError("only queries are answered: published tables are changed by the stages alone")


def _fetched(connection: duckdb.DuckDBPyConnection, answer: duckdb.DuckDBPyRelation) -> pa.Table:
    """The result, whose columns keep their names even where these are alike."""
    names, kinds = list(answer.columns), [str(kind.id) for kind in answer.types]
    if not set(kinds).isdisjoint(LOST_IN_ARROW):
        columns = enumerate(kinds, 1)
        answer = answer.project(
            ", ".join(f"CAST(#{place} AS VARCHAR)" if kind in LOST_IN_ARROW else f"#{place}" for place, kind in columns)
        )
    rows = answer.to_arrow_table()
    for place, column in enumerate(rows.columns):
        if not _fits_python(column):
            rows = rows.set_column(place, names[place], _as_text(connection, column))
    return rows.rename_columns(names)


def _fits_python(column: pa.ChunkedArray) -> bool:
    """Whether all values are ones of Python's, whose dates end with the years 1 and 9999."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        if pa.types.is_nested(column.type):
            column.to_pylist()
        elif pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
            pc.min_max(column).as_py()
    except (OverflowError, ValueError):
        return False
    return True


def _as_text(connection: duckdb.DuckDBPyConnection, column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    text = connection.from_arrow(pa.table({"value": column})).project("CAST(value AS VARCHAR) AS value")
    return text.to_arrow_table()["value"]


def _open(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    # A view is bound when it is read: what it reads must have a name that no other table's has.
    opened = f"{table.layer}_{table.identifier}"
    rows = snapshot(table).to_pyarrow_dataset()
    connection.register(opened, rows)
    columns = {name: f'"{name}"' for name in rows.schema.names} | _inherited(table, rows.schema.names)
    selected = ", ".join(f'{value} AS "{name}"' for name, value in columns.items())
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table.layer}")
    connection.execute(f"CREATE VIEW {table.full_name} AS SELECT {selected} FROM memory.main.{opened}")


def _inherited(table: Table, held: Collection[str]) -> dict[str, str]:
    """SQL of each column that `was` another one, with the values that Spark reads (`lake.reading.inherited`).

    Args:
        held: columns of the table as it was published last.
    """
    found = {}
    for column in table.data_columns:
        if column.was is not None and not {form.name for form in table.forms_of(column)}.isdisjoint(held):
            forms = [form for form in table.readable_forms_of(column) if form.name in held]
            values = [*(_cast(form, column.type) for form in forms), f"CAST(NULL AS {_type(column.type)})"]
            found[column.name] = f"coalesce({', '.join(values)})"
    return found


def _cast(column: Column, kind: str) -> str:
    value = f'"{column.name}"'
    if column.type == kind:
        return value
    if kind in ("int", "bigint"):
        # DuckDB would round, and take '5.7' and '1e3' for whole numbers.
        if column.type == "double":
            value = f"trunc({value})"
        elif column.type == "string":
            value = rf"regexp_extract({value}, '^\s*([+-]?[0-9]+)\s*$', 1)"
    return f"try_cast({value} AS {_type(kind)})"


def _type(kind: str) -> str:
    return "timestamptz" if kind == "timestamp" else kind
