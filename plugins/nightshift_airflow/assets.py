"""Published tables as Airflow's assets: a DAG that is scheduled on one runs when a slice of it is published."""

from __future__ import annotations

from collections.abc import Callable

from airflow.sdk import Asset

from nightshift.declarations.catalog import Catalog
from nightshift.declarations.tables import Table
from nightshift.stages import asset_uri


def assets(catalog: Catalog, writes: Callable[[Table], bool]) -> list[Asset]:
    """The assets of the tables that a task writes; name and address are the same, so that a DAG may ask for either."""
    return [Asset(asset_uri(catalog.use_case.name, table.short_name)) for table in catalog if writes(table)]
