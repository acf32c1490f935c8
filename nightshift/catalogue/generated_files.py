"""Files in the repository that are written from the declarations, and the check that they are not stale."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nightshift.home.settings import PROJECT_DIR, Settings
from nightshift.terminal import markdown_row

# What generated files say in their first lines, where comments are allowed.
MARK = "Written by `make docs`; edits are lost."


@dataclass(frozen=True)
class Generated:
    """Files that follow from something else.

    Attributes:
        files: the text of each by its path.
        places: files that may have been written before. One of them that holds `MARK` and is no longer among `files`
            is left over; one that a person wrote is not touched.
        broken: sentences about use cases of which `files` has nothing; what was written for them before stays.
    """

    files: Mapping[Path, str]
    places: Sequence[Path]
    broken: Sequence[str] = ()

    def stale(self) -> list[Path]:
        """Those that are not there as they should be, and those that are left over."""
        found = {path: path.read_text(encoding="utf-8") for path in {*self.places, *self.files} if path.is_file()}
        left_over = [path for path, text in found.items() if path not in self.files and MARK in text]
        changed = [path for path, text in self.files.items() if found.get(path) != text]
        return sorted(changed + ([] if self.broken else left_over))

    def write(self) -> None:
        """Write what is stale, and remove what is left over."""
        for path in self.stale():
            if path in self.files:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self.files[path], encoding="utf-8")
            else:
                path.unlink()


def markdown_link(path: Path, page: Path, home: Settings) -> str:
    """A file as a link from a page that is in the same checkout or use case; any other one by its path."""
    for top in (PROJECT_DIR, home.use_cases_dir):
        if path.is_relative_to(top) and page.is_relative_to(top):
            return f"[{path.relative_to(top).as_posix()}]({Path(os.path.relpath(path, page.parent)).as_posix()})"
    return f"`{path}`"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    return [markdown_row(line) for line in (head, ["---"] * len(head), *rows)]
