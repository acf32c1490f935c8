"""Refuses data tests of dbt that belong to no run: a test that is declared and never judges says nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from nightshift.dbt_project.data_tests import data_tests, parents_of, tests_of
from nightshift.errors import DeclarationError

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


def refuse_unrun(manifest: Manifest, use_case: str, layers: Iterable[Iterable[str]]) -> None:
    """Ask that each data test of a use case, or of none, reads what one of its layers builds.

    Args:
        layers: names of the models that are built together.

    Raises:
        DeclarationError: naming each test that does not.
    """
    models = {node.name: node for node in manifest.nodes.values() if node.resource_type == "model"}
    run = {
        test.unique_id
        for names in layers
        for test in tests_of(manifest, (models[name] for name in names if name in models))
    }
    unrun = [
        f"  {test.name} ({test.original_file_path})"
        for test in data_tests(manifest)
        if test.unique_id not in run
        and (test.config.enabled or test.config_call_dict.get("enabled", True))
        and use_case in (_use_cases(manifest, test) or {use_case})
    ]
    if unrun:
        raise DeclarationError(
            f"dbt: nothing was built, as these tests read no table that {use_case} builds, so no run would run them:\n"
            + "\n".join(unrun),
            remedy="test a model that is built from what they read, or remove them; deliveries are checked against "
            "their columns in tables.yaml",
        )


def _use_cases(manifest: Manifest, test: Any) -> set[str]:
    """The folders below models/ that a test, and what it reads, stand in."""
    known = {**manifest.nodes, **manifest.sources}
    files = [
        test.original_file_path,
        *(known[key].original_file_path for key in parents_of(manifest, test) & known.keys()),
    ]
    parts = [PurePosixPath(file).parts for file in files]
    return {each[1] for each in parts if each[0] == "models" and len(each) > 2}
