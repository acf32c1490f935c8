"""What the ledger says of the data behind a version: slices, the files under them, and what it has scored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nightshift.dates import BatchDates
from nightshift.declarations.label_deliveries import read_for
from nightshift.declarations.use_case import UseCase
from nightshift.ledger.entries import Entry, Input, inputs_of
from nightshift.ledger.row_origins import seen_by_readers
from nightshift.ledger.scores import attempts_of_version
from nightshift.models.audit_pack.zip_file import as_csv

_SLICES = (
    *("table", "batch_date", "delta_version", "rows_published", "run_id", "attempt_id", "code_version"),
    *("environment", "started_at"),
)
_FILES = ("batch_date", "landed_in", "name", "sha256", "rows", "quarantined", "deduplicated", "origin")
_SCORED = (
    *("batch_date", "status", "is_visible_now", "delta_version", "rows_published", "run_id", "started_at"),
    *("code_version", "environment"),
)


@dataclass(frozen=True)
class Behind:
    """Published slices with what each took in, by the id of the entry."""

    slices: Mapping[int, Entry]
    inputs: Mapping[int, list[Input]]

    def slices_csv(self) -> bytes:
        """A line for each slice."""
        ordered = sorted(self.slices.values(), key=lambda each: (each.table_name, each.batch_date, each.id))
        return as_csv(
            _SLICES,
            (
                (
                    *(each.table_name, each.batch_date, each.delta_version, each.rows_published, each.run_id),
                    *(each.attempt_id, each.code_version, each.environment, _moment(each.started_at)),
                )
                for each in ordered
            ),
        )

    def files_csv(self) -> bytes:
        """A line for each file or query result that was landed."""
        return as_csv(_FILES, sorted(self._files(), key=lambda line: [str(cell) for cell in line]))

    def _files(self) -> Iterator[tuple[Any, ...]]:
        for number, entry in self.slices.items():
            if entry.stage != "land":
                continue
            for each in self.inputs.get(number, ()):
                if each.kind != "table":
                    yield (
                        *(entry.batch_date, entry.table_name, each.name, each.version, each.rows, each.quarantined),
                        *(each.deduplicated, each.origin),
                    )


def behind(use_case: UseCase, versions: Mapping[str, int], dates: BatchDates) -> Behind:
    """All slices behind some tables at pinned Delta versions, hop by hop down to the landed files.

    A slice is taken at the version that its reader read, and at the newest that any reader of the range read: windows
    of later features look back at it. For windows that reach back before the range, the look-back of `nightly` before
    it is looked at as well; labels come with the deliveries that the maturity names.

    Args:
        use_case: whose tables they are.
        versions: Delta version by ``layer.table``.
        dates: of the training.
    """
    calendar = use_case.calendar
    wide = dates.between(calendar.begin(dates.first, use_case.lookback + 1), dates.last)
    label = f"silver.{use_case.target.table}"
    wanted = {
        (name, date, version)
        for name, version in versions.items()
        for date in (read_for(use_case, dates) if name == label else dates)
    }
    slices: dict[int, Entry] = {}
    inputs: dict[int, list[Input]] = {}
    asked: set[tuple[str, dt.date, int]] = set()
    while wanted - asked:
        found = seen_by_readers(use_case, wanted - asked)
        asked |= wanted
        new = {entry.id: entry for entry in found if entry.id not in slices}
        slices |= new
        taken = inputs_of(new.values())
        inputs |= taken
        # Tables of the lake, at a Delta version.
        reads = [
            (each.name, new[number].batch_date, int(each.version))
            for number, several in taken.items()
            for each in several
            if each.kind == "table" and each.version.isdigit()
        ]
        newest: dict[str, int] = {}
        for name, _, version in reads:
            newest[name] = max(version, newest.get(name, 0))
        wanted = set(reads) | {(name, date, version) for name, version in newest.items() for date in wide}
    return Behind(slices, inputs)


def scored_csv(use_case: UseCase, version: int) -> bytes:
    """The batch dates that a version has scored, every attempt, and whether readers see its scores now."""
    return as_csv(
        _SCORED,
        (
            (
                *(each.batch_date, each.status, "yes" if is_visible else "no", each.delta_version),
                *(each.rows_published, each.run_id, _moment(each.started_at), each.code_version, each.environment),
            )
            for each, is_visible in attempts_of_version(use_case, version)
        ),
    )


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat()
