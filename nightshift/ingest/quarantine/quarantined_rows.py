"""The quarantine as people work with it: what lies in it, counted per rule, and what becomes of it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import QUARANTINE, Table
from nightshift.errors import UsageError
from nightshift.ledger.row_decisions import RowDecision, decisions_of

if TYPE_CHECKING:
    import duckdb

# The rule by which rows of erased persons stay out, whatever is decided.
ERASED = "erased"
# Each quarantined row with what the decisions make of it when its date is landed next.
JOINED = """
WITH quarantined AS (
    SELECT * REPLACE (coalesce(rules, 'unnamed') AS rules, coalesce(status, 'open') AS status)
    FROM quarantine
    WHERE batch_date BETWEEN $first AND $last
      AND ($source IS NULL OR source = $source)
      AND ($rule IS NULL OR list_contains(string_split(coalesce(rules, 'unnamed'), ','), $rule))
      AND ($file IS NULL OR file = $file)
      AND ($record IS NULL OR record = $record)
), broken AS (
    SELECT batch_date, source, file, file_sha256, record, unnest(string_split(rules, ',')) AS rule FROM quarantined
), verdicts AS (
    SELECT broken.*, arg_max(action, id) AS action
    FROM broken LEFT JOIN decisions ON decisions.batch_date = broken.batch_date AND decisions.source = broken.source
        AND decisions.file_sha256 = broken.file_sha256 AND decisions.rule = broken.rule
        AND (decisions.record IS NULL OR decisions.record = broken.record)
    GROUP BY ALL
), states AS (
    SELECT batch_date, source, file, file_sha256, record,
        CASE WHEN bool_or(coalesce(action, '') = 'reject') THEN 'rejected'
             WHEN bool_and(coalesce(action, '') = 'release') THEN 'waiting' ELSE 'open' END AS state,
        coalesce(string_agg(rule, ',' ORDER BY rule) FILTER (action = 'release'), '') AS waived
    FROM verdicts GROUP BY ALL
), asked AS (
    SELECT quarantined.*, waived, CASE WHEN rules = $erased THEN 'rejected' ELSE state END AS state
    -- By content too: of a correction that is blocked, rows lie beside those of the delivery in force.
    FROM quarantined JOIN states ON quarantined.file_sha256 IS NOT DISTINCT FROM states.file_sha256
        AND (quarantined.batch_date, quarantined.source, quarantined.file, quarantined.record)
        = (states.batch_date, states.source, states.file, states.record)
)
"""


@dataclass(frozen=True)
class Selection:
    """Which quarantined rows are meant; None stands for any.

    Attributes:
        table: the source's bronze table, without its layer.
        rule: name of a rule that they break, like ``distance.maximum``.
        file: name within the delivery.
        record: line or record number within the file.
    """

    dates: BatchDates
    table: str | None = None
    rule: str | None = None
    file: str | None = None
    record: int | None = None

    def __str__(self) -> str:
        parts = {"table": self.table, "rule": self.rule, "file": self.file, "record": self.record}
        return " ".join([f"{self.dates}", *(f"{name} {value}" for name, value in parts.items() if value is not None)])


def counts(catalog: Catalog, selection: Selection) -> dict[str, list[dict[str, Any]]]:
    """How much lies in quarantine: under ``tables`` per date and table, under ``rules`` per rule, most frequent first.

    ``waiting`` rows were released and pass when their date is landed again; ``released`` ones have passed.
    """
    states = ", ".join(f"count(*) FILTER (state = '{state}') AS {state}" for state in ("open", "rejected", "waiting"))
    by_state = f"count(*) AS rows, {states}"
    per_rule = f"""SELECT batch_date, source AS "table", rule, {by_state}
        FROM (SELECT *, unnest(string_split(rules, ',')) AS rule FROM asked)
        WHERE $rule IS NULL OR rule = $rule GROUP BY ALL ORDER BY batch_date, "table", rows DESC, rule"""
    per_table = f'SELECT batch_date, source AS "table", {by_state} FROM asked GROUP BY ALL ORDER BY 1, 2'
    tables = {(row["batch_date"], row["table"]): row for row in query_rows(catalog, selection, per_table)}
    released: dict[tuple[dt.date, str], int] = defaultdict(int)
    for each in decisions_of(catalog.use_case.name, selection.dates, selection.table):
        if each.action == "release":
            released[each.batch_date, each.table_name] += each.rows_in_effect or 0
    nothing = {"rows": 0, "open": 0, "rejected": 0, "waiting": 0}
    for date, name in released:
        tables.setdefault((date, name), {"batch_date": date, "table": name, **nothing})
    return {
        "tables": [{**tables[place], "released": released.get(place, 0)} for place in sorted(tables)],
        "rules": query_rows(catalog, selection, per_rule),
    }


def rows(catalog: Catalog, selection: Selection, limit: int) -> list[dict[str, Any]]:
    """Quarantined rows with all that is known of them, in the order of their files."""
    query = f"""SELECT batch_date, source AS "table", file, record, rules, reason, raw, state, decided_by, decided_why,
        file_sha256 FROM asked ORDER BY batch_date, source, file, record LIMIT {int(limit)}"""
    return query_rows(catalog, selection, query)


def source_table(catalog: Catalog, name: str) -> Table:
    """The bronze table of a source by its name, with or without its layer.

    Raises:
        NightshiftError: if there is none.
    """
    sources = {table.name: table for table in catalog.sources}
    short = name.removeprefix("bronze.")
    if short not in sources:
        raise UsageError(f"{name!r} is no source of {catalog.use_case.name}; there are: {', '.join(sources)}")
    return sources[short]


def query_rows(catalog: Catalog, selection: Selection, query: str) -> list[dict[str, Any]]:
    """Run a query on the rows ``asked`` for; reads the partitions of the dates only."""
    import duckdb

    from nightshift.lake.delta_log import snapshot

    table = catalog[QUARANTINE]
    if not table.exists():
        return []
    connection = duckdb.connect(":memory:")
    connection.register("quarantine", snapshot(table).to_pyarrow_dataset())
    _register(connection, decisions_of(catalog.use_case.name, selection.dates, selection.table))
    parameters = {
        "first": selection.dates.first,
        "last": selection.dates.last,
        "source": selection.table,
        "rule": selection.rule,
        "file": selection.file,
        "record": selection.record,
        "erased": ERASED,
    }
    found: list[dict[str, Any]] = connection.sql(f"{JOINED} {query}", params=parameters).to_arrow_table().to_pylist()
    return found


def _register(connection: duckdb.DuckDBPyConnection, made: Iterable[RowDecision]) -> None:
    """The decisions as a table, one row per rule."""
    import pyarrow as pa

    schema = pa.schema(
        [
            *(("id", pa.int64()), ("batch_date", pa.date32()), ("source", pa.string()), ("file_sha256", pa.string())),
            *(("record", pa.int64()), ("rule", pa.string()), ("action", pa.string())),
        ]
    )
    listed = [
        {
            **{name: getattr(each, name) for name in ("id", "batch_date", "file_sha256", "record", "action")},
            "source": each.table_name,
            "rule": rule,
        }
        for each in made
        for rule in each.rules.split(",")
    ]
    connection.register("decisions", pa.Table.from_pylist(listed, schema=schema))
