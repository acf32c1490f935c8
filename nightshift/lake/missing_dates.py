"""Which batch dates of a table were published, with rows or without.

A date on which nothing happened has no partition in the Delta log. That it was published all the same, and is not
merely missing, is what the ledger says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table
from nightshift.lake.recovery import recover
from nightshift.ledger import SET_ASIDE


def unpublished(table: Table, dates: Iterable[dt.date], version: int | None = None) -> list[dt.date]:
    """Those of the dates of which a table has no slice, in order.

    A date without rows counts as published where its newest publication, up to the version, had none. The ledger is
    asked once for all of them, and not at all where every date has rows.

    Args:
        version: the Delta version that is looked at; the newest if None.
    """
    with_rows = lake.published_dates(table, version)
    missing = sorted(set(dates) - with_rows)
    if not missing or not table.exists():
        return missing
    newest = _newest_entries(table, missing, version)
    return [date for date in missing if date not in newest or newest[date].rows_published != 0]


def came_without_rows(table: Table, dates: Iterable[dt.date], version: int | None = None) -> set[dt.date]:
    """Those of the dates for which files of a source table came that had no row.

    They say that there is nothing, where a date without files says nothing, or one whose rows were all quarantined.
    Files that were set aside as a whole do not count.

    Args:
        version: the Delta version that is looked at; the newest if None.
    """
    newest = _newest_entries(table, dates, version) if table.exists() else {}
    return {entry.batch_date for entry in newest.values() if entry.rows_published == 0 and _came_empty(entry)}


def _came_empty(entry: ledger.Entry) -> bool:
    came = [each for each in ledger.inputs(entry) if each.origin != SET_ASIDE]
    return bool(came) and not any(each.rows for each in came)


def _newest_entries(table: Table, dates: Iterable[dt.date], version: int | None) -> dict[dt.date, ledger.Entry]:
    """The newest publication of each date, up to a version."""
    # What a killed process had published already is closed first.
    recover(table.use_case, table)
    seen = lake.newest_version(table) if version is None else version
    newest: dict[dt.date, ledger.Entry] = {}
    for entry in ledger.publications(table.use_case, table.short_name, dates):
        if entry.delta_version is not None and entry.delta_version <= seen:
            newest.setdefault(entry.batch_date, entry)
    return newest


def newest_published(table: Table, until: dt.date) -> dt.date | None:
    """The newest batch date of which a table has a slice, with rows or without; None if none ever had rows.

    Args:
        until: the last batch date that is looked at for a slice without rows.
    """
    newest = max(lake.published_dates(table), default=None)
    if newest is None or newest >= until:
        return newest
    later = list(BatchDates(newest, until))[1:]
    return max(set(later) - set(unpublished(table, later)), default=newest)
