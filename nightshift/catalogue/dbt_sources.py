"""dbt's sources, written from the declarations: ``python -m nightshift.catalogue.dbt_sources``.

With ``--check`` nothing is written, and the exit status is 1 when a file is stale.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from nightshift.catalogue.generated_files import Generator, mark
from nightshift.declarations.built_in_columns import all_columns
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.dbt_files import models_folder
from nightshift.declarations.sql_checks import checked_use_cases
from nightshift.declarations.tables import Layer, Table
from nightshift.home.settings import get_settings

MODULE = "nightshift.catalogue.dbt_sources"
SOURCE_LAYERS: tuple[Layer, ...] = ("silver", "gold")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or check them; gives the exit status."""
    home = get_settings()
    found = checked_use_cases(home)
    return Generator(
        MODULE,
        "Write dbt's sources of all use cases.",
        files=lambda: {_file(catalog): sources(catalog) for catalog in found.catalogs},
        places=lambda: home.use_cases_dir.glob("*/dbt/models/sources.yml"),
        broken=found.sentences,
    ).main(arguments)


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
        f"# {mark(MODULE)}\n"
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


if __name__ == "__main__":
    sys.exit(main())
