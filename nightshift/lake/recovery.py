"""Finding out, at the next start, how attempts ended whose process was killed."""

from __future__ import annotations

import logging

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.ledger.attempts import UNSETTLED, FoundCommit, reconcile
from nightshift.ledger.open_stages import seen_version

log = logging.getLogger("nightshift")


def recover(use_case: str, table: Table) -> bool:
    """Close what killed attempts left open for a table, and remove their stages.

    An attempt that was ended between its Delta commit and the ledger's last word is found by the commit's metadata and
    closed as published; any other as failed, whose stage was never visible.

    Returns:
        Whether all of them are settled. A commit that was on its way when its process was killed may still come until
        another one has taken its place; whoever publishes next has to look again then.
    """
    for entry in reconcile(lambda entry: _committed(table, entry), use_case=use_case, table_name=table.short_name):
        log.warning("run %s of %s was killed; the ledger now records how it ended", entry.run_id, table.label)
    return lake.sweep(table)


def recover_entries(catalog: Catalog) -> None:
    """Close what killed attempts of a use case left open in the ledger, for who reads it."""
    tables = {table.short_name: table for table in catalog}

    def found(entry: ledger.Entry) -> FoundCommit:
        table = tables.get(entry.table_name)
        return None if table is None else _committed(table, entry)

    reconcile(found, use_case=catalog.use_case.name)


def _committed(table: Table, entry: ledger.Entry) -> FoundCommit:
    try:
        seen = seen_version(entry.attempt_id)
    except KeyError:
        # It gave up its stage by itself when it was interrupted, or never had one.
        version = lake.committed(table, entry.attempt_id)
    else:
        if seen is None:
            return None
        if (is_its_own := lake.is_made_by(table, seen + 1, entry.attempt_id)) is None:
            return UNSETTLED
        version = seen + 1 if is_its_own else None
    if version is None:
        return None
    dates = ledger.dates_of(entry.attempt_id)
    return version, lake.rows_by_date(table, BatchDates(min(dates), max(dates)), version)
