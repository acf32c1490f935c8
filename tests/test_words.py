"""Comments, messages and docs use the field's words; these are not among them (CONTRIBUTING.md, Words)."""

from __future__ import annotations

import re
import subprocess
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
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT_DIR, capture_output=True, text=True, check=True)
    files = (PROJECT_DIR / name for name in listed.stdout.split("\0") if Path(name).suffix in KINDS)
    return [file for file in files if file.is_file() and file != Path(__file__)]


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
