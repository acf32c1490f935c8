"""Data contracts of the tables in the Open Data Contract Standard, from their declarations.

One contract per table, as owner, version, freshness and retention are a table's own.

Source: https://bitol-io.github.io/open-data-contract-standard/v3.1.0/
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from nightshift.catalogue.generated_files import MARK, Generated
from nightshift.declarations import in_words
from nightshift.declarations.built_in_columns import all_columns
from nightshift.declarations.sql_checks import checked_use_cases
from nightshift.declarations.tables import PARTITION, REASONS, Column, Table
from nightshift.home.settings import Settings

STANDARD = "v3.1.0"
LOGICAL_TYPES = {
    "string": "string",
    "int": "integer",
    "bigint": "integer",
    "double": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    REASONS: "array",
}
REASON_FIELDS = re.findall(r"(\w+):(\w+)", REASONS)
Yaml = dict[str, Any]


def generated(home: Settings) -> Generated:
    """The contracts of all tables."""
    found = checked_use_cases(home)
    files = {place_of(table): text(table) for catalog in found.catalogs for table in catalog}
    return Generated(files, [*home.use_cases_dir.glob("*/contracts/*.odcs.yaml")], found.sentences)


def place_of(table: Table) -> Path:
    """Where the contract of a table lies."""
    return table.home.use_cases_dir / table.use_case / "contracts" / f"{table.short_name}.odcs.yaml"


def text(table: Table) -> str:
    """The contract of one table, as YAML."""
    body = yaml.safe_dump(contract(table), sort_keys=False, allow_unicode=True, width=116)
    return f"# {MARK}\n{body}"


def contract(table: Table) -> Yaml:
    """The contract of one table, in the standard's terms; what the standard has no word for are custom properties."""
    return {
        "apiVersion": STANDARD,
        "kind": "DataContract",
        "id": f"{table.use_case}.{table.short_name}",
        "name": table.full_name,
        "version": f"{table.version}.0.0",
        "status": "active",
        "domain": table.use_case,
        "description": {
            "purpose": table.description,
            "usage": f"Used by {', '.join(table.consumers)}." if table.consumers else "By whoever may read the lake.",
            "limitations": "Read only. All rows of a batch date are replaced at once when it is run again.",
        },
        "servers": [
            {
                "server": "lake",
                "type": "local",
                "path": f"${{NIGHTSHIFT_HOME:-.nightshift}}/lake/{table.layer}/{table.use_case}/{table.name}",
                "format": "delta",
            }
        ],
        "team": {"name": table.owner},
        "schema": [_schema(table)],
        **_some("slaProperties", _service_levels(table)),
        **_some("customProperties", _custom(consumers=list(table.consumers))),
    }


def _unique(table: Table) -> Yaml:
    reach = table.unique_for
    return {"uniqueForDays" if reach.unit == "days" else "uniqueForDeliveries": reach.count}


def _schema(table: Table) -> Yaml:
    return {
        "name": table.name,
        "physicalName": table.full_name,
        "physicalType": "table",
        "logicalType": "object",
        "description": table.description,
        "dataGranularityDescription": table.grain,
        "tags": [table.layer],
        "properties": [_property(column, table) for column in all_columns(table)],
        "quality": _quality(table),
        **_some("customProperties", _custom(**_unique(table), arrivesAs=in_words.origin(table))),
    }


def _property(column: Column, table: Table) -> Yaml:
    # What has landed may hold a key twice.
    key = () if table.layer == "bronze" else (PARTITION, *table.keys)
    is_key, is_partition = column.name in key, column.name == PARTITION
    return {
        "name": column.name,
        "logicalType": LOGICAL_TYPES[column.type],
        "physicalType": column.type,
        "description": column.description,
        "required": column.required or is_key,
        **({"primaryKey": True, "primaryKeyPosition": key.index(column.name) + 1} if is_key else {}),
        **({"partitioned": True, "partitionKeyPosition": 1} if is_partition else {}),
        **({"classification": "restricted"} if column.pii else {}),
        **_some("logicalTypeOptions", _options(column)),
        **_some("items", _items(column)),
        **_some("quality", _accepted(column)),
        **_some(
            "customProperties",
            _custom(
                unit=column.unit,
                personalData=column.pii,
                treatment=column.treatment if column.pii else None,
                role=column.role,
                since=column.since if column.since > 1 else None,
                until=column.until,
                was=column.was,
            ),
        ),
    }


def _items(column: Column) -> Yaml:
    if column.type != REASONS:
        return {}
    fields = [{"name": name, "logicalType": LOGICAL_TYPES[kind], "physicalType": kind} for name, kind in REASON_FIELDS]
    return {
        "logicalType": "object",
        "physicalType": REASONS.removeprefix("array<").removesuffix(">"),
        "properties": fields,
    }


def _options(column: Column) -> Yaml:
    given: Yaml = {}
    for name, bound in (("minimum", column.minimum), ("maximum", column.maximum)):
        if bound is not None:
            given[name] = int(bound) if bound.is_integer() else bound
    if column.pattern is not None:
        # The standard's patterns may match anywhere in the text, the declared ones match all of it.
        given["pattern"] = f"^(?:{column.pattern})$"
    return given


def _accepted(column: Column) -> list[Yaml]:
    if column.accepted is None:
        return []
    return [
        {
            "type": "library",
            "metric": "invalidValues",
            "arguments": {"validValues": list(column.accepted)},
            "mustBe": 0,
            "dimension": "conformity",
            "severity": "error",
        }
    ]


def _quality(table: Table) -> list[Yaml]:
    """The keys and the rules as checks that can be run; what other tables are needed for in words."""
    keys = {
        "name": "keys_are_unique",
        "description": f"The grain is {table.grain}.",
        "type": "library",
        "metric": "duplicateValues",
        "arguments": {"properties": [PARTITION, *table.keys]},
        "mustBe": 0,
        "dimension": "uniqueness",
        "severity": "warning" if table.layer == "bronze" else "error",
    }
    rules = [
        {
            "name": rule.name,
            "description": rule.why,
            "type": "sql",
            "query": f"SELECT count(*) FROM ${{table}} WHERE NOT coalesce({rule.must}, false)",
            "mustBe": 0,
            "dimension": "consistency",
            "severity": "error",
            "customProperties": _custom(dialect="spark"),
        }
        for rule in table.rules
    ]
    agreements = [
        {
            "name": each.name,
            "description": f"{in_words.agreement(table, each)}: {each.why}",
            "type": "text",
            "dimension": "consistency",
            "severity": "error",
        }
        for each in table.agrees_with
    ]
    return [keys, *rules, *agreements]


def _service_levels(table: Table) -> list[Yaml]:
    element = f"{table.name}.{PARTITION}"
    levels = []
    if table.freshness_hours is not None:
        levels.append(
            {
                "property": "freshness",
                "value": table.freshness_hours,
                "unit": "h",
                "element": element,
                "description": "Age of the newest batch date, from its midnight in the use case's time zone.",
            }
        )
    if table.retention_days is not None:
        levels.append({"property": "retention", "value": table.retention_days, "unit": "d", "element": element})
    return levels


def _custom(**values: Any) -> list[Yaml]:
    return [{"property": name, "value": value} for name, value in values.items() if value]


def _some(name: str, value: Any) -> Yaml:
    """The field, unless it would be empty."""
    return {name: value} if value else {}
