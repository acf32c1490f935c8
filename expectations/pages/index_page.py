"""The pages that lead to all others: of a use case its newest audits, and of all use cases what needs a look.

``data_docs/<use case>/index.html`` lists the newest audits of each table, refused batch dates first;
``data_docs/index.html`` lists the use cases. What they keep and cost is bounded.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from expectations.pages.templates import template
from nightshift.declarations.tables import LAYERS
from nightshift.home.settings import Settings
from nightshift.ledger.advisory_locks import turn

# Audits that are listed of each table; the pages of older ones stay where they are.
LISTED_AUDITS = 12
INDEX_LOCK_SECONDS = 60
# Pages that other jobs write beside the index, where they did.
PAGES = {"features": "features.html", "models": "dbt.html"}
# Lines of a reason that the page of all use cases shows.
_LINES = 3


@dataclass(frozen=True)
class Shown:
    """One line of the index; ``page`` is relative to it."""

    table: str
    dates: str
    page: str
    blocked: bool
    has_profile: bool
    warnings: int
    rows: int | None

    @property
    def profile(self) -> str:
        """Address of the profile, relative to the index."""
        return f"{self.page.removesuffix('.html')}-profile.html"

    @property
    def last_date(self) -> str:
        """The newest of its batch dates."""
        return self.dates.rpartition("..")[2]


def list_audit(shown: Shown, home: Settings, use_case: str) -> None:
    """Put an audit first on the index of its use case."""
    with index_lock(use_case):
        by_table: dict[str, list[Shown]] = defaultdict(list)
        for each in (shown, *_listed(_folder(home, use_case))):
            if len(by_table[each.table]) < LISTED_AUDITS:
                by_table[each.table].append(each)
        kept = [asdict(each) for audits in by_table.values() for each in audits]
        _replace(_folder(home, use_case) / "index.json", json.dumps(kept, indent=1))
        render(home, use_case)


def render(home: Settings, use_case: str) -> None:
    """Write the index of a use case, and that of all; call it while :func:`index_lock`."""
    folder = _folder(home, use_case)
    by_table: dict[str, list[Shown]] = defaultdict(list)
    for each in _listed(folder):
        by_table[each.table].append(each)
    tables = sorted(by_table.items(), key=lambda item: (LAYERS.index(item[0].partition(".")[0]), item[0]))
    refused = sorted(_refused(folder).items(), reverse=True)
    pages = {name: page for name, page in PAGES.items() if (folder / page).is_file()}
    shown = {"use_case": use_case, "tables": tables, "refused": refused, "pages": pages}
    _replace(folder / "index.html", template("index.html.j2").render(shown))
    _render_all(home)


def read_refused(home: Settings, use_case: str) -> dict[str, str]:
    """The batch dates of a use case that are refused, each with the reason."""
    return _refused(_folder(home, use_case))


def write_refused(home: Settings, use_case: str, refused: Mapping[str, str]) -> None:
    """Keep the batch dates that are refused; call it while :func:`index_lock`."""
    folder = _folder(home, use_case)
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "refused.json", json.dumps(dict(refused), indent=1))


@contextlib.contextmanager
def index_lock(use_case: str) -> Iterator[None]:
    """Held while the index of a use case changes."""
    with _turn(use_case):
        yield


def _render_all(home: Settings) -> None:
    """The page of all use cases, from what stands beside theirs; those with refused dates come first."""
    root = home.data_docs
    # No use case's name has a dot.
    with _turn("all.use_cases"):
        found = [_overview(index.parent) for index in sorted(root.glob("*/index.html"))]
        found.sort(key=lambda each: (not each["refused"], not each["blocked"], each["name"]))
        _replace(root / "index.html", template("root.html.j2").render(use_cases=found))


def _overview(folder: Path) -> dict[str, Any]:
    """What the page of all use cases says of one."""
    newest: dict[str, Shown] = {}
    for each in _listed(folder):
        newest.setdefault(each.table, each)
    refused = sorted(_refused(folder).items(), reverse=True)
    return {
        "name": folder.name,
        "newest": max((each.last_date for each in newest.values()), default=None),
        "refused": [(date, _beginning(reason)) for date, reason in refused],
        "blocked": [each for each in newest.values() if each.blocked],
        "warnings": sum(each.warnings for each in newest.values()),
    }


def _beginning(reason: str) -> str:
    lines = reason.splitlines()
    return "\n".join(lines[:_LINES]) + ("\n…" if len(lines) > _LINES else "")


def _folder(home: Settings, use_case: str) -> Path:
    return home.data_docs / use_case


def _listed(folder: Path) -> list[Shown]:
    state = folder / "index.json"
    return [Shown(**each) for each in json.loads(state.read_text(encoding="utf-8"))] if state.is_file() else []


def _refused(folder: Path) -> dict[str, str]:
    state = folder / "refused.json"
    return dict(json.loads(state.read_text(encoding="utf-8"))) if state.is_file() else {}


def _turn(name: str) -> contextlib.AbstractContextManager[None]:
    return turn(f"writing the audit pages of {name}", INDEX_LOCK_SECONDS, undone="they do not list what is new")


def _replace(path: Path, text: str) -> None:
    """Let the new content appear at once."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
