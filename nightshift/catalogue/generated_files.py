"""Files in the repository that are written from the declarations, and the check that they are not stale."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nightshift import terminal
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift.terminal import markdown_row


@dataclass(frozen=True)
class Generator:
    """Writes files from something else, or says which of them are stale.

    Attributes:
        module: that is run to write them, like ``nightshift.catalogue.table_pages``.
        about: what it writes, for its help.
        files: gives the text of each file by its path.
        places: gives the files that it may have written before. Of those, one that holds `mark` and is no longer
            among `files` is removed; one that a person wrote is not touched.
        broken: sentences about use cases of which `files` has nothing: what was written for them before stays, and the
            exit status is 1.
    """

    module: str
    about: str
    files: Callable[[], Mapping[Path, str]]
    places: Callable[[], Iterable[Path]]
    broken: Sequence[str] = ()

    @property
    def mark(self) -> str:
        """What the files say in their first lines, where comments are allowed."""
        return mark(self.module)

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Write the files, or check them; gives the exit status."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}", description=self.about)
        parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
        is_check = parser.parse_args(arguments).check
        expected = dict(self.files())
        found = {path: _text(path) for path in {*self.places(), *expected} if path.is_file()}
        left_over = [path for path, text in found.items() if path not in expected and self.mark in text]
        left_over = [] if self.broken else left_over
        stale = sorted([path for path, text in expected.items() if found.get(path) != text] + left_over)
        for sentence in self.broken:
            terminal.echo(sentence, err=True)
        if is_check:
            if stale:
                names = ", ".join(_shown(path) for path in stale)
                sys.stderr.write(f"stale: {names}; run `.venv/bin/python -m {self.module}`\n")
            return 1 if stale or self.broken else 0
        for path in stale:
            if path in expected:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(expected[path], encoding="utf-8")
            else:
                path.unlink()
        return 1 if self.broken else 0


def mark(module: str) -> str:
    """The sentence by which a file is known as generated."""
    return f"Written by `python -m {module}`; edits are lost."


def markdown_link(path: Path, page: Path) -> str:
    """A file as a link from a page that is in the same checkout or use case; any other one by its path."""
    for top in (PROJECT_DIR, get_settings().use_cases_dir):
        if path.is_relative_to(top) and page.is_relative_to(top):
            return f"[{path.relative_to(top).as_posix()}]({Path(os.path.relpath(path, page.parent)).as_posix()})"
    return f"`{path}`"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    return [markdown_row(line) for line in (head, ["---"] * len(head), *rows)]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT_DIR) if path.is_relative_to(PROJECT_DIR) else path)
