"""Refuses what stands in the folders of a use case and belongs to no table: a misspelt name would say nothing.

Code is read here, never imported, as it imports Spark or Great Expectations.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from nightshift.declarations import misplaced_files
from nightshift.declarations.built_in_columns import SCORES_NAME
from nightshift.declarations.feature_registry_table import REGISTRY_TABLE as REGISTRY
from nightshift.declarations.refine_functions import parsed_code, refine_functions
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError

# The modules of a use case's folder that something loads.
LOADED = ("refine", "sample_source")


def refuse_unused_code(use_case: UseCase, tables: Mapping[str, Table]) -> None:
    """Check functions of ``refine.py``, audit modules and folders against the tables and the use case.

    Args:
        tables: by their short name.

    Raises:
        DeclarationError: naming each that nothing asks for.
    """
    faults = [
        *_functions(use_case, tables),
        *_modules(use_case, tables),
        *_unloaded(use_case),
        *misplaced_files.faults(use_case),
    ]
    if faults:
        raise DeclarationError("\n".join(faults))


def _functions(use_case: UseCase, tables: Mapping[str, Table]) -> Iterator[str]:
    silver = [table.name for table in tables.values() if table.layer == "silver"]
    for name in refine_functions(use_case):
        if not name.startswith("_") and name not in silver:
            yield (
                f"{use_case.folder / 'refine.py'}: no silver table is called {name}, so nothing calls this function"
                f"{_likely(name, silver)}; begin the name of a helper with an underscore"
            )


def _modules(use_case: UseCase, tables: Mapping[str, Table]) -> Iterator[str]:
    names = {f"{table.layer}_{table.name}": table for table in tables.values()}
    for path in sorted((use_case.folder / "audits").glob("*.py")):
        if path.stem.startswith("_"):
            continue
        if path.stem not in names:
            yield (
                f"{path}: no table is called {path.stem.replace('_', '.', 1)}, so nothing runs these checks"
                f"{_likely(path.stem, names)}; begin the name of a helper with an underscore"
            )
        elif _is_mart(names[path.stem]):
            yield (
                f"{path}: {names[path.stem].short_name} is a mart, which dbt's tests audit, so nothing runs these "
                "checks: write them under `data_tests` in the YAML beside the model"
            )
        else:
            yield from _contents(path)


def _unloaded(use_case: UseCase) -> Iterator[str]:
    for path in sorted(use_case.folder.glob("*.py")):
        if path.stem not in LOADED and not path.stem.startswith(("_", ".")):
            yield (
                f"{path}: nothing loads this module{_likely(path.stem, list(LOADED))}; begin the name of a helper with "
                "an underscore"
            )


def _contents(path: Path) -> Iterator[str]:
    body = parsed_code(path).body
    names = {node.name for node in body if isinstance(node, ast.FunctionDef)}
    assigned = {target.id for node in body for target in _targets(node) if isinstance(target, ast.Name)}
    if "THRESHOLDS" in assigned:
        yield f"{path}: thresholds are declared with the table: write them under `thresholds` (docs/audits.md)"
    if "expectations" not in names:
        yield (
            f"{path}: has no function `expectations(table, dates)`, so that it checks nothing"
            f"{_likely('expectations', sorted(names))}"
        )


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign) else []


def _is_mart(table: Table) -> bool:
    return table.layer == "gold" and not table.features and table.name not in (SCORES_NAME, REGISTRY)


def _likely(name: str, known: Iterator[str] | Mapping[str, Table] | list[str]) -> str:
    found = get_close_matches(name, list(known), n=1)
    return f" (is {found[0]} meant?)" if found else ""
