"""Whether a batch date may be without rows: where there was nothing that it could be made from.

Of a slice whose rows are counted in, that is known before its audit: each of its batch dates was checked against what
went in (`Accounting.refuse_imbalance`). Of one that sums up, the tables that it agrees with tell.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nightshift import lake
from nightshift.dates import BatchDates, Length
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.lake.audit_report import EXAMPLES, Check

NAME = "slice_is_not_empty"
WHY = "A batch date without rows looks to readers as if nothing had happened on it."


def emptiness_checks(table: Table, dates: BatchDates, profiles: Mapping[dt.date, Mapping[str, Any]]) -> Iterator[Check]:
    """One check, of a slice whose rows were not counted in: a date may be empty where all it agrees with is, too.

    What those hold is read from their Delta logs, and only where a date is empty.
    """
    empty = [date for date, profile in profiles.items() if not profile["rows"]]
    examples = list(_unexplained(table, dates, empty)) if empty else []
    yield Check(
        NAME,
        "blocks",
        WHY,
        passed=not examples,
        examples=examples[:EXAMPLES],
        observed=f"{len(empty)} of {len(dates)} batch dates have no rows, {len(examples)} of them for no known reason",
    )


def _unexplained(table: Table, dates: BatchDates, empty: Sequence[dt.date]) -> Iterator[Mapping[str, Any]]:
    """The empty dates on which another table has rows; without an agreement nothing explains a date."""
    if not table.agrees_with:
        yield from ({"batch_date": str(date)} for date in empty)
        return
    catalog = Catalog(UseCase.load(table.use_case, table.home))
    rows: dict[tuple[str, Length], Mapping[dt.date, int]] = {}
    for name, step in {(agreement.table, agreement.step) for agreement in table.agrees_with}:
        theirs = dates.between(*(dates.calendar.last_due(date, step) for date in (dates.first, dates.last)))
        rows[name, step] = lake.rows_by_date(catalog[name], theirs) if catalog[name].exists() else {}
    for date in empty:
        for (name, step), counts in sorted(rows.items(), key=str):
            other_date = dates.calendar.last_due(date, step)
            if count := counts.get(other_date, 0):
                yield {"batch_date": str(date), "rows of " + name: count, "other batch date": str(other_date)}
                break
