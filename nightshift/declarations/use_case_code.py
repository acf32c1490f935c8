"""Python that belongs to one use case, loaded from its folder and not by import path.

So a use case may live outside the checkout (``NIGHTSHIFT_USE_CASES_DIR``).
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError


def load_module(use_case: UseCase, name: str) -> ModuleType:
    """The module ``use_cases/<use case>/<name>.py``.

    Raises:
        NightshiftError: if there is no such file.
    """
    path = use_case.folder / f"{name}.py"
    if not path.is_file():
        raise DeclarationError(f"{use_case.name} has no module {name!r}: {path} is missing")
    return _load(path, f"use_cases.{use_case.name}.{name}")


def load_audit(table: Table) -> ModuleType | None:
    """The module ``use_cases/<use case>/audits/<layer>_<table>.py``, where there is one."""
    name = f"{table.layer}_{table.name}"
    path = table.home.use_cases_dir / table.use_case / "audits" / f"{name}.py"
    return _load(path, f"use_cases.{table.use_case}.audits.{name}") if path.is_file() else None


def _load(path: Path, qualified: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(qualified, path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    # Dataclasses look their own module up while they are made.
    sys.modules[qualified] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename == str(path)]
        raise DeclarationError(
            f"{path}, line {frames[-1].lineno if frames else 1}: can't be imported: {type(error).__name__}: {error}",
            remedy="correct that line; what it imports must be installed (pyproject.toml)",
        ) from error
    return module
