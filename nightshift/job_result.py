"""What a job hands over to whoever started it, beside its exit status: a few values, or why it failed, as JSON.

A DAG needs some of them to go on: the version that was registered, the dates that a rollback touches.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError, kinds
from nightshift.home.variables.known_variables import RESULT_FILE
from nightshift.terminal import plain

# Key of the sentence that says why a job did nothing of what it was asked for; its task ends as skipped.
NOTHING_DONE = "nothing_done"
# Key of what a job published; whoever started it announces that.
PUBLISHED = "published"
_FAILURE = "failure"


def hand_over(values: Mapping[str, Any]) -> None:
    """Leave values for the caller, all of them or none; they replace those before, but for what was published."""
    if named := os.environ.get(RESULT_FILE):
        before = _left(Path(named))
        _leave({**{key: before[key] for key in (PUBLISHED,) if key in before}, **values})


def hand_over_published(table: str, dates: BatchDates, version: int, rows: int) -> None:
    """Leave word of slices that became visible, beside those before.

    Args:
        table: like ``gold.scores``.
        version: the Delta version of the commit.
    """
    if named := os.environ.get(RESULT_FILE):
        publication = {"table": table, "batch_dates": str(dates), "version": version, "rows": rows}
        left = _left(Path(named))
        _leave({**left, PUBLISHED: [*left.get(PUBLISHED, ()), publication]})


def hand_over_failure(error: NightshiftError) -> bool:
    """Leave an error for the caller, in place of any values; false where nobody gets it, and it must be printed."""
    try:
        remedy = error.remedy and plain(error.remedy)
        _leave({_FAILURE: {"kind": error.kind, "message": plain(error.message), "remedy": remedy}})
    except OSError:
        # A disk that is full may be the very failure.
        return False
    return RESULT_FILE in os.environ


def handed_over(path: Path) -> dict[str, Any]:
    """What a job left; nothing where it left nothing, or failed."""
    values = _left(path)
    return {} if _FAILURE in values else values


def failure(path: Path) -> NightshiftError | None:
    """The error that a job ended by; None where it left none."""
    told = _left(path).get(_FAILURE)
    return None if told is None else kinds()[told["kind"]](told["message"], remedy=told["remedy"])


def _leave(values: Mapping[str, Any]) -> None:
    # Jobs that are started by hand have none.
    if named := os.environ.get(RESULT_FILE):
        path = Path(named)
        new = path.with_name(f"{path.name}.new")
        new.write_text(json.dumps(dict(values), allow_nan=False) + "\n", encoding="utf-8")
        new.replace(path)


def _left(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values
