"""What dbt knows of its models without running one: their SQL, and its own documentation as one page.

Nothing here connects to Spark. Variables of a run, like its dates, get stand-ins: they change literals, not columns.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightshift.dbt_project import call
from nightshift.declarations.built_in_columns import all_columns
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError, InstallationError
from nightshift.home.settings import get_settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# Where dbt's page takes its data from, unless it was put into the page.
_PAGE_DATA = {'"MANIFEST.JSON INLINE DATA"': "manifest.json", '"CATALOG.JSON INLINE DATA"': "catalog.json"}


def compiled(use_case: UseCase) -> dict[str, str]:
    """The SQL of a use case's models by name, in Spark's dialect, each with the ephemeral models that it reads.

    Raises:
        NightshiftError: if dbt cannot parse the project, or cannot compile a model without a database.
    """
    variables = json.dumps(_stand_ins([use_case]))
    arguments = ("compile", "--no-introspect", "--vars", variables, "--select", f"path:models/{use_case.name}")
    outcome = _invoke(_parsed(), *arguments, target=get_settings().dbt_target)
    return {result.node.name: result.node.compiled_code for result in outcome if result.node.resource_type == "model"}


def write_docs(use_cases: Sequence[UseCase] | None = None) -> Path:
    """Write dbt's documentation of all models as one page that needs no network; returns where it lies.

    Types come from the declarations; dbt would ask the database for them.

    Raises:
        NightshiftError: if dbt cannot parse or compile the project.
    """
    target = get_settings().dbt_target / "docs"
    use_cases = find_use_cases().use_cases if use_cases is None else use_cases
    manifest = _parsed()
    tables = {table.full_name: table for use_case in use_cases for table in Catalog(use_case)}
    catalog = _catalog(manifest, tables)
    variables = json.dumps(_stand_ins(use_cases))
    arguments = ("docs", "generate", "--empty-catalog", "--vars", variables)
    _invoke(manifest, *arguments, target=target, write_json=True)
    data = {
        "manifest.json": json.loads((target / "manifest.json").read_text(encoding="utf-8")),
        "catalog.json": catalog,
    }
    page = (target / "index.html").read_text(encoding="utf-8")
    for mark, name in _PAGE_DATA.items():
        if mark not in page:
            raise InstallationError(
                f"this version of dbt has another page: {mark} is missing in {target / 'index.html'}"
            )
        # A description that holds the end of a script must not end this one.
        page = page.replace(mark, json.dumps(data[name]).replace("</", "<\\/"))
    place = get_settings().data_docs / "dbt" / "index.html"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(page, encoding="utf-8")
    return place


def _stand_ins(use_cases: Sequence[UseCase]) -> dict[str, object]:
    """The variables of `publish_models.dbt_variables`, with dates of no meaning."""
    return {
        "first_date": "2000-01-01",
        "last_date": "2000-01-01",
        "lookback_days": max((use_case.nightly.lookback_days for use_case in use_cases), default=1),
        "stage_folders": {},
    }


def _parsed() -> Manifest:
    return call.parse(get_settings().dbt_dir, get_settings().dbt_target)


def _invoke(manifest: Manifest, *arguments: str, target: Path, write_json: bool = False) -> list[Any]:
    """Run a dbt command on a parsed project; gives a result per node, or none for `docs`."""
    outcome = call.invoke(
        *arguments, folder=get_settings().dbt_dir, target=target, manifest=manifest, write_json=write_json
    )
    results = list(getattr(outcome.result, "results", ()))
    wrong = [f"{result.node.name}: {str(result.message).strip()}" for result in results if result.status == "error"]
    if wrong or outcome.exception is not None:
        raise DeclarationError(
            f"`dbt {arguments[0]}` cannot compile the models: {outcome.exception or '; '.join(wrong)}\n"
            f"  next: fix the model; it must compile without a database (no `run_query`), and gets no other variables "
            f"than {', '.join(_stand_ins([]))}"
        )
    return results


def _catalog(manifest: Manifest, tables: dict[str, Table]) -> dict[str, Any]:
    """The declared tables in the form of dbt's catalog.json, version 1."""
    by_identifier = {table.identifier: table for table in tables.values()}
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
