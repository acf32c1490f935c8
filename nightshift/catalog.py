"""All tables of one use case, from the files that declare them.

Bronze and silver tables and the scores are declared in ``use_cases/<name>/tables.yaml``; the tables that dbt
computes are declared where dbt wants them, in the YAML beside the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nightshift.declared.built_in import LINEAGE, QUARANTINE_TABLE, RESERVED, SCORES, score_columns
from nightshift.declared.checks import faults_between
from nightshift.declared.form import read_yaml
from nightshift.errors import DeclarationError, UsageError
from nightshift.feature_registry.declaration import registry_table
from nightshift.settings import get_settings
from nightshift.tables import Layer, Table
from nightshift.use_case import UseCase

# Lists in a declaration whose items have a name that a message should give.
_NAMED = {"columns": "column", "rules": "rule", "agrees_with": "agreement"}


class Catalog:
    """All tables of one use case, found by ``layer.name``."""

    def __init__(self, use_case: UseCase) -> None:
        """Read the declarations.

        The SQL in them is looked at by `nightshift.declared.sql.check_sql`, as that needs a parser.

        Raises:
            NightshiftError: naming file, table and column, if one breaks a rule or two tables have one name.
        """
        self.use_case = use_case
        self._tables: dict[str, Table] = {}
        self._files: dict[str, Path] = {}
        for path, table in (*_declared(use_case), *_dbt_models(use_case)):
            if table.short_name in self._tables:
                places = " and ".join(str(place) for place in dict.fromkeys([self._files[table.short_name], path]))
                raise DeclarationError(f"{use_case.name} declares the table {table.short_name} twice, in {places}")
            self._tables[table.short_name], self._files[table.short_name] = table, path
        if any(table.features for table in self._tables.values()):
            self._add_registry()
        refuse(self, faults_between(use_case, self._tables))

    def _add_registry(self) -> None:
        """The table that describes the features, which every use case with features has."""
        table = registry_table(self.use_case)
        if table.short_name in self._tables:
            raise DeclarationError(f"{self.use_case.name} declares {table.short_name}, which is built in: remove it")
        self._tables[table.short_name] = table
        self._files[table.short_name] = self.use_case.folder / "tables.yaml"

    def __getitem__(self, short_name: str) -> Table:
        """The table of a name like ``silver.flights``.

        Raises:
            NightshiftError: if there is none.
        """
        if short_name not in self._tables:
            raise UsageError(
                f"{self.use_case.name} has no table {short_name!r}; it has: {', '.join(sorted(self._tables))}"
            )
        return self._tables[short_name]

    def __contains__(self, short_name: object) -> bool:
        return short_name in self._tables

    def __iter__(self) -> Iterator[Table]:
        return iter(self._tables.values())

    def file_of(self, table: Table) -> Path:
        """The file that declares a table, for people."""
        return self._files[table.short_name]

    def layer(self, layer: Layer) -> list[Table]:
        """The tables of one layer."""
        return [table for table in self._tables.values() if table.layer == layer]

    @property
    def sources(self) -> list[Table]:
        """The bronze tables that come from outside."""
        return [table for table in self._tables.values() if table.source is not None]


def refuse(catalog: Catalog, faults: Iterable[tuple[Table, str]]) -> None:
    """Name each fault with the file and the table that it was found in.

    Raises:
        NightshiftError: if there is any.
    """
    lines = [f"{catalog.file_of(table)}: {table.short_name}: {fault}" for table, fault in faults]
    if lines:
        raise DeclarationError("\n".join(lines))


def _declared(use_case: UseCase) -> Iterator[tuple[Path, Table]]:
    path = use_case.folder / "tables.yaml"
    content = read_yaml(path) if path.is_file() else None
    if not isinstance(content, dict) or not isinstance(content.get("tables"), list):
        raise DeclarationError(f"{path} must hold a list of tables under `tables:`")
    for raw in content["tables"]:
        if not isinstance(raw, dict) or not isinstance(raw.get("columns"), list):
            raise DeclarationError(
                f"{path}: a table is a mapping with a list of columns, and this is none: {raw!r:.80}"
            )
        columns = raw["columns"]
        if reserved := [
            column["name"] for column in columns if _name(column) in RESERVED.get(str(raw.get("layer")), ())
        ]:
            raise DeclarationError(
                f"{path}: {raw['layer']}.{raw.get('name')}, column {reserved[0]}: the name is reserved, as nightshift "
                "adds a column of this name itself; call it otherwise, in the delivery too"
            )
        if (raw.get("layer"), raw.get("name")) == ("gold", SCORES):
            columns = _with_score_columns(columns, use_case, path)
        if "source" in raw:
            columns = [*columns, *({**column, "role": "lineage"} for column in LINEAGE)]
        yield path, _table({**raw, "columns": columns}, use_case, path)
    yield path, _table(QUARANTINE_TABLE, use_case, path)


def _with_score_columns(columns: Sequence[Any], use_case: UseCase, path: Path) -> list[Any]:
    """What a use case declares of its scores, and what scoring adds.

    Raises:
        NightshiftError: if it declares what scoring adds.
    """
    added = score_columns(use_case.task, use_case.target)
    names = {column["name"] for column in added}
    if twice := [_name(column) for column in columns if _name(column) in names]:
        raise DeclarationError(
            f"{path}: gold.{SCORES}, column {twice[0]}: every {use_case.task} score has it, so take it out of the "
            "declaration; declared are the keys, and what else shall be carried over from the feature table as it is "
            "(where that is a feature of this name, give the feature another one)"
        )
    return [*columns, *added]


def _dbt_models(use_case: UseCase) -> Iterator[tuple[Path, Table]]:
    """Tables from the dbt models whose ``config.meta`` names a layer."""
    for path in sorted((get_settings().dbt_dir / "models" / use_case.name).rglob("*.yml")):
        for model in (read_yaml(path) or {}).get("models", ()):
            meta = model.get("config", {}).get("meta", {})
            if "layer" in meta:
                yield path, _table(_from_dbt(use_case, model, meta), use_case, path)


def _from_dbt(use_case: UseCase, model: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {"name": "name", "data_type": "type", "description": "description"}
    columns = [
        {
            "description": "",
            **{ours: column[theirs] for theirs, ours in renamed.items() if theirs in column},
            **column.get("config", {}).get("meta", {}),
        }
        for column in model.get("columns", ())
    ]
    name = str(model.get("name")).removeprefix(f"{use_case.name}_")
    return {"name": name, "description": model.get("description", ""), "columns": columns, **meta}


def _table(raw: Mapping[str, Any], use_case: UseCase, path: Path) -> Table:
    """One declaration as a table.

    Raises:
        NightshiftError: naming file, table and column of everything that is wrong with it.
    """
    try:
        return Table.model_validate({"use_case": use_case.name, "owner": use_case.owner, **raw})
    except ValidationError as error:
        table = f"{raw.get('layer', '?')}.{raw.get('name', '?')}"
        lines = [
            f"{path}: {table}{_place(raw, fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        ]
        raise DeclarationError("\n".join(lines)) from error


def _place(raw: Mapping[str, Any], location: Sequence[int | str]) -> str:
    """Where in a table's declaration, like ``, column origin: pattern``."""
    field, *rest = location or ("",)
    place = ""
    if field in _NAMED and rest and isinstance(rest[0], int):
        place = f", {_NAMED[str(field)]} {_name(raw[str(field)][rest[0]]) or f'number {rest[0] + 1}'}"
        rest = rest[1:]
    elif field:
        place = f": {field}"
    return place + "".join(f": {part}" for part in rest if part not in ("file", "jdbc") or field != "source")


def _name(item: Any) -> Any:
    return item.get("name") if isinstance(item, dict) else None
