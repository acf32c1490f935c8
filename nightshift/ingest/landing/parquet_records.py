"""Rows of Parquet files as records, typed as they are declared: read by Spark, or where it can't, by Arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from nightshift.declarations.tables import Table
from nightshift.ingest.delivery import LandedFile
from nightshift.ingest.delivery.column_drift import columns_at, delivered_names
from nightshift.ingest.delivery.parquet_types import bare
from nightshift.ingest.landing.arrow_records import arrow_rows
from nightshift.ingest.landing.record_form import all_fields, broken, joined, json_of, reasons_by_rule

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import DataType, StructType

ROW = "row"
# What readers of the tables can hold as a date or an instant, Python's among them.
YEARS = {
    "date": "DATE'0001-01-01' AND DATE'9999-12-31'",
    "timestamp": "TIMESTAMP'0001-01-01 00:00:00Z' AND TIMESTAMP'9999-12-31 23:59:59.999999Z'",
}


def parquet_records(spark: SparkSession, table: Table, files: Sequence[LandedFile], paths: Sequence[str]) -> DataFrame:
    """Rows of Parquet files that have their columns in common, or are all read by Arrow."""
    like = files[0]
    called = delivered_names(table, like.version)
    columns = columns_at(table, like.version)
    named = _by_arrow(spark, table, files) if like.by_arrow else _by_spark(spark, table, like, paths)
    texts = [called[column.name] for column in columns if column.type == "string"]
    checks = {
        "utf8": [_said(name, "is not valid UTF-8", ~F.is_valid_utf8(f"{ROW}.{name}")) for name in texts],
        "nul": [_said(name, "holds a NUL character", F.contains(f"{ROW}.{name}", F.lit("\0"))) for name in texts],
        "type": [
            _said(
                called[column.name],
                f"is no {column.type} of the years 1 to 9999",
                F.expr(f"{ROW}.`{called[column.name]}` NOT BETWEEN {YEARS[column.type]}"),
            )
            for column in columns
            if column.type in YEARS
        ],
    }
    return named.withColumns(reasons_by_rule(checks)).select(
        "path",
        "record",
        "raw",
        joined(list(checks)).alias("faults"),
        all_fields(table, {column: F.col(f"{ROW}.{name}") for column, name in called.items()}),
        "extra",
        broken(list(checks)).alias("fault_rules"),
    )


def _by_spark(spark: SparkSession, table: Table, like: LandedFile, paths: Sequence[str]) -> DataFrame:
    called = delivered_names(table, like.version)
    columns = columns_at(table, like.version)
    typed = [column for column in columns if called[column.name] not in like.untyped]
    schema = ", ".join(f"`{called[column.name]}` {column.type}" for column in typed)
    rows = spark.read.schema(_with_added(like, schema)).parquet(*paths)
    declared = [_value(called[column.name], like, column.type) for column in columns]
    added = [_value(name, like, "string") for name in like.added]
    whole = json_of([*declared, *added])
    # Undeclared columns may have any name, so that they are gone before others are added.
    return rows.select(
        F.col("_metadata.file_name").alias("path"),
        (F.col("_metadata.row_index") + 1).alias("record"),
        F.make_valid_utf8(whole).alias("raw"),
        json_of(added).alias("extra"),
        F.struct(*declared).alias(ROW),
    )


def _by_arrow(spark: SparkSession, table: Table, files: Sequence[LandedFile]) -> DataFrame:
    rows = arrow_rows(spark, table, files, ROW)
    declared = json_of([F.col(f"{ROW}.*")])
    # Both are objects: the second one's fields after the first one's.
    both = F.concat(F.expr("left(raw, length(raw) - 1)"), F.lit(","), F.expr("substr(extra, 2)"))
    raw = F.when(F.col("extra").isNull(), F.col("raw")).otherwise(both)
    return rows.withColumn("raw", F.make_valid_utf8(declared)).withColumn("raw", raw)


def _with_added(file: LandedFile, declared: str) -> StructType:
    """The declared columns, and the others that a Parquet file has."""
    from pyspark.sql.types import StructField, StructType

    fields = [StructField(name, kind) for name, kind in added_types(file).items()]
    return StructType([*StructType.fromDDL(declared).fields, *fields])  # type: ignore[attr-defined]


def added_types(file: LandedFile) -> dict[str, DataType]:
    """Spark's types of the undeclared columns that have one, from the footer of a file that has any."""
    if not file.added:
        return {}
    import pyarrow.parquet as pq
    from pyspark.sql.pandas.types import from_arrow_type

    with file.path.open() as stream:
        schema = pq.read_schema(stream)
    names = [name for name in file.added if name not in file.untyped]
    return {name: from_arrow_type(bare(schema.field(name).type), prefer_timestamp_ntz=True) for name in names}


def _value(name: str, file: LandedFile, kind: str) -> Column:
    """A column of the file; nulls of the declared type where it has none of its own."""
    value = F.lit(None).cast(kind) if name in file.untyped else F.col(_quoted(name))
    return value.alias(name)


def _said(name: str, words: str, applies: Column) -> Column:
    return F.when(applies, F.lit(f"{name}: {words}"))


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
