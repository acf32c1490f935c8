"""What dbt knows of its models without running one: their SQL, and its own documentation as one page.

Nothing here connects to Spark. Variables of a run, like its dates, get stand-ins: they change literals, not columns.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nightshift.dbt_project.build_models import DbtProject
from nightshift.dbt_project.publish_models import window_variables
from nightshift.declarations.built_in_columns import all_columns
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError, InstallationError
from nightshift.storage import Location

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# Where dbt's page takes its data from, unless it was put into the page.
_PAGE_DATA = {'"MANIFEST.JSON INLINE DATA"': "manifest.json", '"CATALOG.JSON INLINE DATA"': "catalog.json"}

# What dbt writes for its documentation; its target keeps what other commands compiled.
_DOCS = "docs"


def compiled(use_case: UseCase) -> dict[str, str]:
    """The SQL of a use case's models by name, in Spark's dialect, each with the ephemeral models that it reads.

    Raises:
        NightshiftError: if dbt cannot parse the project, or cannot compile a model without a database.
    """
    arguments = ("compile", "--no-introspect", "--select", "resource_type:model")
    outcome = _call(DbtProject.of(use_case), use_case, *arguments, indirect_selection="empty")
    return {result.node.name: result.node.compiled_code for result in outcome}


def docs_page(use_case: UseCase) -> Location:
    """Where :func:`write_docs` writes."""
    return use_case.home.data_docs / use_case.name / "dbt.html"


def write_docs(use_case: UseCase) -> Location:
    """Write dbt's documentation of a use case's models as one page that needs no network; returns where it lies.

    Types come from the declarations; dbt would ask the database for them.

    Raises:
        NightshiftError: if dbt cannot parse or compile the project.
    """
    project = DbtProject.of(use_case)
    catalog = _catalog(project.manifest, Catalog(use_case))
    _call(project, use_case, "docs", "generate", "--empty-catalog", target=_DOCS, write_json=True)
    written = project.written(_DOCS)
    data = {
        "manifest.json": json.loads((written / "manifest.json").read_text(encoding="utf-8")),
        "catalog.json": catalog,
    }
    page = (written / "index.html").read_text(encoding="utf-8")
    for mark, name in _PAGE_DATA.items():
        if mark not in page:
            raise InstallationError(
                f"this version of dbt has another page: {mark} is missing in {written / 'index.html'}"
            )
        # A description that holds the end of a script must not end this one.
        page = page.replace(mark, json.dumps(data[name]).replace("</", "<\\/"))
    place = docs_page(use_case)
    place.write(page.encode())
    return place


def _call(project: DbtProject, use_case: UseCase, *arguments: str, **options: Any) -> list[Any]:
    """Run a dbt command with stand-ins for the variables of a run; gives a result per node, or none for `docs`."""
    # As `publish_models.dbt_variables` gives them, with dates of no meaning.
    variables = {
        **window_variables(use_case, use_case.between(use_case.dates.first, use_case.dates.first)),
        "stage_folders": {},
    }
    outcome = project.command(*arguments, "--vars", json.dumps(variables), **options)
    results = list(getattr(outcome.result, "results", ()))
    wrong = [f"{result.node.name}: {str(result.message).strip()}" for result in results if result.status == "error"]
    if wrong or outcome.exception is not None:
        raise DeclarationError(
            f"`dbt {arguments[0]}` cannot compile the models in {project.folder}: "
            f"{outcome.exception or '; '.join(wrong)}\n"
            f"  next: fix the model; it must compile without a database (no `run_query`), and gets no other variables "
            f"than {', '.join(variables)}"
        )
    return results


def _catalog(manifest: Manifest, declared: Catalog) -> dict[str, Any]:
    """The declared tables in the form of dbt's catalog.json, version 1."""
    tables = {table.full_name: table for table in declared}
    by_identifier = {table.identifier: table for table in declared}
    nodes = {
        key: by_identifier[node.name]
        for key, node in manifest.nodes.items()
        if node.resource_type == "model" and node.name in by_identifier
    }
    sources = {
        key: tables[f"{source.source_name}.{source.name}"]
        for key, source in manifest.sources.items()
        if f"{source.source_name}.{source.name}" in tables
    }
    return {
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json"},
        "nodes": {key: _catalog_entry(key, table) for key, table in nodes.items()},
        "sources": {key: _catalog_entry(key, table) for key, table in sources.items()},
        "errors": None,
    }


def _catalog_entry(key: str, table: Table) -> dict[str, Any]:
    return {
        "metadata": {
            "type": "table",
            "schema": table.layer,
            "name": table.identifier,
            "comment": table.description,
            "owner": table.owner,
        },
        "columns": {
            column.name: {"type": column.type, "index": index, "name": column.name, "comment": column.description}
            for index, column in enumerate(all_columns(table), start=1)
        },
        "stats": {},
        "unique_id": key,
    }
