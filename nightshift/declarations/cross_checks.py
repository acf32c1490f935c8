"""What must hold between the tables of a use case, and between them and the use case itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from statistics import median_low

from nightshift.dates import DAILY
from nightshift.declarations.built_in_columns import SCORES_NAME
from nightshift.declarations.feature_registry_table import REGISTRY_TABLE as REGISTRY
from nightshift.declarations.label_deliveries import is_by_maturity
from nightshift.declarations.refine_functions import refine_functions
from nightshift.declarations.source import FileSource, JdbcSource
from nightshift.declarations.tables import QUARANTINE, Table
from nightshift.declarations.use_case import UseCase
from nightshift.figures import amount

# How many batch dates tell what is usual.
_DATES_LOOKED_AT = 60

TableFault = tuple[Table, str]


def faults_between(use_case: UseCase, tables: Mapping[str, Table]) -> Iterator[TableFault]:
    """Each fault in words, with the table whose declaration should be fixed.

    Args:
        tables: by their short name.
    """
    for table in tables.values():
        yield from _agreements(table, tables)
        yield from _columns(table)
        yield from _query(table)
        yield from _retention(table, use_case)
        yield from _comparison(table, use_case)
        yield from _mart(table)
        if table.layer == "bronze" and table.source is None and table.short_name != QUARANTINE:
            yield table, "a bronze table is what a delivery brings: it needs a source"
    yield from _files(tables)
    yield from _refined(use_case, tables)


def _agreements(table: Table, tables: Mapping[str, Table]) -> Iterator[TableFault]:
    for agreement in table.agrees_with:
        place = f"agreement {agreement.name}"
        if agreement.table not in tables:
            yield table, f"{place}: there is no table {agreement.table}; there are {', '.join(sorted(tables))}"
        elif agreement.table == table.short_name and agreement.step.count == 0:
            yield table, f"{place}: it compares a slice with itself"


def _columns(table: Table) -> Iterator[TableFault]:
    for column in table.columns:
        if table.source is not None and column.name in table.keys and not column.required:
            yield (
                table,
                f"column {column.name}: it is a key, so it must be required: a row without it can't be told apart",
            )
        if column.name in table.keys and column.type == "double":
            yield table, f"column {column.name}: it is a key, and equality of doubles means nothing"
        if column.categorical and (column.role != "feature" or column.type != "string"):
            yield table, f"column {column.name}: categorical is for features of type string"
        if column.role == "feature" and column.type != "double" and not column.categorical:
            yield table, f"column {column.name}: a feature is a double, or a string with categorical, not {column.type}"
        if column.role == "lineage" and table.source is None:
            yield table, f"column {column.name}: only landed tables have columns of the role lineage"


def _query(table: Table) -> Iterator[TableFault]:
    """A relational source asks the database for the columns that the table declares."""
    if not isinstance(table.source, JdbcSource):
        return
    types = {column.name: column.type for column in table.delivered_columns}
    if unknown := sorted(table.source.names.keys() - types.keys()):
        yield table, f"source: names: {', '.join(unknown)} is no column that it delivers"
    for field, name, allowed in (
        ("date_column", table.source.date_column, ("date", "timestamp")),
        ("partition_column", table.source.partition_column, ("int", "bigint")),
    ):
        if name in types and types[name] not in allowed:
            yield table, f"source: {field}: {name} is a {types[name]}, and must be one of {', '.join(allowed)}"


def _retention(table: Table, use_case: UseCase) -> Iterator[TableFault]:
    """Nothing is thrown away that a later night still reads."""
    if table.retention_days is None:
        return
    calendar, history = use_case.calendar, use_case.training.length("history")
    needed = [("unique_for_{}", table.unique_for, 0)]
    if table.layer == "silver":
        needed.append(("nightly.lookback_{} of the use case", use_case.lookback, 0))
    if table.features:
        needed.append(("training.history_{} of the use case", history, 0))
    if table.layer == "silver" and table.name == use_case.target.table:
        # Labels that come by maturity are read from one before the first batch date to one after the last.
        around = 2 * calendar.days(use_case.maturity) if is_by_maturity(use_case) else 0
        needed.append(("training.history_{} of the use case, for its labels,", history, around))
    for name, length, more in needed:
        days, reader = calendar.days(length) + more, name.format(length.unit)
        if table.retention_days <= days:
            yield table, f"retention_days: {table.retention_days} is not over {days}, which {reader} reads back"


def _comparison(table: Table, use_case: UseCase) -> Iterator[TableFault]:
    """Of most batch dates, enough deliveries before are looked up; where each day is one, weekdays are as well."""
    calendar, thresholds = use_case.calendar, table.thresholds
    recent, is_snapshot = thresholds.recent, table.source is not None and not table.source.required
    if calendar == DAILY or is_snapshot:
        return
    for field, judged in (("history_at_least", "rows"), ("column_history_at_least", "columns")):
        needed = getattr(thresholds, field)
        dates = (calendar.later(use_case.dates.first, place) for place in range(needed, needed + _DATES_LOOKED_AT))
        found = [calendar.distance(calendar.begin(date, recent + 1), date) for date in dates if date in calendar]
        if found and (held := median_low(found)) < needed:
            yield (
                table,
                f"thresholds: within {recent} before a batch date there is mostly {amount(held, 'earlier one')}, and "
                f"{field} asks for {needed}, so that {judged} would hardly ever be judged: write "
                f"`recent_deliveries: {needed}` or more, or a smaller {field}",
            )


def _mart(table: Table) -> Iterator[TableFault]:
    """The rows of a table that aggregates balance with nothing, so that sums must."""
    if table.layer == "gold" and not (table.features or table.name in (SCORES_NAME, REGISTRY) or table.agrees_with):
        yield (
            table,
            "agrees_with: a mart needs at least one agreement, as nothing else tells that its models lost or doubled "
            "rows: say which sum over it equals which sum over a table that it is made from",
        )


def _refined(use_case: UseCase, tables: Mapping[str, Table]) -> Iterator[TableFault]:
    """What is refined must be the news of its date; a snapshot can only be joined."""
    snapshots = {table.name for table in tables.values() if table.source is not None and not table.source.required}
    if not snapshots:
        return
    functions = refine_functions(use_case)
    for table in tables.values():
        refined = functions.get(table.name, [table.name])[:1]
        if table.layer == "silver" and snapshots.intersection(refined):
            yield (
                table,
                f"it is refined from bronze.{refined[0]}, whose source has `required: false`: that is a snapshot, "
                "which counts until the next one comes and is only joined, so it can't be the first parameter of a "
                "function in refine.py, nor be refined without one. Refine a table of which every delivery has a file, "
                "or declare `required: true` and have it come with each, empty where `empty_allowed: true`",
            )


def _files(tables: Mapping[str, Table]) -> Iterator[TableFault]:
    sources = [(table, table.source) for table in tables.values() if isinstance(table.source, FileSource)]
    for (table, source), (other, others_source) in combinations(sources, 2):
        if source.overlaps(others_source):
            yield (
                other,
                f"source: file: {others_source.file} and {source.file} of {table.short_name} could be the same file: "
                "a delivered file must belong to one table",
            )
