"""Which files hold the feature rows of scored dates, as scoring saw them and as training does: from the logs alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.declarations.score_names import FEATURE_TABLE, SCORES
from nightshift.storage import Location

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from nightshift.declarations.catalog import Catalog
    from nightshift.declarations.tables import Table
    from nightshift.ledger import Entry

# The newest scored batch dates of the range are compared, so that the cost does not grow with history.
MOST_DATES = 31


@dataclass
class SkewFiles:
    """What is to be compared.

    Attributes:
        dates: scored dates that can be compared.
        lost: those of which the rows that were scored are no longer there, or not known.
        rows: feature rows of ``dates``.
        scoring: files of the dates whose files differ, as scoring read them.
        training: files of the same dates, as training reads them.
        without: dates on which a feature was not in the table yet.
        rows_without: feature rows of those.
    """

    dates: list[dt.date] = field(default_factory=list)
    lost: list[dt.date] = field(default_factory=list)
    rows: int = 0
    scoring: list[Location] = field(default_factory=list)
    training: list[Location] = field(default_factory=list)
    without: dict[str, list[dt.date]] = field(default_factory=dict)
    rows_without: dict[str, int] = field(default_factory=dict)


def scored_from(catalog: Catalog, dates: BatchDates) -> dict[dt.date, int | None]:
    """The Delta version of the feature table from which the scores of the newest scored dates were made.

    None where the ledger does not say it.
    """
    # A use case may be trained before its scores are declared.
    if SCORES not in catalog:
        return {}
    scored = sorted(date for date in lake.published_dates(catalog[SCORES]) if date in dates)[-MOST_DATES:]
    entries: dict[dt.date, list[Entry]] = {date: [] for date in scored}
    for entry in ledger.publications(catalog.use_case.name, SCORES, scored):
        entries[entry.batch_date].append(entry)
    return {date: _features_version(ledger.computed_by(each)) for date, each in entries.items()}


def differing_files(table: Table, versions: Mapping[dt.date, int | None], training_version: int) -> SkewFiles:
    """Check the files of scored dates against those that training reads.

    Args:
        table: of the features.
        versions: of it, by scored date.
        training_version: of it.
    """
    found = SkewFiles()
    if not versions:
        return found
    dates = BatchDates(min(versions), max(versions))
    now_by_date = lake.files_of(table, lake.snapshot(table, training_version), dates)
    rows = lake.rows_by_date(table, dates, training_version)
    snapshots = {version: _opened(table, version) for version in set(versions.values())}
    for date, version in versions.items():
        scoring = snapshots[version]
        now = now_by_date.get(date, [])
        before = [] if scoring is None else lake.files_of(table, scoring, BatchDates.of(date)).get(date, [])
        if scoring is None or lake.files_gone({*before, *now}):
            found.lost.append(date)
            continue
        size = rows[date]
        if set(before) != set(now):
            found.scoring += before
            found.training += now
            size = lake.rows_by_date(table, BatchDates.of(date), version)[date]
        found.dates.append(date)
        found.rows += size
        _note_new_features(found, table, scoring, date, size)
    return found


def _features_version(scoring: Entry | None) -> int | None:
    if scoring is None:
        return None
    named = (each for each in ledger.inputs(scoring) if each.kind == "table" and each.name == FEATURE_TABLE)
    return next((int(each.version) for each in named), None)


def _opened(table: Table, version: int | None) -> DeltaTable | None:
    """A version of a table; None where its log is no longer there."""
    try:
        return None if version is None else lake.snapshot(table, version)
    except lake.VersionGone:
        return None


def _note_new_features(found: SkewFiles, table: Table, scoring: DeltaTable, date: dt.date, rows: int) -> None:
    had = {each.name for each in scoring.schema().fields}
    for column in table.features:
        if had.isdisjoint(form.name for form in table.forms_of(column)):
            found.without.setdefault(column.name, []).append(date)
            found.rows_without[column.name] = found.rows_without.get(column.name, 0) + rows
