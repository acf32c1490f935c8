"""``data_docs/<use case>/index.html``: the newest audits of each table; what it keeps and costs is bounded."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from nightshift.settings import get_settings

# Audits that are listed of each table; the pages of older ones stay where they are.
LISTED = 12
LOCK_SECONDS = 60
LAYERS = ("bronze", "silver", "gold")


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


def list_audit(shown: Shown, use_case: str, template: Callable[[str], Any]) -> None:
    """Put an audit first on the index of its use case."""
    folder = get_settings().data_docs / use_case
    state = folder / "index.json"
    lock = get_settings().locks / f"data_docs.{use_case}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock, timeout=LOCK_SECONDS):
        listed = [shown, *(Shown(**each) for each in (json.loads(state.read_text()) if state.is_file() else ()))]
        by_table: dict[str, list[Shown]] = defaultdict(list)
        for each in listed:
            if len(by_table[each.table]) < LISTED:
                by_table[each.table].append(each)
        kept = [asdict(each) for audits in by_table.values() for each in audits]
        _replace(state, json.dumps(kept, indent=1))
        tables = sorted(by_table.items(), key=lambda item: (LAYERS.index(item[0].partition(".")[0]), item[0]))
        _replace(folder / "index.html", template("index.html.j2").render(use_case=use_case, tables=tables))


def _replace(path: Path, text: str) -> None:
    """Let the new content appear at once."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
