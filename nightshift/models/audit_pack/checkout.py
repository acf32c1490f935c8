"""The declarations and the SQL of a use case as they are in this checkout, and whether they still are those of then."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import PROJECT_DIR
from nightshift.ledger import code_version
from nightshift.ledger.run_environment import LOCK, described
from nightshift.models.audit_pack.zip_file import FileContent


def declared_files(use_case: UseCase) -> dict[str, FileContent]:
    """The folder of a use case, what all dbt projects share, and the lock of all packages."""
    settings = use_case.home
    folders = {
        f"code/use_cases/{use_case.name}": use_case.folder,
        "code/dbt": PROJECT_DIR / "dbt",
    }
    files: dict[str, FileContent] = {
        f"{name}/{path.relative_to(folder).as_posix()}": path
        for name, folder in folders.items()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not _is_scratch(path.relative_to(folder))
    }
    if (lock := settings.project_dir / LOCK).is_file():
        files[f"code/{LOCK}"] = lock
    return files


def differences(tags: Mapping[str, str]) -> list[str]:
    """What differs between the code of the training and this checkout, in sentences."""
    now = code_version()
    then = tags.get("code_version")
    found = []
    if then is None:
        found.append(f"The training did not note its code version; the files below code/ are of {now}.")
    elif then != now:
        found.append(
            f"The model was trained by code version {then}; the files below code/ are of {now}. Check {then} out to "
            "read those of then."
        )
    elif now.endswith("+changes"):
        found.append(
            f"Both then and now files differed from commit {now.removesuffix('+changes')}: nothing shows that they "
            "differed alike."
        )
    environment = described()
    for name, value in environment.items():
        before = tags.get(f"environment.{name}")
        if before is not None and before != value:
            found.append(f"{name} was {before} then and is {value} here.")
    return found


def _is_scratch(path: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts)
