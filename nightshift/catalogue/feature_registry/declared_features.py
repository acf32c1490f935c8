"""What the checkout alone says of the features of a use case: their declaration, and the lineage that their SQL has."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nightshift.catalogue.lineage import Lineage, Window, lineage
from nightshift.dbt_project.models_and_docs import compiled
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.dbt_files import models_folder
from nightshift.declarations.tables import Column, Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError

# Such names say how many deliveries a feature looks back on, where no window in the SQL does.
_DAYS = re.compile(r"_(\d+)d$")


@dataclass(frozen=True)
class Feature:
    """One input of the models of a use case.

    Attributes:
        table: that holds it, like ``gold.features``.
        computed_from: columns of published tables whose values enter it; ``*`` where rows are counted.
        also_depends_on: columns that choose, group or order the rows that enter it.
        windows: how far it looks back; empty where it takes no row but those of the batch date's own delivery.
    """

    table: str
    name: str
    description: str
    owner: str
    type: str
    unit: str | None
    group: str | None
    categorical: bool
    computed_from: tuple[str, ...]
    also_depends_on: tuple[str, ...]
    windows: tuple[str, ...]


def feature_tables(catalog: Catalog) -> list[Table]:
    """The tables that hold features."""
    return [table for table in catalog if table.features]


def declared_features(use_case: UseCase) -> list[Feature]:
    """All features of a use case, in the order of their declaration; starts no Spark.

    Raises:
        NightshiftError: if a feature is declared that its model's SQL does not give, or whose SQL cannot be followed.
    """
    catalog = Catalog(use_case)
    tables = feature_tables(catalog)
    queries = compiled(use_case) if tables else {}
    features: list[Feature] = []
    for table in tables:
        if table.identifier not in queries:
            raise DeclarationError(
                f"{table.label} declares features, and no dbt model {table.identifier} computes them: add "
                f"{models_folder(use_case) / 'features' / table.identifier}.sql, or take `role: feature` away"
            )
        origins = lineage(table.identifier, queries[table.identifier], catalog, use_case.home.dbt_target)
        missing = [column.name for column in table.features if column.name not in origins]
        if missing:
            raise DeclarationError(
                f"{table.label} declares {', '.join(missing)}, which the SQL of {table.identifier} does not give: "
                "select it there, or remove its declaration"
            )
        features.extend(_feature(table, column, origins[column.name]) for column in table.features)
    return features


def _feature(table: Table, column: Column, origin: Lineage) -> Feature:
    return Feature(
        table=table.short_name,
        name=column.name,
        description=column.description,
        owner=table.owner,
        type=column.type,
        unit=column.unit,
        group=column.group,
        categorical=column.categorical,
        computed_from=tuple(str(source) for source in sorted(origin.computed_from)),
        also_depends_on=tuple(str(source) for source in sorted(origin.also_depends_on)),
        windows=tuple(str(window) for window in sorted(_windows(column, origin))),
    )


def _windows(column: Column, origin: Lineage) -> set[Window]:
    named = _DAYS.search(column.name)
    if named is None or any(window.deliveries for window in origin.windows):
        return set(origin.windows)
    return {*origin.windows, Window.trailing(int(named[1]), source="name")}
