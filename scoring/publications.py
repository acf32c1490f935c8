"""When the scores of a batch date were published, by whom, and in what they ran."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from nightshift import ledger
from nightshift.declarations.score_names import FEATURE_TABLE, SCORES
from nightshift.errors import UsageError
from nightshift.job import Job
from nightshift.ledger import Entry
from nightshift.models.reasons_dictionary import REASONS_FILE
from scoring.reasons_dictionary_at_scoring import DictionaryOfThen


@dataclass(frozen=True)
class Publication:
    """How a slice of the scores came to be, as far as the ledger knows.

    Attributes:
        date: its batch date.
        entry: of the ledger; None where it has none.
        feature_version: of the feature table, that was read; None where it was not noted.
        environment: in which it was made; empty where that is not known.
        dictionary: the words of its reasons; None where they are not kept.
    """

    date: dt.date
    entry: Entry | None
    feature_version: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    dictionary: DictionaryOfThen | None = None


def publication(job: Job, date: dt.date, version: int | None) -> Publication:
    """How the slice came to be that readers of a Delta version see, of the newest if None.

    Raises:
        NightshiftError: if the ledger knows the date's scores, and none as early as that.
    """
    entries = ledger.publications(job.use_case.name, SCORES, [date])
    seen = [entry for entry in entries if version is None or (entry.delta_version or 0) <= version]
    if entries and not seen:
        raise UsageError(
            f"{date} was first scored in version {entries[-1].delta_version} of {SCORES}, which is after version "
            f"{version}: `nightshift replay --use-case {job.use_case.name} --date {date} --list` lists its versions"
        )
    entry = ledger.computed_by(seen)
    if entry is None:
        return Publication(date, None)
    inputs = {each.name: each.version for each in ledger.inputs(entry)}
    kept = DictionaryOfThen.kept(job.use_case, inputs[REASONS_FILE]) if REASONS_FILE in inputs else None
    features = int(inputs[FEATURE_TABLE]) if FEATURE_TABLE in inputs else None
    return Publication(date, entry, features, ledger.environment_of(entry), kept)


def listed(job: Job, *, as_json: bool) -> str:
    """Every version of the scores of some batch dates, newest first, for people or for programs."""
    entries = ledger.publications(job.use_case.name, SCORES, job.dates)
    rows = [
        {
            "batch_date": str(entry.batch_date),
            "score_version": entry.delta_version,
            "published": entry.started_at.isoformat(timespec="seconds"),
            "rows": entry.rows_published,
            "model_version": entry.model_version,
            "run": entry.run_id,
            "code": entry.code_version,
            "environment": (entry.environment or "unknown")[:12],
        }
        for entry in entries
    ]
    if as_json:
        return json.dumps(rows, indent=2) + "\n"
    if not rows:
        return f"{SCORES} of {job.dates} was never published\n"
    lines = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )
