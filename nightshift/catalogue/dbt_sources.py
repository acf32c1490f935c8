"""dbt's sources, from the declarations."""

from __future__ import annotations

from pathlib import Path

import yaml

from nightshift.catalogue.generated_files import MARK, Generated
from nightshift.declarations.built_in_columns import all_columns
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.dbt_files import models_folder
from nightshift.declarations.sql_checks import checked_use_cases
from nightshift.declarations.tables import Layer, Table
from nightshift.home.settings import Settings

SOURCE_LAYERS: tuple[Layer, ...] = ("silver", "gold")


def generated(home: Settings) -> Generated:
    """Dbt's sources of all use cases."""
    found = checked_use_cases(home)
    files = {_file(catalog): sources(catalog) for catalog in found.catalogs}
    return Generated(files, [*home.use_cases_dir.glob("*/dbt/models/sources.yml")], found.sentences)


def sources(catalog: Catalog) -> str:
    """The published tables of a use case that its models may read, as dbt's YAML."""
    declared = [
        {
            "name": layer,
            "description": f"Published tables of the layer {layer}; models of another layer are read here, too.",
            "schema": "global_temp",
            "tables": [_table(table) for table in catalog.layer(layer)],
        }
        for layer in SOURCE_LAYERS
    ]
    text = yaml.safe_dump({"sources": declared}, sort_keys=False, allow_unicode=True, width=116)
    return (
        f"# {MARK}\n"
        f"# From the declarations of {catalog.use_case.name}. The identifiers are views on the slices that a run may\n"
        "# read, and no others; the jobs make them in their session.\n"
        f"{text}"
    )


def _file(catalog: Catalog) -> Path:
    return models_folder(catalog.use_case) / "sources.yml"


def _table(table: Table) -> dict[str, object]:
    schema, _, identifier = table.view.partition(".")
    assert schema == "global_temp"
    return {
        "name": table.identifier,
        "identifier": identifier,
        "description": f"{table.description} Grain: {table.grain}.",
        "columns": [
            {"name": column.name, "data_type": column.type, "description": column.description}
            for column in all_columns(table)
        ],
    }
