"""The feature registry as a table that analysts query: published like every other one, without Spark."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightshift import lake
from nightshift.audit import Audit, AuditReport, Check
from nightshift.catalog import Catalog
from nightshift.dates import BatchDates
from nightshift.errors import NightshiftError
from nightshift.feature_registry.declaration import registry_table
from nightshift.feature_registry.live import FeatureInUse, Registry
from nightshift.job import Job
from nightshift.lake.staging import WRITTEN
from nightshift.publish import Published, publish
from nightshift.tables import PARTITION, Column, Table
from nightshift.use_case import UseCase

if TYPE_CHECKING:
    import pyarrow as pa

STAGE = "feature_registry"


def publish_registry(use_case: UseCase, registry: Registry, run_id: str) -> Published:
    """Publish the registry as the slice of the newest batch date that has features.

    Raises:
        NightshiftError: if no features were ever published, or a row breaks the table's declaration.
    """
    date = max((feature.batch_date for feature in registry.features if feature.batch_date), default=None)
    if date is None:
        raise NightshiftError(
            f"{use_case.name} has no published features yet, so there is no batch date to file its registry under: run "
            f"`python -m spark_jobs.build --layer features --use-case {use_case.name} --dates <first>..<last>`"
        )
    table = registry_table(use_case)
    job = Job(STAGE, use_case, Catalog(use_case), BatchDates.of(date), run_id)
    folder = lake.stage_folder(table)
    _write(registry, table, date, folder)
    return publish(job, table, folder, audit=_audit_of(folder))


def rows_of(registry: Registry) -> list[dict[str, Any]]:
    """The registry as rows of the table, batch date aside."""
    return [_row(feature, registry.champion) for feature in registry.features]


def _row(feature: FeatureInUse, champion: int | None) -> dict[str, Any]:
    declared = feature.declared
    return {
        "feature_table": declared.table,
        "feature": declared.name,
        "description": declared.description,
        "owner": declared.owner,
        "data_type": declared.type,
        "unit": declared.unit,
        "feature_group": declared.group,
        "is_categorical": declared.categorical,
        "computed_from": ", ".join(declared.computed_from) or None,
        "also_depends_on": ", ".join(declared.also_depends_on) or None,
        "looks_back": ", ".join(declared.windows) or None,
        "slice_date": feature.batch_date,
        "rows": feature.rows,
        "null_share": feature.null_share,
        "distinct_values": feature.distinct,
        "mean": feature.mean,
        "lowest": feature.lowest,
        "highest": feature.highest,
        "champion": champion,
        "gain_share": feature.gain_share,
        "used_by": ", ".join(str(version) for version in feature.used_by) or None,
        "status": feature.status,
    }


def _write(registry: Registry, table: Table, date: dt.date, folder: Path) -> None:
    """Write the slice as Spark would: Parquet below the folder of its batch date, and a mark when it is complete."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"string": pa.string(), "boolean": pa.bool_(), "date": pa.date32(), "bigint": pa.int64()}
    kinds |= {"int": pa.int32(), "double": pa.float64()}
    schema = pa.schema([(column.name, kinds[column.type]) for column in table.data_columns])
    part = folder / f"{PARTITION}={date}"
    part.mkdir(parents=True, exist_ok=True)
    rows = sorted(rows_of(registry), key=lambda row: tuple(row[key] for key in table.keys))
    pq.write_table(pa.Table.from_pylist(rows, schema), part / "part-0.parquet")
    (folder / WRITTEN).touch()


def _audit_of(folder: Path) -> Audit:
    """The audit of the staged files, by the table's own declaration; a few dozen rows need no engine."""

    def audit(rows: object, table: Table, dates: BatchDates, expected_rows: int | None) -> AuditReport:
        import pyarrow.parquet as pq

        staged = pq.read_table(folder)
        return AuditReport((_keys_are_unique(staged, table), *_values_hold(staged, table)))

    return audit


def _keys_are_unique(staged: pa.Table, table: Table) -> Check:
    keys = [tuple(row.values()) for row in staged.select(list(table.keys)).to_pylist()]
    doubled = len(keys) - len(set(keys))
    why = "A feature that is listed twice is counted twice."
    return Check("keys_are_unique", "blocks", why, passed=bool(keys) and not doubled, failed_rows=doubled)


def _values_hold(staged: pa.Table, table: Table) -> list[Check]:
    checks = []
    for column in table.data_columns:
        wrong = [value for value in staged[column.name].to_pylist() if not _holds(value, column)]
        name = f"{column.name}_keeps_to_its_declaration"
        checks.append(Check(name, "blocks", column.description, not wrong, len(wrong), observed=str(wrong[:1] or "")))
    return checks


def _holds(value: Any, column: Column) -> bool:
    if value is None:
        return not column.required
    if column.accepted is not None and value not in column.accepted:
        return False
    is_low = column.minimum is not None and value < column.minimum
    is_high = column.maximum is not None and value > column.maximum
    return not (is_low or is_high)
