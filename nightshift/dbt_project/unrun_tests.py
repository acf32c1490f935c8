"""Refuses data tests of dbt that belong to no run: a test that is declared and never judges says nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from nightshift.dbt_project.data_tests import data_tests, tests_of
from nightshift.errors import DeclarationError

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest


def refuse_unrun(manifest: Manifest, folder: Path, layers: Iterable[Iterable[str]]) -> None:
    """Ask that each data test of a project reads what one of its layers builds.

    Args:
        folder: of the project, for people.
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
        f"  {test.name} ({folder / test.original_file_path})"
        for test in data_tests(manifest)
        if test.unique_id not in run and (test.config.enabled or test.config_call_dict.get("enabled", True))
    ]
    if unrun:
        raise DeclarationError(
            "dbt: nothing was built, as these tests read no table that is built, so no run would run them:\n"
            + "\n".join(unrun),
            remedy="test a model that is built from what they read, or remove them; deliveries are checked against "
            "their columns in tables.yaml",
        )
