"""Which data tests of dbt a slice must have passed: those of the manifest, whatever a run selected.

A test without a result has failed. What makes a test milder counts only where the test itself is declared: anything
that is set above it (`dbt_project.yml`), or happens to it because something that it reads is gone, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightshift.dbt_project.linked_folder import PACKAGE
from nightshift.errors import DeclarationError
from nightshift.lake.audit_report import EXAMPLES

if TYPE_CHECKING:
    from dbt.artifacts.schemas.run import RunResult
    from dbt.contracts.graph.manifest import Manifest

# Compare a model with its declaration (dbt/tests/generic).
DECLARATION_TESTS = (f"{PACKAGE}.rows_are_unique", f"{PACKAGE}.declared_values_hold")
# What decides on a test's verdict, with the values with which any row that it finds fails it.
STRICT = {
    "enabled": True,
    "severity": "error",
    "error_if": "!= 0",
    "warn_if": "!= 0",
    "fail_calc": "count(*)",
    "where": None,
    "limit": None,
}


def models_of(manifest: Manifest, names: Iterable[str]) -> list[Any]:
    """The models of these names.

    Raises:
        DeclarationError: naming those that dbt does not know, or does not build.
    """
    known = {node.name: node for node in manifest.nodes.values() if node.resource_type == "model"}
    off = {node.name for nodes in manifest.disabled.values() for node in nodes if node.resource_type == "model"}
    faults = [
        f"  {name}: {'`enabled: false` keeps dbt from building it' if name in off else 'dbt has no such model'}"
        for name in names
        if name not in known
    ]
    if faults:
        raise DeclarationError(
            "dbt does not build these tables, which are declared:\n" + "\n".join(faults) + "\n"
            "  next: take `enabled: false` out of the model or dbt_project.yml, or the table out of the declarations"
        )
    return [known[name] for name in names]


def refuse_undeclared(manifest: Manifest, folder: Path, declared: Container[str]) -> None:
    """Ask that the tables of a project are what YAML declares.

    Args:
        folder: of the project, for people.

    Raises:
        DeclarationError: naming a model that writes a table which no YAML declares, so that it would never be built; or
            one whose SQL says something else than its YAML.
    """
    for node in manifest.nodes.values():
        if node.resource_type != "model":
            continue
        file = folder / node.original_file_path
        if node.name in declared and "meta" in node.config_call_dict:
            raise DeclarationError(
                f"{file} sets `meta` in its SQL, so that its tests would not see its YAML",
                remedy="write it under `config.meta` in the YAML beside the model only",
            )
        if node.name not in declared and node.config.materialized != "ephemeral":
            raise DeclarationError(
                f"{file} writes a table that no YAML declares, so it is never built",
                remedy=f"declare {node.name} in the YAML beside it, with `layer: gold` under `config.meta`, or make it "
                "`ephemeral`",
            )


def read_by(manifest: Manifest, models: Iterable[Any]) -> set[str]:
    """Ids of all nodes and sources that models read, themselves or through other models, and of the models."""
    todo, seen = [model.unique_id for model in models], set()
    while todo:
        if (node_id := todo.pop()) not in seen:
            seen.add(node_id)
            todo.extend(manifest.nodes[node_id].depends_on.nodes if node_id in manifest.nodes else ())
    return seen


def tests_of(manifest: Manifest, models: Iterable[Any]) -> list[Any]:
    """The data tests of models and of what is computed with them (ephemeral models); those that are off, too."""
    models = list(models)
    own = {model.unique_id for model in models}
    inner = {
        node_id
        for node_id in read_by(manifest, models) - own
        if node_id in manifest.nodes and manifest.nodes[node_id].config.materialized == "ephemeral"
    }
    # A test of inner models that also reads another layer's table belongs to that layer.
    return [
        test
        for test in data_tests(manifest)
        if (parents := parents_of(manifest, test)) & own
        or (parents & inner and _is_within(manifest, parents, own | inner))
    ]


def declared_tests(manifest: Manifest, models: Sequence[Any]) -> list[Any]:
    """The data tests that models and what is computed with them must pass.

    Raises:
        DeclarationError: naming each test that was made milder elsewhere than where it is declared.
    """
    tests, faults = [], []
    for test in tests_of(manifest, models):
        if fault := "; ".join(_milder(test)):
            faults.append(f"  {test.name} ({test.original_file_path}): {fault}")
        if test.config.enabled:
            tests.append(test)
    if faults:
        raise DeclarationError(
            "dbt: nothing was built, as these tests would not judge as they are declared:\n" + "\n".join(faults) + "\n"
            "  next: take the setting out of dbt_project.yml, or write it in the `config` of the test itself; restore "
            "what a test reads, or remove the test"
        )
    return tests


def refuse_lacking(tests: Iterable[Any], models: Iterable[Any]) -> None:
    """Ask for the data tests that compare models with their declarations, where these are not audited otherwise.

    Raises:
        DeclarationError: naming the tests that a model lacks, or that would let some rows pass.
    """
    strict = [
        test
        for test in tests
        if all(_text(getattr(test.config, name)) == _text(value) for name, value in STRICT.items())
    ]
    lacking = [
        f"  {model.name}: {name}"
        for model in models
        for name in DECLARATION_TESTS
        if not any(_is_generic(test, name) and test.attached_node == model.unique_id for test in strict)
    ]
    if lacking:
        raise DeclarationError(
            "dbt: nothing was built, as no data test would check these models against their declared keys and "
            "values:\n" + "\n".join(lacking) + "\n  next: add these tests to `data_tests` in the YAML beside the "
            "model, with severity error, and without `where`, `limit`, `warn_if`, `error_if` and `fail_calc`; then run "
            "this stage again"
        )


def failures(models: Iterable[Any], tests: Iterable[Any], results: Iterable[RunResult]) -> list[str]:
    """In the words of a log what failed, and what has no result; empty where all models and tests may be believed."""
    found = {result.node.unique_id: result for result in results}
    verdicts = {
        **{model.unique_id: ("success",) for model in models},
        **{test.unique_id: ("pass", "warn") if _may_warn(test) else ("pass",) for test in tests},
    }
    wrong = [result for key, result in found.items() if result.status not in verdicts.get(key, ("success", "pass"))]
    # What failed says why others were skipped.
    wrong = [result for result in wrong if result.status != "skipped"] or wrong
    lacking = [node for node in (*models, *tests) if node.unique_id not in found]
    return [
        *(_described(result) for result in wrong),
        *(f"  {node.resource_type}: {node.name} (no result: it did not run)" for node in lacking),
    ]


def examples(node: Any) -> list[Mapping[str, Any]]:
    """Some of the rows that a test found."""
    from pyspark.sql import SparkSession

    return [row.asDict() for row in SparkSession.active().sql(node.compiled_code).limit(EXAMPLES).collect()]


def data_tests(manifest: Manifest) -> Iterator[Any]:
    """Data tests that are on, and those that dbt put aside."""
    nodes = [*manifest.nodes.values(), *(node for nodes in manifest.disabled.values() for node in nodes)]
    return (node for node in nodes if node.resource_type == "test")


def parents_of(manifest: Manifest, test: Any) -> set[str]:
    """Ids of what a test reads; of one that is off, dbt resolves none."""
    named = {ref.name for ref in test.refs}
    referred = {key for key, node in manifest.nodes.items() if node.resource_type == "model" and node.name in named}
    return {*test.depends_on.nodes, *referred, getattr(test, "attached_node", None)} - {None}


def _is_within(manifest: Manifest, parents: Iterable[str], ids: set[str]) -> bool:
    return all(parent in ids for parent in parents if parent in manifest.nodes)


def _milder(test: Any) -> Iterator[str]:
    """What keeps a test from judging, and is not said where the test is declared."""
    own = test.config_call_dict
    if not test.config.enabled:
        if own.get("enabled", True):
            names = [ref.name for ref in test.refs] + [".".join(source) for source in test.sources]
            yield f"it is off, by a setting above it, or as something that it reads is gone: {', '.join(names)}"
        return
    for name, value in STRICT.items():
        given = getattr(test.config, name)
        if _text(given) not in (_text(value), _text(own.get(name))):
            yield f"{name}: {given} is set above it"


def _is_generic(test: Any, name: str) -> bool:
    metadata = getattr(test, "test_metadata", None)
    return metadata is not None and f"{metadata.namespace}.{metadata.name}" == name


def _text(value: object) -> str:
    return str(value).lower()


def _may_warn(test: Any) -> bool:
    """Whether it is declared that rows, or so many of them, only warn."""
    return _text(test.config.severity) == "warn" or test.config.error_if != STRICT["error_if"]


def _described(result: RunResult) -> str:
    """One failed node in the words of a log."""
    node = result.node
    if result.status != "fail":
        return f"  {node.resource_type}: {node.name} ({result.status})\n    found: {str(result.message).strip()}"
    lines = [f"  test: {node.name} ({result.failures} rows)"]
    if node.description:
        lines.append(f"    why: {node.description}")
    lines.extend(f"    example: {json.dumps(row, default=str, ensure_ascii=False)}" for row in examples(node))
    return "\n".join(lines)
