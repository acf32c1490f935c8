"""All tables of one use case, from the files that declare them.

Bronze and silver tables and the scores are declared in ``use_cases/<name>/tables.yaml``; the tables that dbt
computes are declared where dbt wants them, in the YAML beside the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nightshift.declarations.built_in_columns import LINEAGE, QUARANTINE_TABLE, RESERVED, SCORES_NAME, score_columns
from nightshift.declarations.cross_checks import faults_between
from nightshift.declarations.dbt_files import yaml_files
from nightshift.declarations.feature_registry_table import registry_table
from nightshift.declarations.tables import Layer, Table
from nightshift.declarations.unused_files import refuse_unused_code
from nightshift.declarations.use_case import UseCase
from nightshift.declarations.yaml_form import Place, faults, line_of, mapping, mappings, read_mapping
from nightshift.errors import DeclarationError, UsageError

# Lists in a declaration whose items have a name that a message should give.
_NAMED = {"columns": "column", "rules": "rule", "agrees_with": "agreement"}


class Catalog:
    """All tables of one use case, found by ``layer.name``, in the home of the use case."""

    def __init__(self, use_case: UseCase) -> None:
        """Read the declarations.

        The SQL in them is looked at by `nightshift.declarations.sql_checks.check_sql`, as that needs a parser.

        Raises:
            DeclarationError: naming file, table and column, if one breaks a rule or two tables have one name.
        """
        self.use_case = use_case
        self._tables: dict[str, Table] = {}
        self._files: dict[str, Path] = {}
        self._places: dict[str, Place] = {}
        for path, place, table in (*_declared(use_case), *_dbt_models(use_case)):
            if other := self._tables.get(table.short_name):
                # What is built in has no place of its own.
                fault = "a second time" if place else "which is built in"
                raise DeclarationError(
                    f"{line_of(path, place) if place else self.line_of(other)}: declares {table.short_name}, {fault}"
                    + (f"; the first stands in {self.line_of(other)}" if place else ""),
                    remedy="rename it, or take it away",
                )
            self._tables[table.short_name], self._files[table.short_name] = table, path
            self._places[table.short_name] = place
        if any(table.features for table in self._tables.values()):
            self._add_registry()
        refuse(self, faults_between(use_case, self._tables))
        refuse_unused_code(use_case, self._tables)

    def _add_registry(self) -> None:
        """The table that describes the features, which every use case with features has."""
        table = registry_table(self.use_case).within(self.use_case.home)
        if table.short_name in self._tables:
            other = self._tables[table.short_name]
            raise DeclarationError(
                f"{self.line_of(other)}: declares {table.short_name}, which is built in",
                remedy="rename it, or take it away",
            )
        self._tables[table.short_name] = table
        self._files[table.short_name] = self.use_case.folder / "tables.yaml"

    def __getitem__(self, short_name: str) -> Table:
        """The table of a name like ``silver.orders``.

        Raises:
            DeclarationError: if there is none.
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

    def line_of(self, table: Table) -> str:
        """The file that declares a table, and the line."""
        return line_of(self._files[table.short_name], self._places.get(table.short_name, ()))

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
        DeclarationError: if there is any.
    """
    lines = [f"{catalog.line_of(table)}: {table.short_name}: {fault}" for table, fault in faults]
    if lines:
        raise DeclarationError("\n".join(lines))


def _declared(use_case: UseCase) -> Iterator[tuple[Path, Place, Table]]:
    path = use_case.folder / "tables.yaml"
    if not path.exists():
        raise DeclarationError(
            f"{path} is missing: it declares the sources, silver tables and scores of {use_case.name} under `tables:` "
            "(CONTRIBUTING.md, Add a use case)"
        )
    content = read_mapping(path)
    if "tables" not in content:
        raise DeclarationError(f"{path}, line 1: must hold a list of tables under `tables:`")
    for number, raw in enumerate(mappings(path, content, "tables")):
        place = ("tables", number)
        if not isinstance(raw.get("columns"), list):
            raise DeclarationError(
                f"{line_of(path, place)}: a table is a mapping with a list of columns, and this is none: {raw!r:.80}"
            )
        columns = mappings(path, raw, "columns", place)
        for position, column in enumerate(columns):
            if _name(column) in RESERVED.get(str(raw.get("layer")), ()):
                raise DeclarationError(
                    f"{line_of(path, (*place, 'columns', position))}: {raw['layer']}.{raw.get('name')}, column "
                    f"{_name(column)}: the name is reserved, as nightshift adds a column of this name itself; call it "
                    "otherwise, in the delivery too"
                )
        if (raw.get("layer"), raw.get("name")) == ("gold", SCORES_NAME):
            columns = _with_score_columns(columns, use_case, path, (*place, "columns"))
        if "source" in raw:
            columns = [*columns, *({**column, "role": "lineage"} for column in LINEAGE)]
        yield path, place, _table({**raw, "columns": columns}, use_case, path, _below(place))
    yield path, (), _table(QUARANTINE_TABLE, use_case, path, tuple)


def _with_score_columns(columns: Sequence[Any], use_case: UseCase, path: Path, place: Place) -> list[Any]:
    """What a use case declares of its scores, and what scoring adds.

    Raises:
        DeclarationError: if it declares what scoring adds.
    """
    added = score_columns(use_case.task, use_case.target)
    names = {column["name"] for column in added}
    if twice := [number for number, column in enumerate(columns) if _name(column) in names]:
        raise DeclarationError(
            f"{line_of(path, (*place, twice[0]))}: gold.{SCORES_NAME}, column {_name(columns[twice[0]])}: every "
            f"{use_case.task} score has it, so take it out of the declaration; declared are the keys, and what else "
            "shall be carried over from the feature table as it is (where that is a feature of this name, give the "
            "feature another one)"
        )
    return [*columns, *added]


def _dbt_models(use_case: UseCase) -> Iterator[tuple[Path, Place, Table]]:
    """Tables from the dbt models whose ``config.meta`` names a layer."""
    for path in yaml_files(use_case):
        content = read_mapping(path, may_be_empty=True)
        for number, model in enumerate(mappings(path, content, "models")):
            place = ("models", number)
            meta = _meta(path, model, place)
            # Of helpers as well: what was cut off by mistake may have been what makes a model a table.
            mappings(path, model, "columns", place)
            if "layer" in meta:
                raw = _from_dbt(use_case, path, model, place)
                yield path, place, _table({**raw, **meta}, use_case, path, _below(place, _in_dbt))


def _from_dbt(use_case: UseCase, path: Path, model: Mapping[str, Any], place: Place) -> dict[str, Any]:
    renamed = {"name": "name", "data_type": "type", "description": "description"}
    columns = [
        {
            "description": "",
            **{ours: column[theirs] for theirs, ours in renamed.items() if theirs in column},
            **_meta(path, column, (*place, "columns", number)),
        }
        for number, column in enumerate(mappings(path, model, "columns", place))
    ]
    name = str(model.get("name")).removeprefix(f"{use_case.name}_")
    return {"name": name, "description": model.get("description", ""), "columns": columns}


def _meta(path: Path, item: Mapping[str, Any], place: Place) -> dict[Any, Any]:
    """What a model or column says under `meta` and, which counts more, `config.meta`; dbt still takes both."""
    config = mapping(path, item, "config", place)
    # Without a value it is none, as for dbt.
    metas = [(item, place), (config, (*place, "config"))]
    older, newer = ({} if each.get("meta", "") is None else mapping(path, each, "meta", at) for each, at in metas)
    return {**older, **newer}


def _below(place: Place, place_of: Callable[[Place], Place] = tuple) -> Callable[[Place], Place]:
    return lambda field: (*place, *place_of(field))


def _in_dbt(field: Place) -> Place:
    """Where dbt's YAML has a field of a table."""
    first, *rest = field or ("",)
    if first in ("", "name", "description"):
        return field
    if first != "columns" or len(rest) < 2:
        return field if first == "columns" else ("config", "meta", *field)
    number, name, *deeper = rest
    theirs = {"name": ("name",), "description": ("description",), "type": ("data_type",)}
    return (first, number, *theirs.get(str(name), ("config", "meta", name)), *deeper)


def _table(raw: Mapping[str, Any], use_case: UseCase, path: Path, place_of: Callable[[Place], Place]) -> Table:
    """One declaration as a table.

    Args:
        place_of: where in its file a field of the table stands.

    Raises:
        DeclarationError: naming file, line, table and column of everything that is wrong with it.
    """
    try:
        declared = Table.model_validate({"use_case": use_case.name, "owner": use_case.owner, **raw})
        return declared.within(use_case.home)
    except ValidationError as error:
        table = f"{raw.get('layer', '?')}.{raw.get('name', '?')}"
        found = faults(error, path, Table, place_of)
        lines = [f"{where}: {table}{_place(raw, place)}: {said}" for where, place, said in found]
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


def _name(item: Any) -> str | None:
    """What an item is called, where it says so in text."""
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else None
