"""A use case's dbt project as dbt is given it: a folder of the home, with links to its files and to the shared package.

dbt looks for packages, and writes, in the project's own folder. Paths that lead out of a project are no way around:
what dbt compiles of them lies outside its target, where it overwrites files (dbt-core#8541, #2669).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

from nightshift.errors import DeclarationError
from nightshift.home.settings import PROJECT_DIR

# What all use cases share: the package of this name, and the profile.
SHARED = PROJECT_DIR / "dbt"
PACKAGE = "nightshift"
_PACKAGES = "dbt_packages"
# What dbt makes of a project when a person calls it there.
_MADE = frozenset({_PACKAGES, "logs", "target"})


def link(source: Path, scratch: Path) -> Path:
    """Link what a dbt project holds now, and return the folder that dbt may take for the project.

    Links that are right already stay, so that jobs which parse at the same time do not disturb each other.

    Args:
        source: of dbt_project.yml.
        scratch: a folder of the home for this project alone.

    Raises:
        DeclarationError: if it is no project, or hides files from dbt.
    """
    if not (source / "dbt_project.yml").is_file():
        raise DeclarationError(
            f"{source / 'dbt_project.yml'} is missing, which makes the folder a dbt project",
            remedy="write it with `name`, `profile: nightshift` and `+materialized: ephemeral` (CONTRIBUTING.md, Add a "
            "use case)",
        )
    if (source / ".dbtignore").exists():
        raise DeclarationError(
            f"{source / '.dbtignore'} would leave models or tests out silently",
            remedy="remove it, and what it lists",
        )
    place = scratch / "project"
    packages = {path.name: path for path in (source / _PACKAGES).glob("*")}
    _link_exactly(place / _PACKAGES, {**packages, PACKAGE: SHARED})
    own = {path.name: path for path in source.iterdir() if path.name not in _MADE and not path.name.startswith(".")}
    _link_exactly(place, own)
    return place


def _link_exactly(place: Path, targets: Mapping[str, Path]) -> None:
    """Let a folder hold links of these names, and no others."""
    place.mkdir(parents=True, exist_ok=True)
    for name, target in targets.items():
        link = place / name
        if not (link.is_symlink() and link.readlink() == target):
            # Beside the folder: dbt would take it for a further package.
            new = place.parent / f".{uuid.uuid4().hex}"
            new.symlink_to(target)
            new.replace(link)
    for found in place.iterdir():
        if found.is_symlink() and found.name not in targets and not found.name.startswith("."):
            found.unlink(missing_ok=True)
