"""Which files hold the feature rows of scored dates, as scoring saw them and as training does: from the logs alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from nightshift import lake, ledger
from nightshift.dates import BatchDates
from nightshift.lake.log import partitions_of, snapshot

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from nightshift.catalog import Catalog
    from nightshift.tables import Table

# The newest scored batch dates of the range are compared, so that the cost does not grow with history.
MOST_DATES = 31


@dataclass
class Files:
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
    scoring: list[str] = field(default_factory=list)
    training: list[str] = field(default_factory=list)
    without: dict[str, list[dt.date]] = field(default_factory=dict)
    rows_without: dict[str, int] = field(default_factory=dict)


def scored_from(catalog: Catalog, dates: BatchDates) -> dict[dt.date, int | None]:
    """The Delta version of the feature table from which the scores of the newest scored dates were made.

    None where the ledger does not say it.
    """
    scored = sorted(date for date in lake.published_dates(catalog["gold.scores"]) if dates.first <= date <= dates.last)
    return {date: _version_scored(catalog.use_case.name, date) for date in scored[-MOST_DATES:]}


def differing_files(table: Table, versions: Mapping[dt.date, int | None], training_version: int) -> Files:
    """Hold the files of scored dates against those that training reads.

    Args:
        table: of the features.
        versions: of it, by scored date.
        training_version: of it.
    """
    found = Files()
    if not versions:
        return found
    training = snapshot(table, training_version)
    rows = lake.rows_by_date(table, BatchDates(min(versions), max(versions)), training_version)
    snapshots = {version: _opened(table, version) for version in set(versions.values())}
    for date, version in versions.items():
        scoring = snapshots[version]
        before = None if scoring is None else _files_of(scoring, date)
        now = _files_of(training, date)
        if scoring is None or before is None or now is None:
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


def _version_scored(use_case: str, date: dt.date) -> int | None:
    entries = [each for each in ledger.latest(use_case, date, published=True) if each.table_name == "gold.scores"]
    versions = [
        int(each.version)
        for entry in entries
        for each in ledger.inputs(entry)
        if each.kind == "table" and each.name == "gold.features"
    ]
    return versions[0] if versions else None


def _opened(table: Table, version: int | None) -> DeltaTable | None:
    """A version of a table; None where its log is no longer there."""
    from deltalake.exceptions import DeltaError

    try:
        return None if version is None else snapshot(table, version)
    except DeltaError:
        return None


def _files_of(version: DeltaTable, date: dt.date) -> list[str] | None:
    """Files of one batch date; None where one of them is gone."""
    files = [unquote(uri) for uri in version.file_uris(file_pruning_predicate=partitions_of(BatchDates.of(date)))]
    return files if all(Path(file.removeprefix("file://")).is_file() for file in files) else None


def _note_new_features(found: Files, table: Table, scoring: DeltaTable, date: dt.date, rows: int) -> None:
    had = {each.name for each in scoring.schema().fields}
    for column in table.features:
        if column.name not in had and column.was not in had:
            found.without.setdefault(column.name, []).append(date)
            found.rows_without[column.name] = found.rows_without.get(column.name, 0) + rows
