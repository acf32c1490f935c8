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
from typing import Any

from expectations.pages.templates import template
from nightshift.declarations.tables import LAYERS
from nightshift.home.settings import Settings
from nightshift.ledger.advisory_locks import turn
from nightshift.storage import Location

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
        (_folder(home, use_case) / "index.json").write(json.dumps(kept, indent=1).encode())
        render(home, use_case)


def render(home: Settings, use_case: str) -> None:
    """Write the index of a use case, and that of all; call it while :func:`index_lock`."""
    folder = _folder(home, use_case)
    by_table: dict[str, list[Shown]] = defaultdict(list)
    for each in _listed(folder):
        by_table[each.table].append(each)
    tables = sorted(by_table.items(), key=lambda item: (LAYERS.index(item[0].partition(".")[0]), item[0]))
    refused = sorted(_refused(folder).items(), reverse=True)
    pages = {name: page for name, page in PAGES.items() if (folder / page).exists()}
    shown = {"use_case": use_case, "tables": tables, "refused": refused, "pages": pages}
    (folder / "index.html").write(template("index.html.j2").render(shown).encode())
    _render_all(home)


def read_refused(home: Settings, use_case: str) -> dict[str, str]:
    """The batch dates of a use case that are refused, each with the reason."""
    return _refused(_folder(home, use_case))


def write_refused(home: Settings, use_case: str, refused: Mapping[str, str]) -> None:
    """Keep the batch dates that are refused; call it while :func:`index_lock`."""
    (_folder(home, use_case) / "refused.json").write(json.dumps(dict(refused), indent=1).encode())


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
        found = [_overview(root / name) for name in root.folders() if (root / name / "index.html").exists()]
        found.sort(key=lambda each: (not each["refused"], not each["blocked"], each["name"]))
        (root / "index.html").write(template("root.html.j2").render(use_cases=found).encode())


def _overview(folder: Location) -> dict[str, Any]:
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


def _folder(home: Settings, use_case: str) -> Location:
    return home.data_docs / use_case


def _listed(folder: Location) -> list[Shown]:
    return [Shown(**each) for each in _kept(folder / "index.json") or ()]


def _refused(folder: Location) -> dict[str, str]:
    return dict(_kept(folder / "refused.json") or {})


def _kept(state: Location) -> Any:
    """What the last writer kept; None before the first one."""
    with contextlib.suppress(FileNotFoundError):
        return json.loads(state.read())
    return None


def _turn(name: str) -> contextlib.AbstractContextManager[None]:
    return turn(f"writing the audit pages of {name}", INDEX_LOCK_SECONDS, undone="they do not list what is new")
