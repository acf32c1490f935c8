"""Models and audits in a folder that belongs to no use case: nothing would build or run them."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from nightshift.declarations.use_case import FILES, UseCase
from nightshift.home.settings import PROJECT_DIR, get_settings


def faults(use_case: UseCase, audits: Path) -> Iterator[str]:
    """What is a use case's by its name, or was meant to be, and stands in another folder.

    Folders of other use cases are left alone, also of those that are not below NIGHTSHIFT_USE_CASES_DIR now.
    """
    own, models = use_case.name, get_settings().dbt_dir / "models"
    for folder in _folders(models):
        for path in _models(folder):
            if folder.name != own and path.stem.startswith(f"{own}_") and not path.stem.startswith(f"{folder.name}_"):
                yield f"{path} is a table of {own} by its name, and nothing builds it there: move it to {models / own}"
    for parent, kind in ((models, "models"), (audits, "checks")):
        folders = dict(_strangers(parent))
        if not (parent / own).is_dir() and (likely := get_close_matches(own, folders, n=1, cutoff=0.8)):
            yield f"{parent / likely[0]} holds {kind} of no use case, and {own} has none: is {parent / own} meant?"


def strangers(audits: Path) -> Iterator[str]:
    """Folders that hold models or audits of a use case that there is not, for people."""
    for parent, kind in ((get_settings().dbt_dir / "models", "models"), (audits, "checks")):
        for _, folder in _strangers(parent):
            yield f"{folder} holds {kind} of no use case, so nothing runs them"


def undeclared() -> Iterator[str]:
    """Folders below that of the use cases without the file that makes one, for people."""
    for folder in _folders(get_settings().use_cases_dir):
        if not (folder / FILES[0]).exists():
            likely = get_close_matches(FILES[0], [path.name for path in folder.iterdir()], n=1)
            hint = f" (is {likely[0]} meant to be it?)" if likely else ""
            yield f"{folder} has no {FILES[0]}{hint}, so it is no use case"


def _strangers(parent: Path) -> Iterator[tuple[str, Path]]:
    # Those of the checkout are no strangers where NIGHTSHIFT_USE_CASES_DIR is another folder.
    known = [get_settings().use_cases_dir, PROJECT_DIR / "use_cases"]
    for folder in _folders(parent):
        if not any((each / folder.name / FILES[0]).exists() for each in known) and any(
            (*_models(folder), *_audits(folder))
        ):
            yield folder.name, folder


def _folders(parent: Path) -> list[Path]:
    found = sorted(parent.iterdir()) if parent.is_dir() else []
    return [path for path in found if path.is_dir() and not path.name.startswith((".", "_"))]


def _models(folder: Path) -> Iterator[Path]:
    return folder.rglob("*.sql")


def _audits(folder: Path) -> Iterator[Path]:
    """Modules named as a table: other rooms beside those of the use cases have none."""
    return (path for path in folder.glob("*.py") if path.stem.startswith(("bronze_", "silver_", "gold_")))
