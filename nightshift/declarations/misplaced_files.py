"""Folders under a name that nothing reads, so that what is in them would say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from nightshift.declarations.dbt_files import project_folder
from nightshift.declarations.use_case import FILES, UseCase
from nightshift.home.settings import PROJECT_DIR, Settings

# The folders of a use case, and those of its dbt project.
_FOLDERS = ("audits", "contracts", "dbt", "pages", "tests")
_OF_DBT = ("models", "macros", "tests", "seeds", "snapshots", "analyses")


def faults(use_case: UseCase) -> Iterator[str]:
    """Folders of a use case whose names are nearly right."""
    for parent, known in ((use_case.folder, _FOLDERS), (project_folder(use_case), _OF_DBT)):
        names = {path.name for path in _folders(parent)}
        for name in sorted(names.difference(known)):
            if likely := get_close_matches(name.lower(), set(known) - names, n=1, cutoff=0.8):
                yield f"{parent / name} is read by nobody: is {parent / likely[0]} meant?"


def strangers() -> Iterator[str]:
    """Models and audits in the rooms that all use cases share, for people."""
    for folder in _folders(PROJECT_DIR / "dbt" / "models"):
        yield f"{folder} belongs to no use case: models lie in use_cases/<name>/dbt/models"
    for file in sorted((PROJECT_DIR / "expectations").glob("*/*.py")):
        if file.stem.startswith(("bronze_", "silver_", "gold_")):
            yield f"{file} belongs to no use case: checks of a table lie in use_cases/<name>/audits"


def undeclared(home: Settings) -> Iterator[str]:
    """Folders below that of the use cases without the file that makes one, for people."""
    for folder in _folders(home.use_cases_dir):
        if not (folder / FILES[0]).exists():
            likely = get_close_matches(FILES[0], [path.name for path in folder.iterdir()], n=1)
            hint = f" (is {likely[0]} meant to be it?)" if likely else ""
            yield f"{folder} has no {FILES[0]}{hint}, so it is no use case"


def _folders(parent: Path) -> list[Path]:
    found = sorted(parent.iterdir()) if parent.is_dir() else []
    return [path for path in found if path.is_dir() and not path.name.startswith((".", "_"))]
