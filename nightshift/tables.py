"""What a table is: columns, grain, keys, rules, partition, path and owner.

Bronze and silver tables and the scores are declared in ``use_cases/<name>/tables.yaml``; the tables that dbt
computes are declared where dbt wants them, in the YAML beside the model. Schemas, quarantine rules, audits
and dbt sources are derived from these declarations.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from nightshift.errors import NightshiftError
from nightshift.settings import get_settings
from nightshift.use_case import Declared, Name, UseCase, read_yaml, validated

PARTITION = "batch_date"
Layer = Literal["bronze", "silver", "gold"]
SqlType = Literal["string", "int", "bigint", "double", "boolean", "date", "timestamp"]


class Column(Declared):
    """One column: its type, its meaning, and what may stand in it."""

    name: Name
    type: SqlType
    description: str
    unit: str | None = None
    required: bool = Field(False, description="Never null.")
    accepted: tuple[str, ...] | None = Field(None, description="The only values that are allowed.")
    pattern: str | None = Field(None, description="Regular expression that the whole text must match.")
    minimum: float | None = None
    maximum: float | None = None
    role: Literal["feature", "lineage"] | None = Field(
        None, description="`feature`: an input of the model. `lineage`: added when landing, not part of the file."
    )
    categorical: bool = Field(False, description="For features: a category, not a quantity.")
    group: str | None = Field(None, description="For features: the family it belongs to, like `calendar`.")


class Rule(Declared):
    """A condition between columns that every landed row must meet, or it goes to quarantine."""

    name: Name
    must: str = Field(description="SQL predicate over the declared columns and batch_date.")
    why: str


class Source(Declared):
    """How a table arrives in a delivery."""

    file: str = Field(pattern=r"^[a-z0-9_.]+$", description="File name within the delivery.")
    format: Literal["csv", "jsonl", "parquet"]
    required: bool = Field(True, description="False: the file comes with some deliveries only.")
    first_batch_date_offset: int = Field(0, ge=0, description="Days after the first batch date when it starts.")


class Table(Declared):
    """One table of one use case."""

    use_case: Name
    layer: Layer
    name: Name
    description: str
    grain: str = Field(description="What one row is, like 'one row per scheduled flight'.")
    keys: tuple[Name, ...] = Field(description="Columns that identify a row, batch_date aside.")
    owner: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    source: Source | None = None

    @property
    def path(self) -> Path:
        """Folder of the Delta table."""
        return get_settings().lake / self.layer / self.use_case / self.name

    @property
    def full_name(self) -> str:
        """Name for people, dbt's sources and `nightshift sql`, like ``gold.flight_delays_scores``."""
        return f"{self.layer}.{self.identifier}"

    @property
    def view(self) -> str:
        """Name of its view in a Spark session, where a job gave it one (`lake.register`)."""
        return f"global_temp.{self.layer}_{self.identifier}"

    @property
    def identifier(self) -> str:
        """Name within its layer's schema, like ``flight_delays_scores``."""
        return f"{self.use_case}_{self.name}"

    @property
    def label(self) -> str:
        """Short form for people and logs, like ``gold/flight_delays/scores``."""
        return f"{self.layer}/{self.use_case}/{self.name}"

    @property
    def ddl(self) -> str:
        """Schema in Spark's DDL form, batch_date first."""
        return ", ".join([f"{PARTITION} date", *(f"{column.name} {column.type}" for column in self.data_columns)])

    @property
    def data_columns(self) -> tuple[Column, ...]:
        """The columns without batch_date."""
        return tuple(column for column in self.columns if column.name != PARTITION)

    @property
    def delivered_columns(self) -> tuple[Column, ...]:
        """The columns that a landed file holds."""
        return tuple(column for column in self.data_columns if column.role != "lineage")

    @property
    def column_names(self) -> list[str]:
        """All columns in order, batch_date first."""
        return [PARTITION, *(column.name for column in self.data_columns)]

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that are inputs of the model."""
        return tuple(column for column in self.columns if column.role == "feature")

    def exists(self) -> bool:
        """Whether anything was ever published to it."""
        return any((self.path / "_delta_log").glob("*.json"))


class Catalog:
    """All tables of one use case, found by ``layer.name``."""

    def __init__(self, use_case: UseCase) -> None:
        """Read the declarations.

        Raises:
            NightshiftError: naming file and field, if one breaks a rule or two tables have one name.
        """
        self.use_case = use_case
        self._tables: dict[str, Table] = {}
        for table in (*_declared(use_case), *_dbt_models(use_case)):
            short_name = f"{table.layer}.{table.name}"
            if short_name in self._tables:
                raise NightshiftError(f"{use_case.name} declares the table {short_name} twice")
            self._tables[short_name] = table

    def __getitem__(self, short_name: str) -> Table:
        """The table of a name like ``silver.flights``.

        Raises:
            NightshiftError: if there is none.
        """
        if short_name not in self._tables:
            raise NightshiftError(
                f"{self.use_case.name} has no table {short_name!r}; it has: {', '.join(sorted(self._tables))}"
            )
        return self._tables[short_name]

    def __iter__(self) -> Any:
        return iter(self._tables.values())

    def layer(self, layer: Layer) -> list[Table]:
        """The tables of one layer."""
        return [table for table in self._tables.values() if table.layer == layer]

    @property
    def sources(self) -> list[Table]:
        """The bronze tables that arrive as files."""
        return [table for table in self._tables.values() if table.source is not None]


def _declared(use_case: UseCase) -> Iterable[Table]:
    path = use_case.folder / "tables.yaml"
    for raw in read_yaml(path)["tables"]:
        yield validated(Table, {"use_case": use_case.name, "owner": use_case.owner, **raw}, path)


def _dbt_models(use_case: UseCase) -> Iterable[Table]:
    """Tables from the dbt models whose ``config.meta`` names a layer."""
    for path in sorted((get_settings().dbt_dir / "models" / use_case.name).rglob("*.yml")):
        for model in (read_yaml(path) or {}).get("models", ()):
            meta = model.get("config", {}).get("meta", {})
            if "layer" in meta:
                yield validated(Table, _from_dbt(use_case, model, meta), path)


def _from_dbt(use_case: UseCase, model: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    columns = [
        {
            "name": column["name"],
            "type": column["data_type"],
            "description": column.get("description", ""),
            **column.get("config", {}).get("meta", {}),
        }
        for column in model.get("columns", ())
    ]
    return {
        "use_case": use_case.name,
        "owner": use_case.owner,
        "name": model["name"].removeprefix(f"{use_case.name}_"),
        "description": model.get("description", ""),
        "columns": columns,
        **meta,
    }
