"""Comments, messages and docs use the field's words; these are not among them (CONTRIBUTING.md, Words)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nightshift.home.settings import PROJECT_DIR

# What nobody should have to translate, and what to write instead.
BANNED = {
    r"\banew\b": "again, from scratch",
    r"\bmend(s|ed|ing)?\b": "fix, repair",
    r"\bh[eo]ld(s|ing)?\b[^.,;:()\"`|]{0,60} against\b": "check against, compare with",
    r"\b(gone|go|goes|going|went) on with\b": "resumed, continues",
    r"\bwithout a word\b": "was killed, silently",
    r"\bwhoever looks next\b": "the next reader",
}
KINDS = {".py", ".md", ".sql", ".yml", ".yaml", ".j2", ".toml"}


def _files() -> list[Path]:
    """What people write: hidden folders hold what programs made."""
    found = (path for room in sorted(PROJECT_DIR.glob("[!.]*")) for path in (room, *room.rglob("*")))
    return [path for path in found if path.suffix in KINDS and path.is_file() and path != Path(__file__)]


@pytest.mark.parametrize(("pattern", "instead"), BANNED.items(), ids=BANNED.values())
def test_the_fields_own_words_are_used(pattern: str, instead: str) -> None:
    banned = re.compile(pattern, re.IGNORECASE)
    found = [
        f"{file.relative_to(PROJECT_DIR)}: …{text[max(0, hit.start() - 40) : hit.end() + 20]}…"
        for file in _files()
        for text in [_as_read(file)]
        for hit in banned.finditer(text)
    ]
    assert found == [], f"write: {instead}"


def _as_read(file: Path) -> str:
    """What a file says, over the ends of its lines and within names."""
    return re.sub(r"(\s|#|_)+", " ", file.read_text(encoding="utf-8"))
